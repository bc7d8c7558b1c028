"""The numbers of a whole campaign: one grouped statement per table, each answered from an index."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Integer, Select, and_, cast, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.campaign import CallCounters, Campaign
from domain.campaign_stats import CampaignStats
from domain.contact import ContactStatus
from domain.identity import CampaignId
from store.batches.counting import COUNTED_AS, DIALLED, calls_by_status, contacts_by_status, follow_ups
from store.calls.reported import count_reported
from store.schema.tables import batches, calls, contacts


async def stats_of(connection: AsyncConnection, campaign: Campaign) -> CampaignStats:
    """Count the contacts, batches and calls of a campaign as they are stored."""
    campaign_id = campaign.campaign_id
    batch_counts, most_retries = await _batches(connection, campaign)
    mine = and_(batches.c.campaign_id == campaign_id, batches.c.deleted_at.is_(None))
    ended_as = await connection.execute(calls_by_status(batches.c.campaign_id, mine))
    call_counts = {status: number for _, status, number in ended_as}
    counted = await connection.execute(follow_ups(batches.c.campaign_id, mine))
    follow_up_counts: dict[str, int] = {name: number for _, name, number in counted}
    standing = await connection.execute(contacts_by_status(batches.c.campaign_id, mine))
    waiting = await connection.execute(_waiting_for_retry(campaign_id))
    return CampaignStats(
        contacts={ContactStatus(status): number for _, status, number in standing},
        batches=batch_counts,
        calls=_counters(call_counts, follow_up_counts.get(DIALLED, 0)),
        waiting_for_retry=dict(waiting.all()),
        most_retries=most_retries,
        attempts=sum(call_counts.values()),
        follow_ups=sum(follow_up_counts.values()),
        reported=await count_reported(
            connection, and_(calls.c.campaign_id == campaign_id, not_(_is_deleted()))
        ),
    )


async def _batches(connection: AsyncConnection, campaign: Campaign) -> tuple[Mapping[BatchStatus, int], int]:
    """Count a campaign's batches by status, and find the largest number of retries in force."""
    c = batches.c
    own = func.max(func.coalesce(c.max_retries_override, cast(c.retry_policy["max_retries"].astext, Integer)))
    counted = await connection.execute(
        select(c.status, func.count(), own)
        .where(c.campaign_id == campaign.campaign_id, c.deleted_at.is_(None))
        .group_by(c.status)
    )
    rows = counted.all()
    overrides = [most for _, _, most in rows if most is not None]
    most_retries = max([campaign.rules.retry_policy.max_retries, *overrides])
    return {BatchStatus(status): number for status, number, _ in rows}, most_retries


def _is_deleted() -> ColumnElement[bool]:
    """Tell in SQL whether a call is of a deleted batch; few campaigns have one."""
    b = batches.c
    return calls.c.batch_id.in_(
        select(b.batch_id).where(b.campaign_id == calls.c.campaign_id, b.deleted_at.is_not(None))
    )


def _waiting_for_retry(campaign_id: CampaignId) -> Select[int, int]:
    c = contacts.c
    retry = c.retry_count + 1
    # Nobody waits in a batch whose counts are kept.
    unsettled = select(batches.c.batch_id).where(
        batches.c.campaign_id == campaign_id, batches.c.kept_counts.is_(None)
    )
    return (
        select(retry, func.count())
        .where(c.batch_id.in_(unsettled), c.status == ContactStatus.RETRYING)
        .group_by(retry)
    )


def _counters(by_status: Mapping[str, int], follow_ups: int) -> CallCounters:
    counted: dict[str, int] = defaultdict(int)
    for status, number in by_status.items():
        name = COUNTED_AS.get(CallStatus(status))
        if name is not None:
            counted[name] += number
    return CallCounters(**counted, follow_up_calls=follow_ups)
