"""Numbers derived from contacts and calls at the moment they are read, one grouped query for a whole page.

Of batches that are over what was derived once may be kept in their rows, see `kept_counts`. Both halves
are read by one statement, so that no change in between is counted twice or not at all.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    not_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import ASKED, AttemptKind, CallStatus
from domain.campaign import CallCounters
from domain.contact import WAITING, ContactStatus
from domain.counters import Counters
from domain.identity import BatchId, CampaignId
from store.database.parameters import among
from store.schema.tables import batches, calls, contacts, slots

CONTACTS, CALLS, FOLLOW_UPS = "contacts", "calls", "follow_ups"
"""What is kept with a batch: the first two by status."""
DIALLED, OTHERS = "dialled", "others"
"""The two counts of follow-ups."""

COUNTED_AS = {
    CallStatus.COMPLETED: "completed_calls",
    CallStatus.FAILED: "failed_calls",
    CallStatus.UNKNOWN: "failed_calls",
    CallStatus.BUSY: "busy_calls",
    CallStatus.NO_ANSWER: "no_answer_calls",
}
"""The call counter each ending adds to; an unknown one counts as failed."""


_DERIVED = batches.c.kept_counts.is_(None)
_GRANTED = (
    select(contacts.c.batch_id, contacts.c.status, func.count())
    .join_from(slots, contacts, slots.c.contact_id == contacts.c.contact_id)
    .where(
        slots.c.batch_id == any_(bindparam("these", type_=ARRAY(Text))),
        contacts.c.status.in_(sorted(WAITING)),
    )
    .group_by(contacts.c.batch_id, contacts.c.status)
)


def contacts_by_status(owner: ColumnElement[str], *of: ColumnElement[bool]) -> Select[str, str, int]:
    """Count contacts by status, of the batches that match, for each `owner`, a column of `batches`."""
    c = contacts.c
    counted = select(c.status.label("status"), func.count().label("number")).group_by(c.status)
    return _added_up(CONTACTS, owner, counted.where(c.batch_id == batches.c.batch_id), *of)


def calls_by_status(owner: ColumnElement[str], *of: ColumnElement[bool]) -> Select[str, str, int]:
    """Count calls by status in the same way."""
    c = calls.c
    counted = select(c.call_status.label("status"), func.count().label("number")).group_by(c.call_status)
    return _added_up(CALLS, owner, counted.where(c.batch_id == batches.c.batch_id), *of)


def follow_ups(owner: ColumnElement[str], *of: ColumnElement[bool]) -> Select[str, str, int]:
    """Count follow-up calls in the same way: those that were `DIALLED`, and the `OTHERS`."""
    c = calls.c
    was_dialled = case(
        (c.dial_state.in_(ASKED), literal_column(f"'{DIALLED}'")), else_=literal_column(f"'{OTHERS}'")
    )
    counted = select(was_dialled.label("status"), func.count().label("number")).group_by(was_dialled)
    mine = (c.batch_id == batches.c.batch_id, c.kind == AttemptKind.FOLLOW_UP)
    return _added_up(FOLLOW_UPS, owner, counted.where(*mine), *of)


def _added_up(
    count: str, owner: ColumnElement[str], counted: Select[str, int], *of: ColumnElement[bool]
) -> Select[str, str, int]:
    """Add up what is kept and what `counted` counts of one batch, for all batches that match.

    Each batch is counted by itself: with statistics from before the others were kept, a join would be planned
    to read the rows of all.
    """
    each = func.jsonb_each_text(batches.c.kept_counts[count]).table_valued(
        "key", "value", joins_implicitly=True
    )
    kept = select(
        owner.label("owner"), each.c.key.label("status"), cast(each.c.value, BigInteger).label("number")
    )
    rows = counted.correlate(batches).lateral("counted")
    derived = select(owner, rows.c.status, rows.c.number).select_from(batches).join(rows, true())
    both = union_all(kept.where(*of, not_(_DERIVED)), derived.where(*of, _DERIVED)).subquery()
    owner_id, status, number = both.c.owner, both.c.status, cast(func.sum(both.c.number), BigInteger)
    return select(owner_id, status, number).group_by(owner_id, status)


async def counters_of(
    connection: AsyncConnection, batch_ids: Sequence[BatchId]
) -> Mapping[BatchId, Counters]:
    """Return the counters of each batch, also of one without contacts.

    A contact that holds a slot and waits for its dial counts as dispatched.
    """
    b = batches.c.batch_id
    counted = await connection.execute(contacts_by_status(b, b == among(batch_ids)))
    counts: dict[str, dict[ContactStatus, int]] = {batch_id: {} for batch_id in batch_ids}
    for batch_id, status, number in counted:
        counts[batch_id][ContactStatus(status)] = number
    for batch_id, status, number in await connection.execute(_GRANTED, {"these": list(batch_ids)}):
        counted_here = counts[batch_id]
        # The two statements see different instants; none may count below zero.
        moved = min(number, counted_here.get(ContactStatus(status), 0))
        counted_here[ContactStatus(status)] = counted_here.get(ContactStatus(status), 0) - moved
        dispatched = counted_here.get(ContactStatus.DISPATCHED, 0)
        counted_here[ContactStatus.DISPATCHED] = dispatched + moved
    return {BatchId(batch_id): Counters.from_statuses(each) for batch_id, each in counts.items()}


async def call_counters_of(
    connection: AsyncConnection, campaign_ids: Sequence[CampaignId]
) -> Mapping[CampaignId, CallCounters]:
    """Return the call counters of each campaign; an unknown ending counts as failed."""
    b = batches.c.campaign_id
    these = (b == among(campaign_ids), batches.c.deleted_at.is_(None))
    outcomes = await connection.execute(calls_by_status(b, *these))
    dialled = await connection.execute(follow_ups(b, *these))
    counts: dict[str, dict[str, int]] = {each: defaultdict(int) for each in campaign_ids}
    for campaign_id, status, number in outcomes:
        if status in COUNTED_AS:
            counts[campaign_id][COUNTED_AS[CallStatus(status)]] += number
    for campaign_id, name, number in dialled:
        if name == DIALLED:
            counts[campaign_id]["follow_up_calls"] += number
    return {CampaignId(each): CallCounters(**numbers) for each, numbers in counts.items()}
