"""How long an agent waits for its execution while a batch runs, and while nothing runs.

Questions come at a steady rate, whether or not the last one was answered: a slow answer holds up no other.
What the same questions wait for without a batch tells how busy the machine is with other things.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size, percentile
from bench.full_path import rate_of, start_batch
from bench.server import api_of
from embedded.stack import RunningStack

QUESTIONS_PER_SECOND = 20
QUIET_SECONDS = 5
"""How long is asked before the batch begins."""
LIMIT = 10
TALK_SECONDS = 2
"""With these a batch keeps two cores half busy; ten times the slots take all that there is."""


@dataclass
class Asked:
    """One batch, and what its agents waited for."""

    rate: float = 0
    """Contacts per second."""
    quiet: list[float] = field(default_factory=list)
    """Seconds that answers took without a batch."""
    seconds: list[float] = field(default_factory=list)
    """The same while it ran."""
    refused: int = 0
    """Answers other than 200."""
    load: float = 0


async def measure_executions(stack: RunningStack, *, contacts: int, rounds: int, limit: int) -> list[Asked]:
    """Return the rounds, after a small batch whose executions are asked for."""
    async with api_of(stack) as api:
        execution_ids = await _called(api, max(contacts // 10, 10), limit)
        token = (await api.post("/tokens", json={"name": "bench", "scope": "agent"})).json()["token"]
        return [await _round(api, token, execution_ids, contacts, limit) for _ in range(rounds)]


async def _called(api: httpx.AsyncClient, contacts: int, limit: int) -> Sequence[str]:
    """Call some people, and return the ids of their calls."""
    batch = await start_batch(api, contacts=contacts, window=limit)
    await rate_of(api, batch)
    listed = await api.get(f"/batches/{batch.batch_id}/contacts", params={"limit": 1000})
    return [each["current_call"]["execution_id"] for each in listed.raise_for_status().json()]


async def _round(
    api: httpx.AsyncClient, token: str, execution_ids: Sequence[str], contacts: int, limit: int
) -> Asked:
    asked = Asked()
    async with _agents(api.base_url, token, execution_ids, asked):
        await asyncio.sleep(QUIET_SECONDS)
        asked.quiet, asked.seconds = asked.seconds, []
        asked.rate = await rate_of(api, await start_batch(api, contacts=contacts, window=limit))
    asked.load = os.getloadavg()[0]
    return asked


@asynccontextmanager
async def _agents(
    url: httpx.URL, token: str, execution_ids: Sequence[str], asked: Asked
) -> AsyncIterator[None]:
    """Have agents ask for the length of a block."""
    asking = asyncio.create_task(_ask_steadily(url, token, execution_ids, asked))
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _ask_steadily(url: httpx.URL, token: str, execution_ids: Sequence[str], asked: Asked) -> None:
    loop = asyncio.get_running_loop()
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as agents,
        asyncio.TaskGroup() as questions,
    ):
        due = loop.time()
        while True:
            questions.create_task(_ask(agents, random.choice(execution_ids), asked))
            due += 1 / QUESTIONS_PER_SECOND
            await asyncio.sleep(max(0, due - loop.time()))


async def _ask(agents: httpx.AsyncClient, execution_id: str, asked: Asked) -> None:
    began = perf_counter()
    answer = await agents.get(f"/executions/{execution_id}")
    asked.seconds.append(perf_counter() - began)
    asked.refused += not answer.is_success


def execution_figures(rounds: Sequence[Asked]) -> Sequence[Figure]:
    """Return how long an agent waits for its execution."""
    slowest = percentile([wait for each in rounds for wait in each.seconds], 0.99)
    return [Figure("GET of an execution at half load, p99, ms", slowest * 1000, 50)]


def show_executions(console: Console, rounds: list[Asked], contacts: int, limit: int) -> None:
    """Print every round, and what they come to together."""
    title = f"{contacts} contacts, {limit} slots, {QUESTIONS_PER_SECOND} questions/s, {os.cpu_count()} cores"
    table = Table(title=title)
    for column in (
        "round",
        "contacts /s",
        "questions",
        "refused",
        "p50 ms",
        "p99 ms",
        "max ms",
        "quiet p99 ms",
    ):
        table.add_column(column, justify="right")
    table.add_column("load average", justify="right")
    for number, each in enumerate(rounds, start=1):
        waits = [f"{percentile(each.seconds, share) * 1000:.1f}" for share in (0.5, 0.99, 1)]
        counts = (str(len(each.seconds)), str(each.refused))
        quiet = f"{percentile(each.quiet, 0.99) * 1000:.1f}"
        table.add_row(str(number), f"{each.rate:.1f}", *counts, *waits, quiet, f"{each.load:.1f}")
    console.print(table)


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    rounds = asyncio.run(measure_executions(stack, **asdict(size)))
    show_executions(console, rounds, size.contacts, size.limit)
    return execution_figures(rounds)
