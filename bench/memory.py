"""What the API keeps in memory while clients send and read as much as they may.

Unfinished bodies, uploads of one token, and pages of people with long transcripts, one after the other.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter, time
from urllib.parse import urlsplit

import httpx
import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.figures import Figure, Size
from bench.server import api_of
from embedded.stack import RunningStack
from store.database.engine import bulk_transaction, create_store_engine

MEGABYTE = 1024 * 1024
UNFINISHED, UNFINISHED_BYTES = 100, 5 * MEGABYTE
UPLOADS, UPLOAD_CONTACTS, UPLOAD_BYTES = 6, 90_000, 45 * MEGABYTE
TRANSCRIPT_BYTES, CALLS_EACH = 60_000, 5
_FAR_AHEAD = "2099-01-01T00:00:00Z"
_BETWEEN_LOOKS_SECONDS = 0.02
_SENT_SECONDS = 5
"""How long unfinished bodies have to fill whatever takes them."""

_CALLED = text(
    """
    INSERT INTO calls (execution_id, contact_id, batch_id, campaign_id, attempt, kind, call_status,
                       dial_state, to_number, transcript)
    SELECT 'exec_' || contact_id || n, contact_id, batch_id, campaign_id, n,
           CASE n WHEN 1 THEN 'initial' ELSE 'retry' END, 'completed', 'accepted', phone_number,
           (SELECT string_agg(md5(contact_id || n || word), ' ') FROM generate_series(1, :words) AS word)
    FROM contacts, generate_series(1, :calls) AS n WHERE batch_id = :batch_id
    """
)
_BYTES_OF_A_WORD = 33


@dataclass
class Peak:
    """The API's memory during one measurement, in bytes."""

    title: str
    before: int = 0
    highest: int = 0
    seconds: float = 0
    note: str = ""


@dataclass
class Bench:
    """The API under measurement."""

    stack: RunningStack
    api: httpx.AsyncClient
    process: psutil.Process
    peaks: list[Peak] = field(default_factory=list)

    @asynccontextmanager
    async def measured(self, title: str) -> AsyncIterator[Peak]:
        """Look at the memory again and again until the end of the block."""
        peak = Peak(title, before=self.process.memory_info().rss)
        self.peaks.append(peak)

        async def look() -> None:
            while True:
                peak.highest = max(peak.highest, self.process.memory_info().rss)
                await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)

        looking, began = asyncio.create_task(look()), perf_counter()
        try:
            yield peak
        finally:
            peak.seconds = perf_counter() - began
            looking.cancel()


async def measure_memory(stack: RunningStack, *, contacts: int) -> list[Peak]:
    """Measure all of it on one running API, after a small batch that warms it up."""
    async with api_of(stack, timeout=300) as api:
        bench = Bench(stack, api, _api_process(stack))
        campaign = {"name": "b", "agent_id": "a", "phone_numbers": ["+14155550180"]}
        created = (await api.post("/campaigns", json=campaign)).raise_for_status()
        campaign_id = created.json()["campaign_id"]
        batch_id = await _upload(api, _a_batch(campaign_id, contacts))
        for measure in (_unfinished_bodies, _uploads(campaign_id), _pages(batch_id, contacts)):
            await measure(bench)
        return bench.peaks


async def _unfinished_bodies(bench: Bench) -> None:
    async with bench.measured(f"{UNFINISHED} webhooks of 5 MB that never end") as peak:
        sent = await asyncio.gather(*(_never_end(bench.stack.plan.api_url) for _ in range(UNFINISHED)))
        peak.note = f"{sum(sent) / MEGABYTE:.0f} MB sent"


