"""The numbers of a whole campaign: one grouped statement per table, each answered from an index."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Integer, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import BatchStatus
from domain.call import AttemptKind, CallStatus
from domain.campaign import CallCounters, Campaign
from domain.campaign_stats import CampaignStats
from domain.contact import ContactStatus
from domain.identity import CampaignId
from store.counting import ASKED, COUNTED_AS
from store.tables import batches, calls, contacts


async def stats_of(connection: AsyncConnection, campaign: Campaign) -> CampaignStats:
    """Count the contacts, batches and calls of a campaign as they are stored."""
    campaign_id = campaign.campaign_id
    batch_counts, most_retries = await _batches(connection, campaign)
    ended_as = await connection.execute(_calls(campaign_id))
    call_counts: dict[str, int] = dict(ended_as.all())
    dialled, follow_ups = (await connection.execute(_follow_ups(campaign_id))).one()
    standing = await connection.execute(_contacts(campaign_id))
    waiting = await connection.execute(_waiting_for_retry(campaign_id))
    return CampaignStats(
        contacts={ContactStatus(status): number for status, number in standing},
        batches=batch_counts,
        calls=_counters(call_counts, dialled),
        waiting_for_retry=dict(waiting.all()),
        most_retries=most_retries,
        attempts=sum(call_counts.values()),
        follow_ups=follow_ups,
    )


async def _batches(connection: AsyncConnection, campaign: Campaign) -> tuple[Mapping[BatchStatus, int], int]:
    """Count a campaign's batches by status, and find the largest number of retries in force."""
    c = batches.c
    own = func.max(func.coalesce(c.max_retries_override, cast(c.retry_policy["max_retries"].astext, Integer)))
    counted = await connection.execute(
        select(c.status, func.count(), own).where(c.campaign_id == campaign.campaign_id).group_by(c.status)
    )
    rows = counted.all()
    overrides = [most for _, _, most in rows if most is not None]
    most_retries = max([campaign.rules.retry_policy.max_retries, *overrides])
    return {BatchStatus(status): number for status, number, _ in rows}, most_retries


def _contacts(campaign_id: CampaignId) -> Select[str, int]:
    c = contacts.c
    return select(c.status, func.count()).where(c.batch_id.in_(_batch_ids(campaign_id))).group_by(c.status)


def _waiting_for_retry(campaign_id: CampaignId) -> Select[int, int]:
    c = contacts.c
    retry = c.retry_count + 1
    return (
        select(retry, func.count())
        .where(c.batch_id.in_(_batch_ids(campaign_id)), c.status == ContactStatus.RETRYING)
        .group_by(retry)
    )


def _calls(campaign_id: CampaignId) -> Select[str, int]:
    c = calls.c
    return select(c.call_status, func.count()).where(c.campaign_id == campaign_id).group_by(c.call_status)


def _follow_ups(campaign_id: CampaignId) -> Select[int, int]:
    """Count the follow-ups that were dialled, and all of them."""
    c = calls.c
    dialled = func.count().filter(c.dial_state.in_(ASKED))
    return select(dialled, func.count()).where(c.campaign_id == campaign_id, c.kind == AttemptKind.FOLLOW_UP)


def _batch_ids(campaign_id: CampaignId) -> Select[str]:
    return select(batches.c.batch_id).where(batches.c.campaign_id == campaign_id)


def _counters(by_status: Mapping[str, int], follow_ups: int) -> CallCounters:
    counted: dict[str, int] = defaultdict(int)
    for status, number in by_status.items():
        name = COUNTED_AS.get(CallStatus(status))
        if name is not None:
            counted[name] += number
    return CallCounters(**counted, follow_up_calls=follow_ups)
