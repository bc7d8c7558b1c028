"""`make bench`: throughput beside the bare fan-out; `--only` measures something else instead."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from bench.actions import LIMIT as ACTIONS_LIMIT
from bench.actions import TALK_SECONDS as ACTIONS_TALK_SECONDS
from bench.actions import measure_actions, show_actions
from bench.erasures import run_erasures
from bench.executions import LIMIT as EXECUTIONS_LIMIT
from bench.executions import TALK_SECONDS as EXECUTIONS_TALK_SECONDS
from bench.executions import measure_executions, show_executions
from bench.following import LIMIT as FOLLOWERS_LIMIT
from bench.following import TALK_SECONDS as FOLLOWERS_TALK_SECONDS
from bench.following import measure_following, show_following
from bench.history import BATCHES, run_history
from bench.memory import measure_memory, show_memory
from bench.preview import measure_preview, show_preview
from bench.slots import LIMIT as SLOTS_LIMIT
from bench.slots import TALK_SECONDS as SLOTS_TALK_SECONDS
from bench.slots import measure_slots, show_slots
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


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    contacts: int
    """Of one round."""
    rounds: int = 1
    limit: int = 0
    """Slots of the batch."""


Measurement = Callable[[RunningStack, Console, Size], None]


def _throughput(stack: RunningStack, console: Console, size: Size) -> None:
    rounds = asyncio.run(measure_throughput(stack, contacts=size.contacts, rounds=size.rounds))
    show_throughput(console, rounds, size.contacts)


def _watching(stack: RunningStack, console: Console, size: Size) -> None:
    rounds = asyncio.run(measure_watching(stack, contacts=size.contacts, rounds=size.rounds))
    show_watching(console, rounds, size.contacts)


def _executions(stack: RunningStack, console: Console, size: Size) -> None:
    rounds = asyncio.run(measure_executions(stack, **asdict(size)))
    show_executions(console, rounds, size.contacts, size.limit)


def _followers(stack: RunningStack, console: Console, size: Size) -> None:
    rounds = asyncio.run(measure_following(stack, **asdict(size)))
    show_following(console, rounds, size.contacts, size.limit)


def _webhooks(stack: RunningStack, console: Console, size: Size) -> None:
    rounds = asyncio.run(measure_webhooks(stack, **asdict(size)))
    show_webhooks(console, rounds, size.contacts)


def _preview(stack: RunningStack, console: Console, size: Size) -> None:
    rounds = asyncio.run(measure_preview(stack, contacts=size.contacts, rounds=size.rounds))
    show_preview(console, rounds, size.contacts)


def _slots(stack: RunningStack, console: Console, size: Size) -> None:
    for _ in range(size.rounds):
        show_slots(console, asyncio.run(measure_slots(stack, contacts=size.contacts, limit=size.limit)))


def _memory(stack: RunningStack, console: Console, size: Size) -> None:
    for _ in range(size.rounds):
        show_memory(console, asyncio.run(measure_memory(stack, contacts=size.contacts)))


def _actions(stack: RunningStack, console: Console, size: Size) -> None:
    costs = asyncio.run(measure_actions(stack, contacts=size.contacts, limit=size.limit))
    show_actions(console, costs, size.contacts)


@dataclass(frozen=True)
class Bench:
    """One measurement on a whole stack, as large as it is without options."""

    measure: Measurement
    size: Size
    talk_seconds: float = 0


ON_A_STACK = {
    "throughput": Bench(_throughput, Size(400, rounds=3)),
    "watching": Bench(_watching, Size(2000, rounds=2)),
    "executions": Bench(_executions, Size(300, 2, EXECUTIONS_LIMIT), EXECUTIONS_TALK_SECONDS),
    "followers": Bench(_followers, Size(600, 2, FOLLOWERS_LIMIT), FOLLOWERS_TALK_SECONDS),
    "slots": Bench(_slots, Size(1000, 1, SLOTS_LIMIT), SLOTS_TALK_SECONDS),
    "webhooks": Bench(_webhooks, Size(2500, 1, WEBHOOKS_LIMIT), WEBHOOKS_TALK_SECONDS),
    "actions": Bench(_actions, Size(200, 1, ACTIONS_LIMIT), ACTIONS_TALK_SECONDS),
    "memory": Bench(_memory, Size(1000)),
    "preview": Bench(_preview, Size(10_000, rounds=3)),
}
ON_A_DATABASE = {"history": (run_history, 1_000_000), "erasures": (run_erasures, 2_000_000)}


def bench_plan(data_dir: Path, *, talk_seconds: float = 0) -> StackPlan:
    """Return a stack of its own whose phones ring for no time at all."""
    quick = SimulatorSettings(ring_seconds=0, talk_seconds=talk_seconds)
    settings = with_ports(Settings.model_construct(data_dir=data_dir, sim=quick), free_ports(4))
    environment = {
        name: value for name, value in inherited_environment().items() if not name.startswith("APOLLO_")
    }
    return StackPlan(settings=settings, environment=environment, working_dir=data_dir)


def main() -> None:
    """Run one benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*ON_A_STACK, *ON_A_DATABASE], default="throughput")
    parser.add_argument("--contacts", type=int, help="contacts of one round")
    parser.add_argument("--rounds", type=int, help="with what is measured on a whole stack")
    parser.add_argument("--limit", type=int, help="slots of the batch, where calls have a length")
    parser.add_argument("--batches", type=int, default=BATCHES, help="with --only history or erasures")
    given = parser.parse_args()
    console = Console()
    if given.only in ON_A_DATABASE:
        run, contacts = ON_A_DATABASE[given.only]
        run(console, contacts=given.contacts or contacts, batches=given.batches)
    else:
        _on_a_stack(console, ON_A_STACK[given.only], given)
    leave(0)


def _on_a_stack(console: Console, bench: Bench, given: argparse.Namespace) -> None:
    asked = {name: getattr(given, name) for name in ("contacts", "rounds", "limit") if getattr(given, name)}
    with (
        tempfile.TemporaryDirectory(prefix="apollo-bench-") as folder,
        StopRequest() as stop,
        running(
            bench_plan(Path(folder).resolve(), talk_seconds=bench.talk_seconds), stop, console.print
        ) as stack,
    ):
        bench.measure(stack, console, replace(bench.size, **asked))


if __name__ == "__main__":
    main()
