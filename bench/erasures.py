"""What erasing, emptying and appending cost the others: `python -m bench --only erasures`.

Two million stored contacts in a database of their own. Meanwhile somebody reads the first page of them and
somebody calls at a steady rate: claims, events and settlements, as a worker makes them. Each has a process of
its own, as API and workers have, and is timed alone first, then beside appends, erasures and a retention that
empties batches that are over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from time import perf_counter

from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.retention import RetentionParts, purge
from api.webhook_endpoints.bodies import body_of
from bench.figures import Figure, percentile
from bench.stored_history import ORGANIZATION, StoredHistory, a_database, keep_history
from domain.call import AttemptKind, CallStatus, DialState, StatusEvent
from domain.caller_id import CallerIds, CallerIdStrategy
from domain.contact import ContactStatus, NewContact
from domain.identity import BatchId, ContactId
from domain.ports import AttemptClaim, Claimed, Window
from domain.settlement import Settlement
from store.access.idempotency import PostgresIdempotencyStore
from store.audit.log import PostgresAuditLog
from store.batches.repository import PostgresBatchStore
from store.calls.repository import PostgresCallStore
from store.contacts.repository import PostgresContactStore
from store.database.engine import create_store_engine, single_statement
from store.database.ids import mint
from store.erasures.repository import PostgresErasureStore
from store.erasures.retention import PostgresRetentionStore

SECONDS = 12.0
"""Of each phase; an append or an erasure under way is waited for."""
BETWEEN_READS = 0.02
APPENDED = 500
CALLS_PER_SECOND = 20.0
"""What a whole stack makes on two cores."""
WARMING_UP = 5
"""Pages that are read before any is timed."""
_PAGE = Window(limit=100)
_CALLER_IDS = CallerIds(strategy=CallerIdStrategy.ROUND_ROBIN, numbers=("+14155550180",), are_own=False)
_PENDING = text(
    "SELECT contact_id FROM contacts WHERE batch_id = :batch AND status = 'pending'"
    " ORDER BY position LIMIT 2000"
)
_SLOT = text(
    "INSERT INTO slots (contact_id, batch_id, campaign_id, attempt, kind, granted_at, granted_by)"
    " SELECT contact_id, batch_id, campaign_id, 1, 'initial', now(), 'bench' FROM contacts"
    " WHERE contact_id = :contact"
)
_NUMBERS = text("SELECT phone_number FROM contacts WHERE batch_id = :batch ORDER BY position DESC LIMIT 5000")

Step = Callable[[], Awaitable[object]]


@dataclass
class Beside:
    """What others had of one phase, in milliseconds."""

    name: str
    pages: Sequence[float] = ()
    calls: Sequence[float] = ()
    """From the instant in which a call is due to its settlement."""
    own: list[float] = field(default_factory=list)
    """Each append or erasure."""


def read_pages(database_url: str, batch_id: BatchId) -> Sequence[float]:
    """Read the first page of contacts again and again, in a process of its own."""
    return asyncio.run(_read_pages(database_url, batch_id))


async def _read_pages(database_url: str, batch_id: BatchId) -> Sequence[float]:
    took, until = [], perf_counter() + SECONDS
    async with _engine(database_url) as engine:
        contacts = PostgresContactStore(engine)
        while (began := perf_counter()) < until:
            page = await contacts.list_contacts(batch_id, [], _PAGE)
            await contacts.latest_calls_of([each.contact_id for each in page.items])
            took.append((perf_counter() - began) * 1000)
            await asyncio.sleep(BETWEEN_READS)
    return took[WARMING_UP:]


def call_people(database_url: str, people: Sequence[str]) -> Sequence[float]:
    """Call one of these people after the other at a steady rate, in a process of its own."""
    return asyncio.run(_call_people(database_url, people))


async def _call_people(database_url: str, people: Sequence[str]) -> Sequence[float]:
    took: list[float] = []
    due, until = perf_counter(), perf_counter() + SECONDS
    async with _engine(database_url) as engine, asyncio.TaskGroup() as calls:
        for contact_id in people:
            await asyncio.sleep(max(0, due - perf_counter()))
            if due >= until:
                break
            calls.create_task(_timed_call(engine, ContactId(contact_id), due, took))
            due += 1 / CALLS_PER_SECOND
    return took


async def _timed_call(engine: AsyncEngine, contact_id: ContactId, due: float, took: list[float]) -> None:
    if await _whole_call(engine, contact_id):
        took.append((perf_counter() - due) * 1000)


async def _whole_call(engine: AsyncEngine, contact_id: ContactId) -> bool:
    """Return whether there was one: who was erased, or shares a number, is not called."""
    contacts, calls, now = PostgresContactStore(engine), PostgresCallStore(engine, mint), datetime.now(UTC)
    async with single_statement(engine) as connection:
        await connection.execute(_SLOT, {"contact": contact_id})
    claim = AttemptClaim(
        contact_id=contact_id,
        attempt=1,
        kind=AttemptKind.INITIAL,
        caller_ids=_CALLER_IDS,
        draw=0.5,
        provider="bench",
    )
    claimed = await calls.claim_attempt(claim, now)
    if not isinstance(claimed, Claimed):
        return False
    execution_id = claimed.record.execution_id
    await calls.record_dial(execution_id, DialState.ACCEPTED)
    for status in (CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED):
        event = StatusEvent(status=status, happened_at=now)
        await calls.record_event(execution_id, event, event_key=status, body={"status": status})
    await contacts.settle(contact_id, 1, Settlement(status=ContactStatus.COMPLETED), now)
    return True


@asynccontextmanager
async def _engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_store_engine(database_url, pool_size=20, number_key="bench")
    try:
        yield engine
    finally:
        await engine.dispose()


async def measure_erasures(database_url: str, contacts: int, batches: int) -> Sequence[Beside]:
    """Put the history in, and time everybody alone and beside each kind of work."""
    async with _engine(database_url) as engine:
        stored = await keep_history(engine, contacts, batches, datetime.now(UTC))
        async with single_statement(engine) as connection:
            people = (await connection.scalars(_PENDING, {"batch": stored.running})).all()
            numbers = (await connection.scalars(_NUMBERS, {"batch": stored.over})).all()
        crowd = Crowd(database_url, stored.running, iter(people))
        return [
            await crowd.beside("nothing else", None),
            await crowd.beside(f"4 appends of {APPENDED} a second", _appends(engine, stored), every=0.25),
            await crowd.beside("10 erasures a second", _erasures(engine, numbers), every=0.1),
            await crowd.beside("retention", _retention(engine)),
        ]


@dataclass
class Crowd:
    """Everybody who uses the database meanwhile."""

    database_url: str
    running: BatchId
    people: Iterator[str]
    """Who waits there and is called, other ones in each phase."""

    async def beside(self, name: str, step: Step | None, *, every: float = 0) -> Beside:
        """Time them, and a step that begins every so many seconds, for the length of one phase."""
        loop, beside = asyncio.get_running_loop(), Beside(name)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            await asyncio.gather(*(loop.run_in_executor(processes, perf_counter) for _ in range(2)))
            pages = loop.run_in_executor(processes, read_pages, self.database_url, self.running)
            people = list(islice(self.people, int(2 * CALLS_PER_SECOND * SECONDS)))
            calls = loop.run_in_executor(processes, call_people, self.database_url, people)
            await _again_and_again(beside, step, every=every, until=perf_counter() + SECONDS)
            beside.pages, beside.calls = await pages, await calls
        return beside


def _appends(engine: AsyncEngine, stored: StoredHistory) -> Step:
    batches, turns = PostgresBatchStore(engine, mint), iter(range(1_000_000))

    async def append() -> None:
        first = next(turns) * APPENDED
        people = [NewContact(phone_number=f"+1416{first + each:07}") for each in range(APPENDED)]
        await batches.append(ORGANIZATION, stored.running, people, datetime.now(UTC))

    return append


def _erasures(engine: AsyncEngine, numbers: Sequence[str]) -> Step:
    store, turns = PostgresErasureStore(engine, mint, body_of), iter(numbers)

    async def erase() -> None:
        await store.erase(ORGANIZATION, next(turns), datetime.now(UTC))

    return erase


def _retention(engine: AsyncEngine) -> Step:
    parts = RetentionParts(
        store=PostgresRetentionStore(engine, body_of),
        audit_log=PostgresAuditLog(engine),
        keys=PostgresIdempotencyStore(engine),
        batches_for=timedelta(days=1),
        audit_log_for=None,
        clock=lambda: datetime.now(UTC) + timedelta(days=2),
    )

    async def for_a_while() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                await purge(parts)

    return for_a_while


async def _again_and_again(beside: Beside, step: Step | None, *, every: float, until: float) -> None:
    while (began := perf_counter()) < until:
        if step is None:
            await asyncio.sleep(until - began)
            continue
        await step()
        beside.own.append((perf_counter() - began) * 1000)
        await asyncio.sleep(max(0, began + every - perf_counter()))


def erasure_figures(phases: Sequence[Beside]) -> Sequence[Figure]:
    """Return the worst of what others had beside the work."""
    pages = max(percentile(each.pages, 0.99) for each in phases[1:])
    calls = min(len(each.calls) for each in phases[1:]) / (CALLS_PER_SECOND * SECONDS)
    return [
        Figure("contacts page beside appends, erasures, retention, p99, ms", pages, 30),
        Figure("dialling kept beside them", calls, 0.95, at_least=True),
    ]


def show_erasures(console: Console, phases: Sequence[Beside], contacts: int) -> None:
    """Print a line for each phase."""
    table = Table(title=f"{contacts:,} stored contacts, milliseconds")
    for column in ("beside", "page p50", "page p99", "calls per second", "call p99", "each", "times"):
        table.add_column(column, justify="left" if column == "beside" else "right")
    for each in phases:
        own = f"{percentile(each.own, 0.5):.1f}" if each.own else ""
        times = str(len(each.own)) if each.own else ""
        numbers = (percentile(each.pages, 0.5), percentile(each.pages, 0.99), len(each.calls) / SECONDS)
        shown = [f"{number:.1f}" for number in (*numbers, percentile(each.calls, 0.99))]
        table.add_row(each.name, *shown, own, times)
    console.print(table)


def run(console: Console, *, contacts: int, batches: int) -> Sequence[Figure]:
    """Measure on a database of our own, and print what was found."""
    with a_database() as database_url:
        phases = asyncio.run(measure_erasures(database_url, contacts, batches))
    show_erasures(console, phases, contacts)
    return erasure_figures(phases)
