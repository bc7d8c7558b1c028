"""What five hundred followers of one batch cost the API, and the requests beside them.

The same batch alone and followed, in turn: rates are compared within one round, machines are noisy. Its slots
and the length of its calls keep two cores half busy: at full load the crowd itself takes its share of them.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from time import perf_counter

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size, percentile
from bench.full_path import rate_of, run_batch, start_batch
from bench.server import api_of
from bench.usage import milliseconds_each, processor_seconds
from bench.watching import crowd
from embedded.stack import RunningStack

FOLLOWERS = 500
LIMIT = 20
TALK_SECONDS = 2
_BETWEEN_REQUESTS_SECONDS = 0.05
_OTHER_REQUEST = "/batches/?limit=10"


@dataclass
class Half:
    """One batch, alone or followed."""

    followers: int = 0
    rate: float = 0
    """Contacts per second."""
    waits: list[float] = field(default_factory=list)
    """Seconds that other requests took."""
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    """Processor time per contact and part."""
    told: Mapping[str, int] = field(default_factory=dict)
    """What the followers saw."""


@dataclass
class Round:
    """The same batch alone and followed, right after each other."""

    alone: Half = field(default_factory=Half)
    followed: Half = field(default_factory=lambda: Half(FOLLOWERS))


async def measure_following(stack: RunningStack, *, contacts: int, rounds: int, limit: int) -> list[Round]:
    """Return the rounds after a small batch that warms everything up."""
    measured = []
    async with api_of(stack) as api:
        await run_batch(api, contacts=contacts // 10, window=limit)
        for number in range(rounds):
            each = Round()
            halves = [_half(stack, api, each.alone, contacts, limit)]
            halves.append(_half(stack, api, each.followed, contacts, limit))
            # Who goes second meets a larger database: the halves change places with every round.
            for half in halves if number % 2 == 0 else reversed(halves):
                await half
            measured.append(each)
    return measured


async def _half(
    stack: RunningStack, api: httpx.AsyncClient, measured: Half, contacts: int, limit: int
) -> None:
    before = processor_seconds(stack)
    batch = await start_batch(api, contacts=contacts, window=limit)
    path = f"/api/v1/batches/{batch.batch_id}/events"
    async with (
        crowd(stack, "bench.followers", path, measured.followers) as told,
        _others(api, measured.waits),
    ):
        measured.rate = await rate_of(api, batch)
    measured.told = told
    measured.milliseconds = milliseconds_each(before, processor_seconds(stack), contacts)


@asynccontextmanager
async def _others(api: httpx.AsyncClient, waits: list[float]) -> AsyncIterator[None]:
    async def ask() -> None:
        while True:
            began = perf_counter()
            (await api.get(_OTHER_REQUEST)).raise_for_status()
            waits.append(perf_counter() - began)
            await asyncio.sleep(_BETWEEN_REQUESTS_SECONDS)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def following_figures(rounds: Sequence[Round]) -> Sequence[Figure]:
    """Return what followers leave of the rate."""
    kept = median(each.followed.rate / each.alone.rate for each in rounds)
    return [Figure(f"dialling kept beside {FOLLOWERS} followers", kept, 0.95, at_least=True)]


def show_following(console: Console, rounds: list[Round], contacts: int, limit: int) -> None:
    """Print every round, and what they come to together."""
    cores = os.cpu_count()
    table = Table(title=f"{contacts} contacts, limit {limit}, {FOLLOWERS} followers, {cores} cores")
    for column in ("round", "", "contacts /s", "API ms per contact", "p50 ms", "p99 ms", "events", "lost"):
        table.add_column(column, justify="right")
    for number, each in enumerate(rounds, start=1):
        for title, half in (("alone", each.alone), ("followed", each.followed)):
            table.add_row(str(number), title, *_figures(half))
    console.print(table)
    console.print(f"p50 and p99 are of {_OTHER_REQUEST}")


def _figures(half: Half) -> list[str]:
    lost = half.told.get("lost", 0) + half.told.get("refused", 0)
    return [
        f"{half.rate:.1f}",
        f"{half.milliseconds['api']:.1f}",
        *(f"{percentile(half.waits, share) * 1000:.0f}" for share in (0.5, 0.99)),
        str(half.told.get("events", 0)),
        str(lost),
    ]


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    rounds = asyncio.run(measure_following(stack, **asdict(size)))
    show_following(console, rounds, size.contacts, size.limit)
    return following_figures(rounds)
