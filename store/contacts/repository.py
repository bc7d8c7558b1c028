"""The people of batches."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, not_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import CallRecord
from domain.contact import Contact, ContactStatus, SkipReason
from domain.disposition import ANYTHING_REPORTED, ReportedFilter
from domain.errors import ContactNotFound
from domain.frequency import CapsAt, capped_where
from domain.identity import BatchId, ContactId, ExecutionId
from domain.ports import Page, Window
from domain.settlement import Basis, Settlement
from store.contacts import follow_ups
from store.contacts import settlement as settling
from store.database.engine import single_statement, transaction
from store.database.parameters import among
from store.numbers.frequency import cap_free_at
from store.schema.mapping import call_of, contact_of
from store.schema.tables import batches, calls, contacts
from store.slots import due_contacts

_DISPATCHED_BY = select(batches.c.dispatched_by).where(batches.c.batch_id == bindparam("this_batch"))


class PostgresContactStore:
    """The contacts of all batches; implements `ContactStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def pending_zones(self, batch_id: BatchId) -> Sequence[str | None]:
        """Return the different zones of pending contacts; None for those without one of their own."""
        async with single_statement(self._engine) as connection:
            return list((await connection.scalars(due_contacts.pending_zones(batch_id))).all())

    async def skipped_stories(
        self, batch_id: BatchId, after_position: int, limit: int
    ) -> Sequence[tuple[ContactId, int]]:
        """Return contacts that were called before and then skipped with their batch, by position."""
        return await self._pairs(due_contacts.skipped_stories(batch_id, after_position).limit(limit))

    async def calls_to_hang_up(self, batch_id: BatchId, limit: int) -> Sequence[tuple[ExecutionId, str]]:
        """Return the open calls of skipped contacts, by attempt and the provider's id, oldest first."""
        async with single_statement(self._engine) as connection:
            found = await connection.execute(due_contacts.calls_to_hang_up(batch_id).limit(limit))
        return [(ExecutionId(execution_id), call_id) for execution_id, call_id in found]

    async def settle(
        self,
        contact_id: ContactId,
        attempt: int,
        settlement: Settlement,
        now: datetime,
        *,
        basis: Basis | None = None,
    ) -> Settlement:
        """Move a live contact to where its newest attempt left it; returns what stands.

        Raises ContactNotFound, DecisionOvertaken.
        """
        async with transaction(self._engine) as connection:
            return await settling.settle(connection, contact_id, attempt, settlement, now, basis=basis)

    async def give_back(
        self,
        contact_id: ContactId,
        attempt: int,
        now: datetime,
        *,
        due_at: datetime | None = None,
        ends: bool = False,
    ) -> ContactStatus:
        """Return a contact that was certainly not dialled to the status it waited in, due at once or then.

        With `ends` a contact that waits for a retry keeps the outcome of the last call.
        Of a batch that is over, or with a number that is suppressed, it is skipped.
        Raises ContactNotFound.
        """
        async with transaction(self._engine) as connection:
            return await settling.give_back(connection, contact_id, attempt, now, due_at=due_at, ends=ends)

    async def skip(
        self, contact_id: ContactId, reason: SkipReason, now: datetime, *, detail: str | None = None
    ) -> ContactStatus:
        """Skip a waiting contact and cancel an attempt that was never dialled.

        Raises ContactNotFound.
        """
        async with transaction(self._engine) as connection:
            return await settling.skip(connection, contact_id, reason, now, detail=detail)

    async def dispatched_by(self, batch_id: BatchId) -> str | None:
        """Return the run of the batch's workflow that asked for slots last."""
        async with single_statement(self._engine) as connection:
            run_id: str | None = await connection.scalar(_DISPATCHED_BY, {"this_batch": batch_id})
        return run_id

    async def skip_by_hand(self, batch_id: BatchId, contact_id: ContactId, now: datetime) -> Contact:
        """Skip a waiting contact because a client asked for it. Raises ContactNotFound, IllegalTransition."""
        async with transaction(self._engine) as connection:
            return await settling.skip_by_hand(connection, batch_id, contact_id, now)

    async def schedule_follow_up(
        self,
        batch_id: BatchId,
        contact_id: ContactId,
        at: datetime,
        now: datetime,
        *,
        agreed_at: datetime | None = None,
    ) -> Contact:
        """Let a completed contact be called again at an agreed time.

        Raises ContactNotFound, IllegalTransition.
        """
        async with transaction(self._engine) as connection:
            scheduled = await follow_ups.schedule_follow_up(connection, batch_id, contact_id, at, now)
            await follow_ups.note_agreement(connection, contact_id, agreed_at or at)
            return scheduled

    async def list_contacts(
        self,
        batch_id: BatchId,
        statuses: Sequence[ContactStatus],
        window: Window,
        reported: ReportedFilter = ANYTHING_REPORTED,
    ) -> Page[Contact]:
        """Return contacts by position; empty `statuses` matches any."""
        listed, counted = _listed(batch_id, statuses, window), _total(batch_id, statuses)
        if reported != ANYTHING_REPORTED:
            listed, counted = _listed_reported(batch_id, statuses, window, reported)
        async with single_statement(self._engine) as connection:
            total = await connection.scalar(counted)
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

    async def capped(
        self, contact_ids: Sequence[ContactId], caps: CapsAt
    ) -> Mapping[ContactId, Sequence[str]]:
        """Return the presets whose caps withhold the numbers of contacts, of those that are withheld."""
        if not caps.caps:
            return {}
        c = contacts.c
        owner = (
            select(batches.c.organization_id)
            .where(batches.c.batch_id == c.batch_id)
            .correlate(contacts)
            .scalar_subquery()
        )
        free_at = [
            cap_free_at(owner, c.phone_number, cap, caps.now).label(f"cap_{number}")
            for number, cap in enumerate(caps.caps)
        ]
        async with single_statement(self._engine) as connection:
            rows = await connection.execute(
                select(c.contact_id, *free_at).where(c.contact_id == among(contact_ids))
            )
        held = {
            ContactId(contact_id): capped_where(dict(zip(caps.caps, at, strict=True)), caps.now)
            for contact_id, *at in rows
        }
        return {contact_id: each.presets for contact_id, each in held.items() if each is not None}

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

    async def _pairs(self, statement: Select[str, int]) -> Sequence[tuple[ContactId, int]]:
        async with single_statement(self._engine) as connection:
            found = await connection.execute(statement)
        return [(ContactId(contact_id), number) for contact_id, number in found]


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


def _listed_reported(
    batch_id: BatchId, statuses: Sequence[ContactStatus], window: Window, reported: ReportedFilter
) -> tuple[Select[*tuple[Any, ...]], Select[int]]:
    """Select the contacts whose newest call was reported so, and count them; begins at the reported calls."""
    c, call, later = contacts.c, calls.c, calls.alias("later")
    wanted = [
        c.batch_id == batch_id,
        call.batch_id == batch_id,
        or_(call.answered_by.is_not(None), call.disposition.is_not(None)),  # as the index has it
        not_(exists().where(later.c.contact_id == call.contact_id, later.c.attempt > call.attempt)),
    ]
    if statuses:
        wanted.append(c.status.in_(statuses))
    if reported.answered_by:
        wanted.append(call.answered_by.in_(sorted(reported.answered_by)))
    if reported.dispositions:
        wanted.append(call.disposition.in_(sorted(reported.dispositions)))
    matching = select(c.position).join_from(calls, contacts, c.contact_id == call.contact_id).where(*wanted)
    page = matching.order_by(c.position).offset(window.skip).limit(window.limit)
    listed = (
        select(contacts)
        .where(c.batch_id == batch_id, c.position.in_(page))
        .order_by(c.position)
        .limit(window.limit)
    )
    return listed, select(func.count()).select_from(matching.subquery())
