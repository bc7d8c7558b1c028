"""The people of batches."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import LIVE, Contact, ContactStatus, SkipReason
from domain.errors import ContactNotFound
from domain.identity import BatchId, ContactId
from domain.ports import Page, Window
from domain.settlement import Settlement
from store import settling
from store.counting import among
from store.engine import single_statement, transaction
from store.mapping import call_of, contact_of
from store.tables import batches, calls, contacts


class PostgresContactStore:
    """The contacts of all batches; implements `ContactStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def next_page(
        self, batch_id: BatchId, after_position: int, limit: int
    ) -> Sequence[tuple[ContactId, int]]:
        """Return ids and positions of `pending` contacts behind a position, in order."""
        c = contacts.c
        page = (
            select(c.contact_id, c.position)
            .where(c.batch_id == batch_id, c.status == ContactStatus.PENDING, c.position > after_position)
            .order_by(c.position)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            found = await connection.execute(page)
        return [(ContactId(contact_id), position) for contact_id, position in found]

    async def due_contacts(
        self, batch_id: BatchId, now: datetime, limit: int
    ) -> Sequence[tuple[ContactId, int, AttemptKind]]:
        """Return what is due, follow-ups first, then the longest due, with the attempt it waits for."""
        due = _due(batch_id, now, limit)
        # An attempt that was given back undialled is the one to make next.
        was_dialled = or_(calls.c.dial_state != DialState.READY, calls.c.call_status != CallStatus.QUEUED)
        dialled = (
            select(func.max(calls.c.attempt))
            .where(calls.c.contact_id == due.c.contact_id, was_dialled)
            .scalar_subquery()
        )
        ordered = select(due.c.contact_id, func.coalesce(dialled, 0) + 1, due.c.kind).order_by(
            due.c.turn, due.c.due_at, due.c.position
        )
        async with single_statement(self._engine) as connection:
            found = await connection.execute(ordered.limit(limit))
        return [(ContactId(contact_id), attempt, AttemptKind(kind)) for contact_id, attempt, kind in found]

    async def live_contacts(self, batch_id: BatchId, limit: int) -> Sequence[tuple[ContactId, int]]:
        """Return the contacts being called now, each with its newest attempt."""
        c = contacts.c
        newest = select(func.max(calls.c.attempt)).where(calls.c.contact_id == c.contact_id).scalar_subquery()
        live = (
            select(c.contact_id, func.coalesce(newest, 1))
            .where(c.batch_id == batch_id, c.status.in_(sorted(LIVE)))
            .order_by(c.position)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            found = await connection.execute(live)
        return [(ContactId(contact_id), attempt) for contact_id, attempt in found]

    async def settle(
        self, contact_id: ContactId, attempt: int, settlement: Settlement, now: datetime
    ) -> Settlement:
        """Move a live contact to where its newest attempt left it; returns what stands.

        Raises ContactNotFound.
        """
        async with single_statement(self._engine) as connection:
            return await settling.settle(connection, contact_id, attempt, settlement, now)

    async def give_back(self, contact_id: ContactId, attempt: int, now: datetime) -> ContactStatus:
        """Return a contact that was certainly not dialled to the status it waited in, due at once.

        Raises ContactNotFound.
        """
        async with single_statement(self._engine) as connection:
            return await settling.give_back(connection, contact_id, attempt, now)

    async def skip(
        self, contact_id: ContactId, reason: SkipReason, now: datetime, *, detail: str | None = None
    ) -> ContactStatus:
        """Skip a waiting contact and cancel an attempt that was never dialled.

        Raises ContactNotFound.
        """
        async with transaction(self._engine) as connection:
            return await settling.skip(connection, contact_id, reason, now, detail=detail)

    async def list_contacts(
        self, batch_id: BatchId, statuses: Sequence[ContactStatus], window: Window
    ) -> Page[Contact]:
        """Return contacts by position; empty `statuses` matches any."""
        listed = _listed(batch_id, statuses, window)
        async with single_statement(self._engine) as connection:
            total = await connection.scalar(_total(batch_id, statuses))
            found = await connection.execute(listed)
        return Page(items=[contact_of(row) for row in found.mappings()], total=total or 0)

    async def get_contact(self, batch_id: BatchId, contact_id: ContactId) -> Contact:
        """Raises ContactNotFound."""
        c = contacts.c
        one = select(contacts).where(c.contact_id == contact_id, c.batch_id == batch_id)
        async with single_statement(self._engine) as connection:
            row = (await connection.execute(one)).mappings().one_or_none()
        if row is None:
            raise ContactNotFound
        return contact_of(row)

    async def calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, Sequence[CallRecord]]:
        """Return the call records of each contact that has any, oldest first."""
        c = calls.c
        of_all = select(calls).where(c.contact_id == among(contact_ids)).order_by(c.contact_id, c.attempt)
        grouped: dict[ContactId, list[CallRecord]] = defaultdict(list)
        async with single_statement(self._engine) as connection:
            for row in (await connection.execute(of_all)).mappings():
                grouped[row[c.contact_id]].append(call_of(row))
        return dict(grouped)

    async def latest_calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, CallRecord]:
        """Return the newest call record of each contact that has one."""
        c = calls.c
        newest = (
            select(calls)
            .ext(distinct_on(c.contact_id))
            .where(c.contact_id == among(contact_ids))
            .order_by(c.contact_id, c.attempt.desc())
        )
        async with single_statement(self._engine) as connection:
            found = await connection.execute(newest)
        return {row[c.contact_id]: call_of(row) for row in found.mappings()}


def _due(batch_id: BatchId, now: datetime, limit: int) -> Subquery:
    """Select due contacts of each kind with the order of their turn; each half is read from its own index."""
    follow_ups = _due_of_kind(
        AttemptKind.FOLLOW_UP, ContactStatus.FOLLOWUP_SCHEDULED, contacts.c.follow_up_at, turn=1
    )
    retries = _due_of_kind(AttemptKind.RETRY, ContactStatus.RETRYING, contacts.c.next_retry_at, turn=2)
    halves = [
        half.where(contacts.c.batch_id == batch_id, due_at <= now).order_by(due_at).limit(limit).subquery()
        for half, due_at in (
            (follow_ups, contacts.c.follow_up_at),
            (retries, contacts.c.next_retry_at),
        )
    ]
    return union_all(*(select(half) for half in halves)).subquery("due")


def _due_of_kind(
    kind: AttemptKind, status: ContactStatus, due_at: ColumnElement[datetime], *, turn: int
) -> Select[*tuple[Any, ...]]:
    c = contacts.c
    return select(
        c.contact_id,
        c.position,
        due_at.label("due_at"),
        literal(kind.value).label("kind"),
        literal(turn).label("turn"),
    ).where(c.status == status)


def _listed(batch_id: BatchId, statuses: Sequence[ContactStatus], window: Window) -> Select[*tuple[Any, ...]]:
    c = contacts.c
    page = select(contacts).where(c.batch_id == batch_id).order_by(c.position).limit(window.limit)
    if not statuses:
        # Positions have no gaps, so any page is as near as the first.
        return page.where(c.position > window.skip)
    matching = (
        select(c.position)
        .where(c.batch_id == batch_id, c.status.in_(statuses))
        .order_by(c.position)
        .offset(window.skip)
        .limit(window.limit)
    )
    # The index knows positions by status; rows are fetched for one page only.
    return page.where(c.position.in_(matching))


def _total(batch_id: BatchId, statuses: Sequence[ContactStatus]) -> Select[int]:
    if not statuses:
        return select(batches.c.total_contacts).where(batches.c.batch_id == batch_id)
    c = contacts.c
    return select(func.count()).where(c.batch_id == batch_id, c.status.in_(statuses))
