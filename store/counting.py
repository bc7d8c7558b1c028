"""Numbers derived from contacts and calls at the moment they are read, one grouped query for a whole page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, CollectionAggregate, Text, any_, bindparam, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import CallCounters
from domain.contact import WAITING, ContactStatus
from domain.counters import Counters
from domain.identity import BatchId, CampaignId
from store.tables import calls, contacts, slots

ASKED = (DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS)
"""States in which the provider was asked and may have dialled."""

LIVE_CALLS = (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS)

COUNTED_AS = {
    CallStatus.COMPLETED: "completed_calls",
    CallStatus.FAILED: "failed_calls",
    CallStatus.UNKNOWN: "failed_calls",
    CallStatus.BUSY: "busy_calls",
    CallStatus.NO_ANSWER: "no_answer_calls",
}
"""The call counter each ending adds to; an unknown one counts as failed."""


_GRANTED = (
    select(contacts.c.batch_id, contacts.c.status, func.count())
    .join_from(slots, contacts, slots.c.contact_id == contacts.c.contact_id)
    .where(
        slots.c.batch_id == any_(bindparam("these", type_=ARRAY(Text))),
        contacts.c.status.in_(sorted(WAITING)),
    )
    .group_by(contacts.c.batch_id, contacts.c.status)
)


def among(ids: Sequence[str]) -> CollectionAggregate[bool]:
    """Return the right side of `column == among(ids)`; one statement text for any number of ids."""
    return any_(literal(list(ids), ARRAY(Text)))


async def counters_of(
    connection: AsyncConnection, batch_ids: Sequence[BatchId]
) -> Mapping[BatchId, Counters]:
    """Return the counters of each batch, also of one without contacts.

    A contact that holds a slot and waits for its dial counts as dispatched.
    """
    c = contacts.c
    counted = await connection.execute(
        select(c.batch_id, c.status, func.count())
        .where(c.batch_id == among(batch_ids))
        .group_by(c.batch_id, c.status)
    )
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
    c = calls.c
    outcomes = await connection.execute(
        select(c.campaign_id, c.call_status, func.count())
        .where(c.campaign_id == among(campaign_ids), c.call_status.in_(COUNTED_AS))
        .group_by(c.campaign_id, c.call_status)
    )
    follow_ups = await connection.execute(
        select(c.campaign_id, func.count())
        .where(c.campaign_id == among(campaign_ids), c.kind == AttemptKind.FOLLOW_UP, c.dial_state.in_(ASKED))
        .group_by(c.campaign_id)
    )
    counts: dict[str, dict[str, int]] = {each: defaultdict(int) for each in campaign_ids}
    for campaign_id, status, number in outcomes:
        counts[campaign_id][COUNTED_AS[CallStatus(status)]] += number
    for campaign_id, number in follow_ups:
        counts[campaign_id]["follow_up_calls"] += number
    return {CampaignId(each): CallCounters(**numbers) for each, numbers in counts.items()}


async def live_calls_of(connection: AsyncConnection, campaign_id: CampaignId) -> Mapping[str, int]:
    """Return how many calls each caller ID of a campaign carries now."""
    c = calls.c
    counted = await connection.execute(
        select(c.from_number, func.count())
        .where(c.campaign_id == campaign_id, c.call_status.in_(LIVE_CALLS), c.dial_state.in_(ASKED))
        .group_by(c.from_number)
    )
    return {number: count for number, count in counted if number is not None}
