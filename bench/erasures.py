"""What erasing, emptying and appending cost the others: `python -m bench --only erasures`.

Two million stored contacts in a database of their own. Meanwhile somebody reads the first page of them and
somebody calls: claims, events and settlements of one contact after the other, as a worker makes them. Each
is timed alone first, then beside appends, erasures and a retention that empties batches that are over.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.retention import RetentionParts, purge
from api.webhook_endpoints.bodies import body_of
from bench.stored_history import ORGANIZATION, StoredHistory, keep_history
from domain.call import AttemptKind, CallStatus, DialState, StatusEvent
from domain.caller_id import CallerIds, CallerIdStrategy
from domain.contact import ContactStatus, NewContact
from domain.identity import ContactId
from domain.ports import AttemptClaim, Claimed, Window
from domain.settlement import Settlement
from embedded.postgres import EmbeddedPostgres
from store.access.idempotency import PostgresIdempotencyStore
from store.audit.log import PostgresAuditLog
from store.batches.repository import PostgresBatchStore
from store.calls.repository import PostgresCallStore
from store.contacts.repository import PostgresContactStore
from store.database.engine import create_store_engine, single_statement
from store.database.ids import mint
from store.erasures.repository import PostgresErasureStore
from store.erasures.retention import PostgresRetentionStore
from store.migrations import upgrade

SECONDS = 12.0
"""Of each phase; an append or an erasure under way is waited for."""
BETWEEN_READS = 0.02
APPENDED = 500
CALLERS = 2
_PAGE = Window(limit=100)
_CALLER_IDS = CallerIds(strategy=CallerIdStrategy.ROUND_ROBIN, numbers=("+14155550180",), are_own=False)
_PENDING = text(
    "SELECT contact_id FROM contacts WHERE batch_id = :batch AND status = 'pending'"
    " ORDER BY position LIMIT 40000"
)
_SLOT = text(
    "INSERT INTO slots (contact_id, batch_id, campaign_id, attempt, kind, granted_at, granted_by)"
    " SELECT contact_id, batch_id, campaign_id, 1, 'initial', now(), 'bench' FROM contacts"
    " WHERE contact_id = :contact"
)
_NUMBERS = text("SELECT phone_number FROM contacts WHERE batch_id = :batch ORDER BY position DESC LIMIT 5000")


@dataclass
class Beside:
    """What others had of one phase, in milliseconds."""

    name: str
    pages: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    """Each append or erasure."""
    seconds: float = 0.0


class Crowd:
    """Everybody who uses the database meanwhile."""

    def __init__(self, engine: AsyncEngine, stored: StoredHistory, waiting: Sequence[str]) -> None:
        self._engine = engine
        self._stored = stored
        self._waiting = iter(waiting)
        self._contacts = PostgresContactStore(engine)
        self._calls = PostgresCallStore(engine, mint)

    async def read(self, beside: Beside) -> None:
        """Read the first page of contacts, again and again."""
        while True:
            began = perf_counter()
            page = await self._contacts.list_contacts(self._stored.running, [], _PAGE)
            await self._contacts.latest_calls_of([each.contact_id for each in page.items])
            beside.pages.append((perf_counter() - began) * 1000)
            await asyncio.sleep(BETWEEN_READS)

    async def call(self, beside: Beside) -> None:
        """Call one contact after the other, as long as somebody waits; with few batches many do."""
        for contact_id in self._waiting:
            began = perf_counter()
            await self._whole_call(ContactId(contact_id))
            beside.calls.append((perf_counter() - began) * 1000)

    async def _whole_call(self, contact_id: ContactId) -> None:
        now = datetime.now(UTC)
        async with single_statement(self._engine) as connection:
            await connection.execute(_SLOT, {"contact": contact_id})
        claim = AttemptClaim(
            contact_id=contact_id,
            attempt=1,
            kind=AttemptKind.INITIAL,
            caller_ids=_CALLER_IDS,
            draw=0.5,
            provider="bench",
        )
        claimed = await self._calls.claim_attempt(claim, now)
        if not isinstance(claimed, Claimed):
            return  # erased, or its number was given to two
        execution_id = claimed.record.execution_id
        await self._calls.record_dial(execution_id, DialState.ACCEPTED)
        for status in (CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED):
            event = StatusEvent(status=status, happened_at=now)
            await self._calls.record_event(execution_id, event, event_key=status, body={"status": status})
        done = Settlement(status=ContactStatus.COMPLETED)
        await self._contacts.settle(contact_id, 1, done, now)


async def measure_erasures(database_url: str, contacts: int, batches: int) -> Sequence[Beside]:
    """Put the history in, and time everybody alone and beside each kind of work."""
    engine = create_store_engine(database_url, pool_size=20, number_key="bench")
    try:
        stored = await keep_history(engine, contacts, batches, datetime.now(UTC))
        async with single_statement(engine) as connection:
            waiting = (await connection.scalars(_PENDING, {"batch": stored.running})).all()
            numbers = (await connection.scalars(_NUMBERS, {"batch": stored.over})).all()
        crowd = Crowd(engine, stored, waiting)
        appends, erasures = _appends(engine, stored), _erasures(engine, numbers)
        return [
            await _phase(crowd, "nothing else", None),
            await _phase(crowd, f"appends of {APPENDED}", appends),
            await _phase(crowd, "erasures by number", erasures),
            await _phase(crowd, "retention", _retention(engine)),
        ]
    finally:
        await engine.dispose()


Step = Callable[[], Awaitable[object]]


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


async def _phase(crowd: Crowd, name: str, step: Step | None) -> Beside:
    beside, began = Beside(name), perf_counter()
    others = [asyncio.create_task(crowd.read(beside))]
    others += [asyncio.create_task(crowd.call(beside)) for _ in range(CALLERS)]
    await _again_and_again(beside, step, until=began + SECONDS)
    beside.seconds = perf_counter() - began
    for task in others:
        task.cancel()
    failures = await asyncio.gather(*others, return_exceptions=True)
    for failure in failures:
        if isinstance(failure, Exception):
            raise failure
    return beside


async def _again_and_again(beside: Beside, step: Step | None, *, until: float) -> None:
    while (began := perf_counter()) < until:
        if step is None:
            await asyncio.sleep(until - began)
            continue
        await step()
        beside.own.append((perf_counter() - began) * 1000)


def show_erasures(console: Console, phases: Sequence[Beside], contacts: int) -> None:
    """Print a line for each phase."""
    table = Table(title=f"{contacts:,} stored contacts, milliseconds")
    for column in ("beside", "page p50", "page p99", "calls per second", "call p99", "each", "times"):
        table.add_column(column, justify="left" if column == "beside" else "right")
    for each in phases:
        own = f"{_share(each.own, 0.5):.1f}" if each.own else ""
        times = str(len(each.own)) if each.own else ""
        numbers = (_share(each.pages, 0.5), _share(each.pages, 0.99), len(each.calls) / each.seconds)
        shown = [f"{number:.1f}" for number in (*numbers, _share(each.calls, 0.99))]
        table.add_row(each.name, *shown, own, times)
    console.print(table)


def _share(milliseconds: Sequence[float], share: float) -> float:
    ordered = sorted(milliseconds)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def run_erasures(console: Console, *, contacts: int, batches: int) -> None:
    """Measure on a database of our own, and print what was found."""
    with tempfile.TemporaryDirectory(prefix="apollo-bench-") as folder:
        Path(folder).chmod(0o755)  # under root the server runs as another user
        server = EmbeddedPostgres(Path(folder), durable=False)
        server.start()
        try:
            server.create_database("bench")
            upgrade(server.url("bench"))
            phases = asyncio.run(measure_erasures(server.url("bench"), contacts, batches))
            show_erasures(console, phases, contacts)
        finally:
            server.stop()
