"""Due and pending contacts of a batch, in the order in which they are called, as statements."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    all_,
    any_,
    bindparam,
    case,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)

from domain.call import LIVE_CALLS, AttemptKind
from domain.contact import ContactStatus, SkipReason
from domain.frequency import CapsAt
from domain.identity import BatchId
from store.calls.undialled import IS_UNDIALLED
from store.numbers.frequency import capped_until
from store.numbers.on_the_phone import is_on_the_phone
from store.schema.base import INSTANT
from store.schema.call_order import call_order
from store.schema.tables import batches, calls, contacts, slots
from store.schema.zones import ZONE_KEY

HOLDS_SLOT = exists().where(slots.c.contact_id == contacts.c.contact_id)

_SKIPPED_WITH_THE_BATCH = (
    SkipReason.BATCH_CANCELLED,
    SkipReason.CAMPAIGN_CANCELLED,
    SkipReason.BATCH_EXPIRED,
)


def pending(
    batch_id: BatchId, after: int, limit: int, closed_zones: Collection[str | None], caps: CapsAt
) -> Select[str, int, str | None, bool, datetime | None]:
    """Select pending contacts that may be called by now: whether they are called, and until when capped."""
    # The numbers are looked up for this page only, however many people wait behind it.
    page = pending_page(batch_id, after, limit, closed_zones, by=caps.now)
    return select(
        page.c.contact_id,
        page.c.call_order,
        page.c.zone,
        is_on_the_phone(page.c.phone_number).label("is_busy"),
        capped_in(batch_id, page.c.phone_number, caps).label("capped_until"),
    ).order_by(page.c.call_order)


def pending_page(
    batch_id: BatchId,
    after: int,
    limit: int,
    closed_zones: Collection[str | None],
    *,
    by: datetime | None = None,
) -> Subquery:
    """Select the next pending contacts behind a place in their order that are outside the closed zones.

    With `by` only those whose `not_before` has come then.
    """
    c = contacts.c
    matching = select(
        c.contact_id, call_order.label("call_order"), ZONE_KEY.label("zone"), c.phone_number, c.not_before
    ).where(c.batch_id == batch_id, c.status == ContactStatus.PENDING, call_order > after, not_(HOLDS_SLOT))
    if by is not None:
        matching = matching.where(or_(c.not_before.is_(None), c.not_before <= by))
    if None in closed_zones:
        matching = matching.where(ZONE_KEY.is_not(None))
    if named := sorted(zone for zone in closed_zones if zone is not None):
        matching = matching.where(or_(ZONE_KEY.is_(None), all_(literal(named, ARRAY(Text))) != ZONE_KEY))
    return matching.order_by(call_order).limit(limit).subquery("page")


def capped_in(batch_id: BatchId, number: ColumnElement[str], caps: CapsAt | None) -> ColumnElement[Any]:
    """Select until when the caps withhold a number from a batch's organization; null when they do not."""
    if caps is None or not caps.caps:
        return null()
    return capped_until(owner_of(batch_id), number, caps)


def owner_of(batch_id: BatchId) -> ScalarSelect[str]:
    """Select a batch's organization."""
    return select(batches.c.organization_id).where(batches.c.batch_id == batch_id).scalar_subquery()


def pending_zones(batch_id: BatchId) -> Select[str | None]:
    """Select the different zones of pending contacts."""
    c = contacts.c
    zones = select(ZONE_KEY).where(c.batch_id == batch_id, c.status == ContactStatus.PENDING)
    return zones.group_by(ZONE_KEY).order_by(ZONE_KEY.nulls_first())


def next_not_before(batch_id: BatchId, now: datetime) -> Select[datetime | None]:
    """Select the earliest `not_before` of pending contacts that is still to come, null without one."""
    c = contacts.c
    waits = (c.batch_id == batch_id, c.status == ContactStatus.PENDING, c.not_before > now)
    return select(func.min(c.not_before)).where(*waits)


def next_attempt(contact_id: ColumnElement[str]) -> ColumnElement[int]:
    """Select the attempt a contact waits for; one that was given back undialled is made again."""
    dialled = (
        select(func.max(calls.c.attempt))
        .where(calls.c.contact_id == contact_id, not_(IS_UNDIALLED))
        .scalar_subquery()
    )
    return func.coalesce(dialled, 0) + 1


def skipped_stories(batch_id: BatchId, after_position: int) -> Select[str, int]:
    """Select ids and positions of contacts that were called before their batch ended and skipped them."""
    c = contacts.c
    return (
        select(c.contact_id, c.position)
        .where(
            c.batch_id == batch_id,
            c.status == ContactStatus.SKIPPED,
            c.skip_reason.in_(_SKIPPED_WITH_THE_BATCH),
            c.position > after_position,
            exists().where(calls.c.contact_id == c.contact_id),
        )
        .order_by(c.position)
    )


