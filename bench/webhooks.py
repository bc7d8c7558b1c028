"""Dialling with and without webhooks to three endpoints: one fast, one that hangs, one that refuses half.

How fast people are dialled is bounded by slots, as in real work; the question is whether it stays so, and how
late the fast endpoint hears.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size, percentile
from bench.full_path import run_batch
from bench.server import api_of
from bench.throughput import Lap, lap
from embedded.stack import RunningStack

LIMIT = 40
TALK_SECONDS = 4
EVENTS = ("call.ended", "contact.finished")
CAUGHT_UP_SECONDS = 30
"""How long after the batch the fast endpoint may take to have heard of everybody."""


@dataclass
class Receiver:
    """What one endpoint was posted."""

    refuses: float = 0
    """Share of posts."""
    hangs: bool = False
    lateness: dict[str, float] = field(default_factory=dict)
    """Seconds from each event to its first post that was taken, by id."""
    posts: int = 0
    now: int = 0
    most: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one post; the connection is the deliverer's to close when this one hangs."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self._take(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # cut off, by the deliverer or by the end of the round
        finally:
            self.now -= 1
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.posts += 1
        if self.hangs:
            await reader.read()
            return
        is_refused = random.random() < self.refuses
        if not is_refused:
            happened_at = datetime.fromisoformat(json.loads(body)["timestamp"])
            late = (datetime.now(UTC) - happened_at).total_seconds()
            self.lateness.setdefault(headers["webhook-id"], late)
        status = b"500 No" if is_refused else b"204 Taken"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()


@dataclass(frozen=True)
class Compared:
    """One round: contacts per second without and with webhooks, and what came of them."""

    limit: int
    without: Lap
    with_webhooks: Lap
    fast: Receiver
    moody: Receiver
    dead: Receiver


async def measure_webhooks(stack: RunningStack, *, contacts: int, rounds: int, limit: int) -> list[Compared]:
    """Return the rounds after a short one that warms everything up."""
    async with api_of(stack) as api:
        await run_batch(api, contacts=limit, window=limit)
        return [await _round(stack, api, contacts, limit) for _ in range(rounds)]


async def _round(parts: RunningStack, api: httpx.AsyncClient, contacts: int, limit: int) -> Compared:
    without = await lap(parts, contacts, run_batch(api, contacts=contacts, window=limit))
    fast, moody, dead = Receiver(), Receiver(refuses=0.5), Receiver(hangs=True)
    async with AsyncExitStack() as stack:
        for each in (fast, moody, dead):
            await stack.enter_async_context(_registered(api, each))
        with_webhooks = await lap(parts, contacts, run_batch(api, contacts=contacts, window=limit))
        await _caught_up(fast, contacts * len(EVENTS))
    return Compared(limit, without, with_webhooks, fast, moody, dead)


@asynccontextmanager
async def _registered(api: httpx.AsyncClient, receiver: Receiver) -> AsyncIterator[None]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    made = await api.post("/webhook-endpoints", json={"url": url, "events": list(EVENTS)})
    made.raise_for_status()
    try:
        yield
    finally:
        (await api.delete(f"/webhook-endpoints/{made.json()['endpoint_id']}")).raise_for_status()
        server.close()


async def _caught_up(receiver: Receiver, events: int) -> None:
    async with asyncio.timeout(CAUGHT_UP_SECONDS):
        while len(receiver.lateness) < events:  # noqa: ASYNC110 - counts what comes
            await asyncio.sleep(0.1)


def webhook_figures(rounds: Sequence[Compared]) -> Sequence[Figure]:
    """Return what webhooks leave of the rate, and how late a sound receiver hears."""
    kept = median(each.with_webhooks.rate / each.without.rate for each in rounds)
    late = percentile([each for round_ in rounds for each in round_.fast.lateness.values()], 0.99)
    return [
        Figure("dialling kept beside three webhook endpoints", kept, 0.95, at_least=True),
        Figure("an event reaches a sound receiver, p99, s", late, 2),
    ]


def show_webhooks(console: Console, rounds: list[Compared], contacts: int) -> None:
    """Print every round."""
    events = contacts * len(EVENTS)
    table = Table(
        title=f"{contacts} contacts, {rounds[0].limit} slots, {events} events to each of three endpoints"
    )
    table.add_column("")
    for number in range(1, len(rounds) + 1):
        table.add_column(f"round {number}", justify="right")
    for rows in zip(*map(_lines, rounds), strict=True):
        table.add_row(rows[0][0], *(value for _, value in rows))
    console.print(table)


def _lines(round_: Compared) -> list[tuple[str, str]]:
    late = list(round_.fast.lateness.values())
    return [
        ("contacts per second without endpoints", f"{round_.without.rate:.1f}"),
        ("with three", f"{round_.with_webhooks.rate:.1f}"),
        ("kept", f"{round_.with_webhooks.rate / round_.without.rate:.3f}"),
        *(
            (
                f"processor time per contact, {part}",
                f"{before:.1f} → {round_.with_webhooks.milliseconds[part]:.1f} ms",
            )
            for part, before in round_.without.milliseconds.items()
        ),
        ("the fast one heard, median", f"{percentile(late, 0.5):.2f} s"),
        ("99th percentile", f"{percentile(late, 0.99):.2f} s"),
        ("latest", f"{max(late):.2f} s"),
        ("the fast one: events in posts", f"{len(late)} in {round_.fast.posts}"),
        ("the moody one: events in posts", f"{len(round_.moody.lateness)} in {round_.moody.posts}"),
        ("the dead one: posts, most at once", f"{round_.dead.posts}, {round_.dead.most}"),
    ]


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    rounds = asyncio.run(measure_webhooks(stack, **asdict(size)))
    show_webhooks(console, rounds, size.contacts)
    return webhook_figures(rounds)
