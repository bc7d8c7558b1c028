"""`make bench`: throughput beside the bare fan-out; `--only` measures something else instead."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console

from bench.erasures import run_erasures
from bench.executions import LIMIT as EXECUTIONS_LIMIT
from bench.executions import TALK_SECONDS as EXECUTIONS_TALK_SECONDS
from bench.executions import measure_executions, show_executions
from bench.following import measure_following, show_following
from bench.history import BATCHES, run_history
from bench.memory import measure_memory, show_memory
from bench.preview import measure_preview, show_preview
from bench.slots import LIMIT as SLOTS_LIMIT
from bench.slots import TALK_SECONDS, measure_slots, show_slots
from bench.throughput import measure_throughput, show_throughput
from bench.watching import measure_watching, show_watching
from bench.webhooks import LIMIT as WEBHOOKS_LIMIT
from bench.webhooks import TALK_SECONDS as WEBHOOKS_TALK_SECONDS
from bench.webhooks import measure_webhooks, show_webhooks
from embedded.listening import free_ports
from embedded.plan import StackPlan, with_ports
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from settings import Settings, inherited_environment
from telephony.simulator.settings import SimulatorSettings
from temporal.process_exit import leave

CONTACTS = {
    "throughput": 400,
    "watching": 2000,
    "executions": 300,
    "slots": 1000,
    "memory": 1000,
    "preview": 10_000,
    "followers": 2000,
    "history": 1_000_000,
    "erasures": 2_000_000,
    "webhooks": 2500,
}
ROUNDS = {
    "throughput": 3,
    "watching": 2,
    "executions": 2,
    "slots": 1,
    "memory": 1,
    "webhooks": 1,
    "preview": 3,
    "followers": 2,
}
LIMITS = {"executions": EXECUTIONS_LIMIT, "slots": SLOTS_LIMIT, "webhooks": WEBHOOKS_LIMIT}
TALKS = {
    "executions": EXECUTIONS_TALK_SECONDS,
    "slots": TALK_SECONDS,
    "webhooks": WEBHOOKS_TALK_SECONDS,
}


def bench_plan(data_dir: Path, *, talk_seconds: float = 0) -> StackPlan:
    """Return a stack of its own whose phones ring for no time at all."""
    quick = SimulatorSettings(ring_seconds=0, talk_seconds=talk_seconds)
    settings = with_ports(Settings.model_construct(data_dir=data_dir, sim=quick), free_ports(4))
    environment = {
        name: value for name, value in inherited_environment().items() if not name.startswith("APOLLO_")
    }
    return StackPlan(settings=settings, environment=environment, working_dir=data_dir)


def measure(stack: RunningStack, console: Console, given: argparse.Namespace) -> None:
    """Measure and print."""
    contacts, rounds = given.contacts or CONTACTS[given.only], given.rounds or ROUNDS[given.only]
    limit = given.limit or LIMITS.get(given.only, 0)
    match given.only:
        case "watching":
            watched = asyncio.run(measure_watching(stack, contacts=contacts, rounds=rounds))
            show_watching(console, watched, contacts)
        case "executions":
            asked = asyncio.run(measure_executions(stack, contacts=contacts, rounds=rounds, limit=limit))
            show_executions(console, asked, contacts, limit)
        case "slots" | "memory":
            for _ in range(rounds):
                _measure_once(stack, console, given.only, contacts, limit)
        case "preview" | "followers":
            _measure_clients(stack, console, given.only, contacts, rounds)
        case "webhooks":
            told = asyncio.run(measure_webhooks(stack, contacts=contacts, rounds=rounds, limit=limit))
            show_webhooks(console, told, contacts)
        case _:
            compared = asyncio.run(measure_throughput(stack, contacts=contacts, rounds=rounds))
            show_throughput(console, compared, contacts)


def _measure_clients(stack: RunningStack, console: Console, what: str, contacts: int, rounds: int) -> None:
    if what == "preview":
        expected = asyncio.run(measure_preview(stack, contacts=contacts, rounds=rounds))
        show_preview(console, expected, contacts)
    else:
        followed = asyncio.run(measure_following(stack, contacts=contacts, rounds=rounds))
        show_following(console, followed, contacts)


def _measure_once(stack: RunningStack, console: Console, what: str, contacts: int, limit: int) -> None:
    if what == "slots":
        show_slots(console, asyncio.run(measure_slots(stack, contacts=contacts, limit=limit)))
    else:
        show_memory(console, asyncio.run(measure_memory(stack, contacts=contacts)))


def main() -> None:
    """Run one benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(CONTACTS), default="throughput")
    parser.add_argument("--contacts", type=int, help="contacts of one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument(
        "--limit", type=int, help="slots of the batch, with --only executions, slots or webhooks"
    )
    parser.add_argument("--batches", type=int, default=BATCHES, help="with --only history or erasures")
    given = parser.parse_args()
    console = Console()
    if given.only == "history":
        run_history(console, contacts=given.contacts or CONTACTS["history"], batches=given.batches)
        leave(0)
    if given.only == "erasures":
        run_erasures(console, contacts=given.contacts or CONTACTS["erasures"], batches=given.batches)
        leave(0)
    talk_seconds = TALKS.get(given.only, 0)
    with (
        tempfile.TemporaryDirectory(prefix="apollo-bench-") as folder,
        StopRequest() as stop,
        running(bench_plan(Path(folder).resolve(), talk_seconds=talk_seconds), stop, console.print) as stack,
    ):
        measure(stack, console, given)
    leave(0)


if __name__ == "__main__":
    main()
