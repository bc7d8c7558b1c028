"""Slots as rows: each grant is decided, written and counted in one transaction.

Grants that share a limit pass one at a time, by a lock that only grants take: that of the campaign where it
has a cap, else that of the batch. What decides is read after the lock, so each grant knows those before it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    exists,
    func,
    insert,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus, concurrency_in_force
from domain.call import AttemptKind
from domain.campaign import Campaign
from domain.contact import LIVE, TERMINAL, WAITING, ContactStatus
from domain.counters import field_of
from domain.identity import BatchId, ContactId
from domain.ports.slots import HeldSlot
from domain.slots import (
    CLOCKS_DIFFER_BY,
    DISPOSITIONS_SHOWN,
    OVERDUE_AFTER,
    GrantedSlot,
    GrantedSlots,
    NoSlot,
    SlotDemand,
    SlotGrants,
    Wake,
    batches_to_tell,
    free_slots,
)
from store.batches.counting import counters_of
from store.calls.reported import count_reported
from store.database.engine import single_statement, transaction
from store.schema.base import INSTANT, OPEN_ATTEMPT
from store.schema.tables import batches, calls, contacts, slots
from store.slots.candidates import (
    LOOK_AGAIN_WHEN_BUSY,
    NUMBERS_WERE_BUSY,
    Candidates,
    find_candidates,
    has_come,
    may_call,
)
from store.slots.demands import LockedBatch, demands_of, locked_batch_of, tell_demand
from store.slots.due_contacts import HOLDS_SLOT, NEXT_DUE, next_attempt

LOOK_AGAIN_FOR_CAPACITY = timedelta(seconds=3)
"""Before a batch whose campaign had no slot left asks again, even without a signal."""
UNATTENDED_AFTER = timedelta(seconds=10)
"""A slot without an open call for so long may have lost its workflow."""
HOLDERS_SHOWN = 100

_this_batch: BindParameter[str] = bindparam("this_batch")
_OPEN_CALL = exists().where(
    calls.c.contact_id == slots.c.contact_id, calls.c.attempt == slots.c.attempt, text(OPEN_ATTEMPT)
)
_LOCKED_WAITING = (
    select(contacts.c.contact_id)
    .where(
        contacts.c.contact_id == any_(bindparam("these", type_=ARRAY(Text))),
        contacts.c.status.in_(sorted(WAITING)),
    )
    .with_for_update(key_share=True, skip_locked=True)
)
_STANDING = NEXT_DUE.add_columns(
    exists()
    .where(contacts.c.batch_id == _this_batch, contacts.c.status.in_(sorted(LIVE | WAITING)))
    .label("is_unfinished"),
    exists()
    .where(
        slots.c.batch_id == _this_batch,
        func.coalesce(slots.c.checked_at, slots.c.granted_at) < bindparam("a_while_ago", type_=INSTANT),
        not_(_OPEN_CALL),
    )
    .label("is_unattended"),
)
_asked = bindparam("asked", type_=ARRAY(Text))
_HELD_ALREADY = select(slots.c.contact_id, slots.c.attempt, slots.c.kind).where(
    slots.c.batch_id == _this_batch,
    (slots.c.granted_by == bindparam("this_request")) | (slots.c.contact_id == any_(_asked)),
)
_due_at = func.coalesce(contacts.c.next_retry_at, contacts.c.follow_up_at)
_REFUSED = select(contacts.c.contact_id, next_attempt(contacts.c.contact_id), _due_at).where(
    contacts.c.batch_id == _this_batch,
    contacts.c.contact_id == any_(_asked),
    not_(HOLDS_SLOT),
    contacts.c.status.in_(sorted(TERMINAL)) | (_due_at > bindparam("soon", type_=INSTANT)),
)
_HOLDERS = (
    select(slots.c.contact_id, slots.c.attempt)
    .where(slots.c.batch_id == _this_batch)
    .order_by(slots.c.granted_at, slots.c.contact_id)
    .limit(HOLDERS_SHOWN)
)

# No contact is locked when it is written: batch, contact is the order of locks.
_REST = (
    update(batches)
    .where(batches.c.batch_id == _this_batch)
    .values(rests_since=bindparam("since", type_=INSTANT))
)
_DISPATCH = (
    update(batches)
    .where(batches.c.batch_id == _this_batch)
    .values(dispatched_by=bindparam("this_run", type_=Text))
)


class PostgresSlotStore:
    """The slots of all batches; implements `SlotStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def grant(self, request: SlotGrants, now: datetime) -> GrantedSlots | None:
        """Grant slots to contacts of a batch that may be called now; None when the batch does not exist."""
        async with transaction(self._engine) as connection:
            locked = await locked_batch_of(connection, request)
            if locked is None:
                return None
            if request.dispatched_by in (None, locked.dispatched_by):
                return await _grant_to_run(connection, locked, request, now)
            this = {"this_batch": request.batch_id, "this_run": request.dispatched_by}
            await connection.execute(_DISPATCH, this)
        # Committed before a row is read: a contact that is settled too late to be found there reports.
        return await self.grant(request, now)

    async def unattended(
        self, batch_id: BatchId, now: datetime, limit: int, *, with_calls: bool
    ) -> Sequence[HeldSlot]:
        """Return slots held for a while without an open call, those checked longest ago first."""
        c = slots.c
        looked_at = (
            update(slots)
            .where(c.contact_id.in_(_looked_at_longest_ago(batch_id, now, limit, with_calls=with_calls)))
            .values(checked_at=now)
            .returning(c.contact_id, c.attempt, c.kind)
        )
        async with single_statement(self._engine) as connection:
            rows = (await connection.execute(looked_at)).all()
        return [
            HeldSlot(contact_id=ContactId(contact_id), attempt=attempt, kind=AttemptKind(kind))
            for contact_id, attempt, kind in sorted(rows)
        ]


async def _grant_to_run(
    connection: AsyncConnection, locked: LockedBatch, request: SlotGrants, now: datetime
) -> GrantedSlots:
    request = request.as_of(now)
    if locked.is_resting:
        # Contacts may have been added that come before those that its workflow has read.
        request = replace(request, cursor=0, zones=None)
        await connection.execute(_REST, {"this_batch": request.batch_id, "since": None})
    return replace(await _grant(connection, locked, request, now), is_leveled=request.is_leveled)


async def _grant(
    connection: AsyncConnection, locked: LockedBatch, request: SlotGrants, now: datetime
) -> GrantedSlots:
    batch, campaign = locked.batch, locked.campaign
    batch_id, cap = batch.batch_id, campaign.rules.concurrency_limit
    limit = concurrency_in_force(batch.concurrency_limit, campaign.rules)
    demands = await demands_of(connection, locked, now)
    held = demands[batch_id].held
    room = min(request.at_most, max(0, limit - held))
    found = await find_candidates(connection, batch, campaign, request, now, room)
    candidates = found.first[:room]
    wants = limit if room and len(candidates) == room else held + len(candidates)
    if cap is not None:
        await tell_demand(connection, batch, wants, now)
    demands[batch_id] = SlotDemand(held=held, wants=wants)
    free = free_slots(limit, batch_id, demands, cap)
    before = await _held_already(connection, request) if locked.is_repeated or request.asked else []
    granted = await _write(connection, batch, candidates[:free], request.key, now)
    demands[batch_id] = SlotDemand(held=held + len(granted), wants=wants)
    lacks_capacity = free < len(candidates)
    standing = await _standing(connection, batch_id, now)
    is_done = batch.status not in TERMINAL_BATCH and not (standing.is_unfinished or held or granted)
    if is_done and batch.keep_open:
        await connection.execute(_REST, {"this_batch": batch_id, "since": now})
    stands = GrantedSlots(
        status=batch.status,
        paused_by=batch.paused_by,
        total_contacts=batch.total_contacts,
        concurrency_limit=limit,
        campaign_limit=cap,
        in_use=held + len(granted),
        campaign_in_use=None if cap is None else sum(each.held for each in demands.values()),
        is_begin_due=batch.status is BatchStatus.PENDING and has_come(batch.scheduled_start, now),
        is_end_due=batch.status not in TERMINAL_BATCH and has_come(batch.scheduled_end, now),
        is_done=is_done and not batch.keep_open,
        is_resting=is_done and batch.keep_open,
        is_unattended=standing.is_unattended,
        granted=(*before, *granted),
        refused=await _refused(connection, request, now),
        has_more=not lacks_capacity and _has_more(found, room, free=max(0, limit - held)),
        cursor=found.cursor_behind(min(free, len(candidates))),
        zones=None if found.zones is None else tuple(found.zones),
        wakes=_wakes(batch, campaign, standing, now, lacks_capacity=lacks_capacity),
        rereads=found.rereads(now),
        waiting_batches=batches_to_tell(batch_id, demands, cap, request.held_before),
        policy_version=locked.policy_version,
        at=now,
    )
    is_last = batch.status in TERMINAL_BATCH and not stands.in_use
    return await _counted(connection, stands, batch_id) if request.is_counted or is_last else stands


async def _write(
    connection: AsyncConnection, batch: Batch, picked: Sequence[GrantedSlot], key: str, now: datetime
) -> Sequence[GrantedSlot]:
    """Grant slots to contacts that still wait; a contact that is just being moved is found again."""
    if not picked:
        return []
    these = [each.contact_id for each in picked]
    still = set((await connection.scalars(_LOCKED_WAITING, {"these": these})).all())
    granted = [each for each in picked if each.contact_id in still]
    if granted:
        shared = {"batch_id": batch.batch_id, "campaign_id": batch.campaign_id}
        rows = [
            {
                "contact_id": each.contact_id,
                "attempt": each.attempt,
                "kind": each.kind,
                "granted_at": now,
                "granted_by": key,
                **shared,
            }
            for each in granted
        ]
        await connection.execute(insert(slots), rows)
    return granted


async def _held_already(connection: AsyncConnection, request: SlotGrants) -> Sequence[GrantedSlot]:
    """Return what the same request was granted before, and those that asked although they hold a slot."""
    this = {"this_batch": request.batch_id, "this_request": request.key, "asked": list(request.asked)}
    return [
        GrantedSlot(contact_id=ContactId(contact_id), attempt=attempt, kind=AttemptKind(kind))
        for contact_id, attempt, kind in await connection.execute(_HELD_ALREADY, this)
    ]


async def _refused(connection: AsyncConnection, request: SlotGrants, now: datetime) -> tuple[NoSlot, ...]:
    """Return those that asked and are over, or are to be called later than they know."""
    if not request.asked:
        return ()
    this = {"this_batch": request.batch_id, "asked": list(request.asked), "soon": now + CLOCKS_DIFFER_BY}
    return tuple(
        NoSlot(contact_id=ContactId(contact_id), attempt=attempt, due_at=due_at)
        for contact_id, attempt, due_at in await connection.execute(_REFUSED, this)
    )


def _has_more(found: Candidates, room: int, *, free: int) -> bool:
    """Tell whether another request would be granted more at once: this one was cut short."""
    ready = len(found.first)
    return ready >= room if free > room else ready < room and not found.is_exhausted


async def _standing(connection: AsyncConnection, batch_id: BatchId, now: datetime) -> Row[*tuple[Any, ...]]:
    """Read what the rows say after the grant."""
    this = {
        "this_batch": batch_id,
        "overdue_at": now - OVERDUE_AFTER,
        "a_while_ago": now - UNATTENDED_AFTER,
    }
    return (await connection.execute(_STANDING, this)).one()


def _wakes(
    batch: Batch, campaign: Campaign, standing: Row[*tuple[Any, ...]], now: datetime, *, lacks_capacity: bool
) -> tuple[Wake, ...]:
    """Return when the batch asks again, apart from contacts in front of its cursor."""
    at: dict[str, datetime | None] = {}
    if batch.status is BatchStatus.PENDING:
        at["scheduled start"] = batch.scheduled_start
    if batch.status not in TERMINAL_BATCH:
        at["scheduled end"] = batch.scheduled_end
    if lacks_capacity:
        at["a slot of its campaign may be free"] = now + LOOK_AGAIN_FOR_CAPACITY
    if may_call(batch, campaign):
        next_at = standing.next_due_at
        at["a retry or follow-up is due"] = None if next_at is None else next_at + OVERDUE_AFTER
        at[NUMBERS_WERE_BUSY] = now + LOOK_AGAIN_WHEN_BUSY if standing.is_busy else None
    return tuple(Wake(max(when - now, timedelta()), what) for what, when in at.items() if when is not None)


async def _counted(connection: AsyncConnection, stands: GrantedSlots, batch_id: BatchId) -> GrantedSlots:
    """Add the counters and the holders of slots."""
    counters = (await counters_of(connection, [batch_id]))[batch_id]
    holders = await connection.execute(_HOLDERS, {"this_batch": batch_id})
    told = await count_reported(connection, calls.c.batch_id == batch_id)
    return replace(
        stands,
        counts={status: getattr(counters, field_of(status)) for status in ContactStatus},
        holders=tuple((ContactId(contact_id), attempt) for contact_id, attempt in holders),
        answered_by=told.answered_by,
        dispositions=dict(islice(told.dispositions.items(), DISPOSITIONS_SHOWN)),
    )


def _looked_at_longest_ago(batch_id: BatchId, now: datetime, limit: int, *, with_calls: bool) -> Select[str]:
    c = slots.c
    oldest = (
        select(c.contact_id)
        .where(c.batch_id == batch_id, c.granted_at < now - UNATTENDED_AFTER)
        .order_by(func.coalesce(c.checked_at, c.granted_at), c.contact_id)
        .limit(limit)
    )
    return oldest if with_calls else oldest.where(not_(_OPEN_CALL))