async def _never_end(api_url: str) -> int:
    """Send all of a body but its last byte, as far as it is taken; returns how much that was."""
    address, sent = urlsplit(api_url), 0
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        "POST /webhooks/call-status HTTP/1.1\r\nHost: apollo\r\nContent-Type: application/json\r\n"
        f"Content-Length: {UNFINISHED_BYTES}\r\nJambonz-Signature: t={int(time())},v1=00\r\n\r\n"
    )
    writer.write(head.encode())
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_SENT_SECONDS):
            while sent < UNFINISHED_BYTES - MEGABYTE // 16:
                writer.write(b" " * (MEGABYTE // 16))
                await writer.drain()
                sent += MEGABYTE // 16
            await asyncio.sleep(_SENT_SECONDS)
    writer.transport.abort()
    return sent


def _uploads(campaign_id: str) -> Callable[[Bench], Awaitable[None]]:
    async def measure(bench: Bench) -> None:
        content = _a_batch(campaign_id, UPLOAD_CONTACTS, size=UPLOAD_BYTES)
        async with bench.measured(f"{UPLOADS} uploads of 45 MB by one token") as peak:
            answers = await asyncio.gather(*(_post(bench.api, content) for _ in range(UPLOADS)))
            statuses = [each.status_code for each in answers]
            peak.note = ", ".join(f"{statuses.count(each)} × {each}" for each in sorted({*statuses}))

    return measure


def _pages(batch_id: str, contacts: int) -> Callable[[Bench], Awaitable[None]]:
    async def measure(bench: Bench) -> None:
        await _call_everybody(bench.stack, batch_id)
        path = f"/batches/{batch_id}/contacts"
        for query in ("include_calls=true", "include_calls=false"):
            size = 0
            async with (
                bench.measured(f"a page of {contacts:,} contacts, {query}") as peak,
                bench.api.stream("GET", f"{path}?limit=1000&{query}") as answer,
            ):
                async for chunk in answer.raise_for_status().aiter_bytes():
                    size += len(chunk)
                peak.note = f"{size / MEGABYTE:.0f} MB"

    return measure


async def _call_everybody(stack: RunningStack, batch_id: str) -> None:
    """Write calls with long transcripts behind the API's back."""
    if stack.database_url is None:
        raise RuntimeError("the stack has no database of its own")
    engine = create_store_engine(stack.database_url)
    told = {
        "batch_id": batch_id,
        "calls": CALLS_EACH,
        "words": TRANSCRIPT_BYTES // _BYTES_OF_A_WORD,
    }
    async with bulk_transaction(engine) as connection:
        await connection.execute(_CALLED, told)
    await engine.dispose()


def _a_batch(campaign_id: str, contacts: int, *, size: int = 0) -> bytes:
    padding = "x" * max(0, size // contacts - 80)
    people = [
        {"phone_number": f"+1415{5000000 + number}", "call_variables": {"note": padding}}
        for number in range(contacts)
    ]
    body = {"campaign_id": campaign_id, "scheduled_start": _FAR_AHEAD, "contacts": people}
    return json.dumps(body).encode()


async def _post(api: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await api.post("/batches", content=content, headers={"Content-Type": "application/json"})


async def _upload(api: httpx.AsyncClient, content: bytes) -> str:
    return str((await _post(api, content)).raise_for_status().json()["batch_id"])


def _api_process(stack: RunningStack) -> psutil.Process:
    started = psutil.Process(next(child.pid for child in stack.children if child.name == "api"))
    family: list[psutil.Process] = [started, *started.children(recursive=True)]
    return max(family, key=lambda each: each.memory_info().rss)


def show_memory(console: Console, peaks: list[Peak]) -> None:
    """Print one line per measurement."""
    table = Table(title="Memory of the API")
    for column in ("", "before MB", "highest MB", "seconds", ""):
        table.add_column(column, justify="right")
    for each in peaks:
        before, highest = (f"{size / MEGABYTE:.0f}" for size in (each.before, each.highest))
        table.add_row(each.title, before, highest, f"{each.seconds:.1f}", each.note)
    console.print(table)


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    show_memory(console, asyncio.run(measure_memory(stack, contacts=size.contacts)))
    return []