def calls_to_hang_up(batch_id: BatchId) -> Select[str, str]:
    """Select the open calls of skipped contacts that the provider can be asked to end, oldest first."""
    return (
        select(calls.c.execution_id, calls.c.provider_call_id)
        .join_from(calls, contacts, calls.c.contact_id == contacts.c.contact_id)
        .where(
            calls.c.batch_id == batch_id,
            calls.c.provider_call_id.is_not(None),
            calls.c.call_status.in_(LIVE_CALLS),
            contacts.c.status == ContactStatus.SKIPPED,
        )
        .order_by(calls.c.execution_id)
    )


def _due_of_kind(
    kind: AttemptKind, status: ContactStatus, due_at: ColumnElement[datetime], *, priority: int
) -> Select[*tuple[Any, ...]]:
    c = contacts.c
    return select(
        c.contact_id,
        c.position,
        due_at.label("due_at"),
        literal(kind.value).label("kind"),
        literal(priority).label("priority"),
    ).where(c.status == status)


def _due_contacts() -> Subquery:
    """Select due contacts of each kind with their priority; each half is read from its own index."""
    follow_ups = _due_of_kind(
        AttemptKind.FOLLOW_UP, ContactStatus.FOLLOWUP_SCHEDULED, contacts.c.follow_up_at, priority=1
    )
    retries = _due_of_kind(AttemptKind.RETRY, ContactStatus.RETRYING, contacts.c.next_retry_at, priority=2)
    has_asked = contacts.c.contact_id == any_(bindparam("asked", type_=ARRAY(Text)))
    halves = [
        half.where(
            contacts.c.batch_id == _this_batch,
            due_at <= bindparam("asked_by", type_=INSTANT),
            or_(due_at <= bindparam("overdue_at", type_=INSTANT), has_asked),
            not_(HOLDS_SLOT),
            not_(is_on_the_phone(contacts.c.phone_number)),
        )
        .order_by(due_at)
        .limit(_room)
        .subquery()
        for half, due_at in (
            (follow_ups, contacts.c.follow_up_at),
            (retries, contacts.c.next_retry_at),
        )
    ]
    return union_all(*(select(half) for half in halves)).subquery("due")


def _due() -> Select[str, int, str]:
    waiting = _due_contacts()
    return (
        select(waiting.c.contact_id, next_attempt(waiting.c.contact_id), waiting.c.kind)
        .order_by(waiting.c.priority, waiting.c.due_at, waiting.c.position)
        .limit(_room)
    )


def _next_due() -> Select[datetime | None, bool]:
    c, overdue_at = contacts.c, bindparam("overdue_at", type_=INSTANT)
    kinds = (
        (c.status == ContactStatus.FOLLOWUP_SCHEDULED, c.follow_up_at),
        (c.status == ContactStatus.RETRYING, c.next_retry_at),
    )
    firsts = [
        select(func.min(due_at))
        .where(c.batch_id == _this_batch, of_kind, due_at > overdue_at)
        .scalar_subquery()
        for of_kind, due_at in kinds
    ]
    busy = [
        exists().where(
            c.batch_id == _this_batch,
            of_kind,
            due_at <= overdue_at,
            not_(HOLDS_SLOT),
            is_on_the_phone(c.phone_number),
        )
        for of_kind, due_at in kinds
    ]
    return select(func.least(*firsts).label("next_due_at"), or_(*busy).label("is_busy"))


def _pending_without_caps() -> Select[str, int, str | None, bool]:
    c = contacts.c
    is_open = case(
        (ZONE_KEY.is_(None), not_(bindparam("others_are_closed", type_=Boolean))),
        else_=all_(bindparam("closed", type_=ARRAY(Text))) != ZONE_KEY,
    )
    page = (
        select(c.contact_id, call_order.label("call_order"), ZONE_KEY.label("zone"), c.phone_number)
        .where(
            c.batch_id == _this_batch,
            c.status == ContactStatus.PENDING,
            call_order > bindparam("after", type_=Integer),
            not_(HOLDS_SLOT),
            or_(c.not_before.is_(None), c.not_before <= bindparam("now", type_=INSTANT)),
            is_open,
        )
        .order_by(call_order)
        .limit(_room)
        .subquery("page")
    )
    busy = is_on_the_phone(page.c.phone_number).label("is_busy")
    nobody = null().label("capped_until")
    return select(page.c.contact_id, page.c.call_order, page.c.zone, busy, nobody).order_by(page.c.call_order)


# Asked for with every grant, and made once: putting such a statement together costs more than sending it.
_this_batch: BindParameter[str] = bindparam("this_batch")
_room = bindparam("room", type_=Integer)
DUE = _due()
"""Select due contacts without a slot, follow-ups first, then the longest due, with the next attempt.

Due is a contact that asked at its time, or is overdue. Numbers that are on the phone are left out.
"""
NEXT_DUE = _next_due()
"""Select the next due time of a retry or follow-up, null when none waits; and whether one is due and busy."""
PENDING_WITHOUT_CAPS = _pending_without_caps()
"""The same as `pending`, where no cap applies."""
