"""`make bench`: the figures that have goals, beside them and beside those of the run before."""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from bench import (
    actions,
    erasures,
    executions,
    following,
    history,
    memory,
    preview,
    restarts,
    scale,
    slots,
    throughput,
    upload,
    waiting_people,
    watching,
    webhooks,
)
from bench.figures import Figure, Size, read_figures, show_figures, write_figures
from embedded.listening import free_ports
from embedded.plan import StackPlan, with_ports
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from settings import Settings, inherited_environment
from telephony.simulator.settings import SimulatorSettings
from temporal.process_exit import leave

RESULTS = Path("bench/results/last.json")


@dataclass(frozen=True)
class Bench:
    """One measurement on a whole stack, as large as it is without options."""

    measure: Callable[[RunningStack, Console, Size], Sequence[Figure]]
    size: Size
    talk_seconds: float = 0


ON_A_STACK = {
    "throughput": Bench(throughput.run, Size(400, rounds=3)),
    "slots": Bench(slots.run, Size(1000, 1, slots.LIMIT), slots.TALK_SECONDS),
    "actions": Bench(actions.run, Size(200, 1, actions.LIMIT), actions.TALK_SECONDS),
    "restarts": Bench(restarts.run, Size(300, 1, restarts.LIMIT), restarts.TALK_SECONDS),
    "upload": Bench(upload.run, Size(10_000, rounds=3)),
    "watching": Bench(watching.run, Size(1000, rounds=2)),
    "followers": Bench(following.run, Size(600, 2, following.LIMIT), following.TALK_SECONDS),
    "executions": Bench(executions.run, Size(300, 2, executions.LIMIT), executions.TALK_SECONDS),
    "webhooks": Bench(webhooks.run, Size(1250, 1, webhooks.LIMIT), webhooks.TALK_SECONDS),
    "preview": Bench(preview.run, Size(10_000, rounds=3)),
    "sleepers": Bench(waiting_people.run_sleepers, Size(2000)),
    "live-calls": Bench(waiting_people.run_live_calls, Size(200), waiting_people.TALK_SECONDS),
    "scale": Bench(scale.run, Size(10_000, 1, scale.LIMIT)),
    "memory": Bench(memory.run, Size(1000)),
}
ON_A_DATABASE = {"history": (history.run, 1_000_000), "erasures": (erasures.run, 2_000_000)}
ALL = (*ON_A_STACK, *ON_A_DATABASE)
BY_DEFAULT = ("throughput", "slots", "actions", "upload", "watching")


def bench_plan(data_dir: Path, *, talk_seconds: float = 0, temporal_address: str | None = None) -> StackPlan:
    """Return a stack of its own whose phones ring for no time at all."""
    quick = SimulatorSettings(ring_seconds=0, talk_seconds=talk_seconds)
    chosen = Settings.model_construct(data_dir=data_dir, sim=quick, temporal_address=temporal_address)
    settings = with_ports(chosen, free_ports(4))
    environment = {
        name: value for name, value in inherited_environment().items() if not name.startswith("APOLLO_")
    }
    return StackPlan(settings=settings, environment=environment, working_dir=data_dir)


def main() -> None:
    """Run benchmarks one after the other, print their tables, and last their figures beside the goals."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", choices=ALL, nargs="+", default=BY_DEFAULT, metavar="NAME", help=", ".join(ALL)
    )
    parser.add_argument("--contacts", type=int, help="contacts of one round")
    parser.add_argument("--rounds", type=int, help="where there are several")
    parser.add_argument("--limit", type=int, help="slots of the batch, where calls have a length")
    parser.add_argument(
        "--temporal", metavar="HOST:PORT", help="a server to work with, whose namespace is new to Apollo"
    )
    parser.add_argument("--batches", type=int, default=history.BATCHES, help="of history and erasures")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where figures are kept, as JSON")
    parser.add_argument("--former", type=Path, help="figures to compare with; those of the last run if unset")
    given = parser.parse_args()
    console, former = Console(), read_figures(given.former or given.results)
    figures = [figure for name in given.only for figure in _run(console, name, given)]
    show_figures(console, figures, former)
    write_figures(given.results, figures)
    leave(0)


def _run(console: Console, name: str, given: argparse.Namespace) -> Sequence[Figure]:
    if name in ON_A_DATABASE:
        run, contacts = ON_A_DATABASE[name]
        return run(console, contacts=given.contacts or contacts, batches=given.batches)
    bench = ON_A_STACK[name]
    asked = {option: getattr(given, option) for option in ("contacts", "rounds", "limit")}
    size = replace(bench.size, **{option: value for option, value in asked.items() if value})
    with tempfile.TemporaryDirectory(prefix="apollo-bench-") as folder, StopRequest() as stop:
        plan = bench_plan(
            Path(folder).resolve(), talk_seconds=bench.talk_seconds, temporal_address=given.temporal
        )
        with running(plan, stop, _quiet) as stack:
            return bench.measure(stack, console, size)


def _quiet(line: str) -> None:
    """Say nothing of parts that start."""


if __name__ == "__main__":
    main()
