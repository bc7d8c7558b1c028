"""What a hundred people who watch a batch wait for its numbers, and what they cost it.

The same batch alone and watched, in turn: rates are compared within one round, machines are noisy.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.fan_out import WINDOW
from bench.figures import Figure, Size, percentile
from bench.full_path import rate_of, run_batch, start_batch
from bench.server import api_of
from bench.usage import milliseconds_each, processor_seconds
from bench.watchers import Seen
from embedded.module_command import module_command, python_path
from embedded.stack import RunningStack

QUERIES = "apollo_counters_queries_total"


@dataclass
class Round:
    """One batch alone and the same one watched, right after each other."""

    alone: float = 0
    """Contacts per second."""
    watched: float = 0
    seen: Seen = field(default_factory=Seen)
    queries: Mapping[str, float] = field(default_factory=dict)
    """Questions that the workflow was really asked, by whose counters were told."""
    milliseconds: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {})
    """Processor time per contact and part, alone and watched."""
    load: tuple[float, ...] = ()
    """Load averages of the machine at the end of either half."""


async def measure_watching(
    stack: RunningStack, *, contacts: int, rounds: int, clients: int = 100
) -> list[Round]:
    """Return the rounds after a small batch that warms everything up."""
    measured = []
    async with api_of(stack) as api:
        await run_batch(api, contacts=contacts // 10, window=WINDOW)
        for number in range(rounds):
            each = Round()
            halves = [_alone(stack, api, each, contacts), _watched(stack, api, each, contacts, clients)]
            # Who goes second meets a larger database: the halves change places with every round.
            for half in halves if number % 2 == 0 else reversed(halves):
                await half
            measured.append(each)
    return measured


async def _alone(stack: RunningStack, api: httpx.AsyncClient, measured: Round, contacts: int) -> None:
    before = processor_seconds(stack)
    measured.alone = await run_batch(api, contacts=contacts, window=WINDOW)
    spent = milliseconds_each(before, processor_seconds(stack), contacts)
    measured.milliseconds = (spent, measured.milliseconds[1])
    measured.load += (os.getloadavg()[0],)


async def _watched(
    stack: RunningStack, api: httpx.AsyncClient, measured: Round, contacts: int, clients: int
) -> None:
    before, asked = processor_seconds(stack), await _queries(stack)
    batch = await start_batch(api, contacts=contacts, window=WINDOW)
    async with crowd(stack, "bench.watchers", f"/api/v1/batches/{batch.batch_id}", clients) as told:
        measured.watched = await rate_of(api, batch)
    spent = milliseconds_each(before, processor_seconds(stack), contacts)
    measured.milliseconds = (measured.milliseconds[0], spent)
    measured.seen = Seen(**{**told, "sources": Counter(told["sources"])})
    measured.queries = {source: n - asked.get(source, 0) for source, n in (await _queries(stack)).items()}
    measured.load += (os.getloadavg()[0],)


@asynccontextmanager
async def crowd(stack: RunningStack, module: str, path: str, clients: int) -> AsyncIterator[dict[str, Any]]:
    """Have a process of its own ask for a path; what it saw is there after the end of the block."""
    told: dict[str, Any] = {}
    command = module_command(module, stack.plan.api_url, path, str(clients))
    environment = {**stack.plan.environment, "PYTHONPATH": python_path(stack.plan.environment)}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.write(stack.token.encode() + b"\n")
        yield told
        told |= json.loads((await process.communicate(b""))[0])  # an empty input, or it would stay open
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _queries(stack: RunningStack) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{stack.plan.api_url}/metrics")).raise_for_status().text
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(QUERIES + "{")]
    return {name.split('"')[1]: float(value) for name, _, value in lines}


def watching_figures(rounds: Sequence[Round]) -> Sequence[Figure]:
    """Return what a hundred watchers wait for, and what they leave of the rate."""
    kept = median(each.watched / each.alone for each in rounds)
    slowest = percentile([wait for each in rounds for wait in each.seen.seconds], 0.99)
    return [
        Figure("dialling kept beside 100 watchers", kept, 0.95, at_least=True),
        Figure("GET of a batch beside 100 watchers, p99, ms", slowest * 1000, 150),
    ]


def show_watching(console: Console, rounds: list[Round], contacts: int) -> None:
    """Print every round, what they come to together, and where the processor time went."""
    table = Table(title=f"{contacts} contacts, window {WINDOW}, 100 watchers, {os.cpu_count()} cores")
    for column in ("round", "alone /s", "watched /s", "ratio", "looks", "p50 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right")
    for column in ("told by", "refused, lost", "queries", "load average"):
        table.add_column(column)
    for number, each in enumerate(rounds, start=1):
        table.add_row(str(number), *_row(each))
    console.print(table)
    console.print(_processor_table(rounds))


def _row(each: Round) -> list[str]:
    seen = each.seen
    looks = sum(seen.sources.values()) or 1
    waits = [percentile(seen.seconds, share) for share in (0.5, 0.99, 1)]
    return [
        *(f"{each.alone:.1f}", f"{each.watched:.1f}", f"{each.watched / each.alone:.2f}"),
        *(str(len(seen.seconds)), *(f"{wait * 1000:.0f}" for wait in waits)),
        ", ".join(f"{source} {count / looks:.1%}" for source, count in sorted(seen.sources.items())),
        f"{seen.refused}, {seen.lost}",
        ", ".join(f"{source} {count:.0f}" for source, count in sorted(each.queries.items())),
        " ".join(f"{load:.1f}" for load in each.load),
    ]


def _processor_table(rounds: list[Round]) -> Table:
    table = Table(title="milliseconds of processor time per contact (medians)")
    for column in ("part", "alone", "watched"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part in rounds[0].milliseconds[0]:
        spent = [median(each.milliseconds[half][part] for each in rounds) for half in (0, 1)]
        table.add_row(part, *(f"{each:.1f}" for each in spent))
    return table


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    rounds = asyncio.run(measure_watching(stack, contacts=size.contacts, rounds=size.rounds))
    show_watching(console, rounds, size.contacts)
    return watching_figures(rounds)
