"""Which contacts of a batch may be dialled now: those that are due, then pending ones in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch, calling_hours_in_force
from domain.call import AttemptKind
from domain.campaign import Campaign
from domain.contact import ContactStatus, call_order
from domain.frequency import CapsAt
from domain.gates import GateFacts, closed_gate
from domain.identity import BatchId, ContactId
from domain.slots import (
    CLOCKS_DIFFER_BY,
    NOT_BEFORE_COMES,
    OVERDUE_AFTER,
    WINDOW_OPENS,
    GrantedSlot,
    SlotGrants,
    Wake,
)
from domain.working_hours import CallingHours, is_open, next_opening
from store.slots.due_contacts import DUE, PENDING_WITHOUT_CAPS, next_not_before, pending, pending_zones

AT_HAND = 20
"""Pending contacts read beyond those that can be granted, since some may be busy or capped."""
MORE_AT_HAND = 500
LOOKED_AT_MOST = 5_000
"""Pending contacts that one request reads; the next one goes on behind them."""
LOOK_AGAIN_WHEN_BUSY = timedelta(seconds=5)
"""Between two reads of contacts whose numbers were on the phone."""
NUMBERS_WERE_BUSY = "some could not be called: look again"
"""Says no more: the call a number is on may be another organization's."""


@dataclass(kw_only=True)
class Candidates:
    """Contacts that may be dialled now, and why others may not."""

    due: Sequence[GrantedSlot] = ()
    pending: list[tuple[ContactId, int]] = field(default_factory=list)
    """Each with its `call_order`, by which they stand."""
    zones: Sequence[str | None] | None = None
    """Of all pending contacts; None where they were not read."""
    opens_at: datetime | None = None
    """When the next closed window of theirs opens."""
    comes_at: datetime | None = None
    """The next `not_before` of theirs; None where it is known since an earlier request."""
    has_busy: bool = False
    capped_until: datetime | None = None
    cursor: int = 0
    """The `call_order` up to which pending contacts were read."""
    is_exhausted: bool = True
    """No pending contact is left behind the cursor."""

    @property
    def first(self) -> list[GrantedSlot]:
        """Return all of them in the order in which they are granted slots."""
        fresh = (
            GrantedSlot(contact_id=contact_id, attempt=1, kind=AttemptKind.INITIAL)
            for contact_id, _ in self.pending
        )
        return [*self.due, *fresh]

    def cursor_behind(self, granted: int) -> int:
        """Return where the next request goes on when so many were granted: before the first that was not."""
        taken = max(0, granted - len(self.due))
        return self.pending[taken][1] - 1 if taken < len(self.pending) else self.cursor

    def rereads(self, now: datetime) -> tuple[Wake, ...]:
        """Return when contacts in front of the cursor are read again."""
        again = {
            WINDOW_OPENS: self.opens_at,
            NOT_BEFORE_COMES: self.comes_at,
            "a number may be called again": self.capped_until,
            NUMBERS_WERE_BUSY: now + LOOK_AGAIN_WHEN_BUSY if self.has_busy else None,
        }
        return tuple(Wake(at - now, what) for what, at in again.items() if at is not None)


async def find_candidates(
    connection: AsyncConnection,
    batch: Batch,
    campaign: Campaign,
    request: SlotGrants,
    now: datetime,
    room: int,
) -> Candidates:
    """Return up to `room` contacts that may be dialled; none of a batch that is held."""
    found = Candidates(cursor=request.cursor, zones=request.zones)
    if not may_call(batch, campaign) or has_come(batch.scheduled_end, now):
        return found
    if request.zones is None:
        found.comes_at = await connection.scalar(next_not_before(batch.batch_id, now))
    found.zones = zones = await _zones(connection, request)
    hours = {zone: _hours(batch, campaign, zone) for zone in zones}
    closed = [zone for zone in zones if not is_open(hours[zone], now)]
    openings = (next_opening(hours[zone], now, before=batch.scheduled_end) for zone in closed)
    found.opens_at = min((at for at in openings if at is not None), default=None)
    if room:
        told = {
            "this_batch": batch.batch_id,
            "asked": list(request.asked),
            "asked_by": now + CLOCKS_DIFFER_BY,
            "overdue_at": now - OVERDUE_AFTER,
            "room": room,
        }
        ready = await connection.execute(DUE, told)
        found.due = [
            GrantedSlot(contact_id=ContactId(contact_id), attempt=attempt, kind=AttemptKind(kind))
            for contact_id, attempt, kind in ready
        ]
        await _add_pending(connection, found, batch, campaign, closed, now, room - len(found.due))
    return found


def may_call(batch: Batch, campaign: Campaign) -> bool:
    """Tell whether the batch and its campaign let contacts be dialled."""
    facts = GateFacts(
        campaign_status=campaign.status, batch_status=batch.status, contact_status=ContactStatus.PENDING
    )
    return closed_gate(facts) is None


def has_come(at: datetime | None, now: datetime) -> bool:
    """Tell whether an instant, if there is one, lies behind."""
    return at is not None and at <= now


async def _zones(connection: AsyncConnection, request: SlotGrants) -> Sequence[str | None]:
    if request.zones is not None:
        return request.zones
    return (await connection.scalars(pending_zones(request.batch_id))).all()


async def _add_pending(
    connection: AsyncConnection,
    found: Candidates,
    batch: Batch,
    campaign: Campaign,
    closed: Sequence[str | None],
    now: datetime,
    room: int,
) -> None:
    """Look at pending contacts page by page until enough may be called; busy and capped ones are passed."""
    caps = CapsAt(campaign.rules.caps_in_force, now)
    page, looked_at = room + AT_HAND, 0
    while True:
        rows = await _page(connection, batch.batch_id, found.cursor, page, closed, caps)
        for row in rows:
            if row.capped_until is not None:
                opening = next_opening(
                    _hours(batch, campaign, row.zone), row.capped_until, before=batch.scheduled_end
                )
                found.capped_until = min(filter(None, (found.capped_until, opening)), default=None)
            elif row.is_busy:
                found.has_busy = True
            else:
                found.pending.append((ContactId(row.contact_id), row.call_order))
        found.cursor = rows[-1].call_order if rows else found.cursor
        found.is_exhausted, looked_at = len(rows) < page, looked_at + len(rows)
        if found.is_exhausted:
            # Those that may not be called now are not passed over once more with every request.
            found.cursor = max(found.cursor, call_order(0, batch.total_contacts))
        if found.is_exhausted or len(found.pending) >= room or looked_at >= LOOKED_AT_MOST:
            return
        page = MORE_AT_HAND


async def _page(
    connection: AsyncConnection,
    batch_id: BatchId,
    after: int,
    page: int,
    closed: Sequence[str | None],
    caps: CapsAt,
) -> Sequence[Row[*tuple[Any, ...]]]:
    if caps.caps:
        return (await connection.execute(pending(batch_id, after, page, closed, caps))).all()
    named = [zone for zone in closed if zone is not None]
    told = {"this_batch": batch_id, "after": after, "room": page, "closed": named, "now": caps.now}
    told["others_are_closed"] = len(named) < len(closed)
    return (await connection.execute(PENDING_WITHOUT_CAPS, told)).all()


def _hours(batch: Batch, campaign: Campaign, zone: str | None) -> CallingHours:
    return calling_hours_in_force(batch.overrides, campaign.rules, zone)
