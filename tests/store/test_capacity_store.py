"""What a campaign's workflow reads of its cap and of those who share it; real stores and fakes alike."""

import pytest

from domain.batch import BatchStatus
from domain.campaign import CONCURRENCY_KEY
from domain.identity import BatchId, CampaignId
from domain.lifecycle import Action
from domain.ports import SlotUser
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules
from tests.store.scenes import House

pytestmark = pytest.mark.store


async def test_cap_is_that_of_the_campaigns_metadata_as_it_is_now(house: House) -> None:
    campaign = await house.a_kept_campaign(a_campaign_rules(metadata={CONCURRENCY_KEY: 15, "owner": "sales"}))
    assert await house.capacity.concurrency_limit(campaign.campaign_id) == 15

    await house.campaigns.change(
        ORGANIZATION, campaign.campaign_id, lambda _: a_campaign_rules(metadata={}), MONDAY_NOON
    )

    assert await house.capacity.concurrency_limit(campaign.campaign_id) is None


async def test_campaign_that_is_gone_has_no_cap_and_nobody_under_way(house: House) -> None:
    campaign = await house.a_kept_campaign(a_campaign_rules(metadata={CONCURRENCY_KEY: 15}))
    await house.campaigns.delete(ORGANIZATION, campaign.campaign_id, MONDAY_NOON)
    for campaign_id in (campaign.campaign_id, CampaignId("cmp_never")):
        assert await house.capacity.concurrency_limit(campaign_id) is None
        assert await house.capacity.running_batches(campaign_id, 10) == []


async def test_batches_under_way_or_paused_are_told_oldest_first_up_to_a_limit(house: House) -> None:
    campaign = await house.a_kept_campaign()
    batches = {status: await house.a_batch_that_is(status, campaign) for status in BatchStatus}
    await house.a_kept_batch()  # of another campaign
    under_way = [batches[BatchStatus.IN_PROGRESS].batch_id, batches[BatchStatus.PAUSED].batch_id]

    assert await house.capacity.running_batches(campaign.campaign_id, 10) == sorted(under_way)
    assert await house.capacity.running_batches(campaign.campaign_id, 1) == sorted(under_way)[:1]


async def test_slot_users_are_counted_by_who_is_live_whatever_became_of_their_batch(house: House) -> None:
    running, idle, cancelled = [await house.a_kept_batch(3) for _ in range(3)]
    people = await house.people_of(running)
    for person in people[:2]:
        await house.claimed(person)
    await house.batches.act(cancelled.batch_id, Action.CANCEL, MONDAY_NOON)
    asked = [running.batch_id, idle.batch_id, cancelled.batch_id, BatchId("btc_never")]

    assert await house.capacity.slot_users(asked) == [
        SlotUser(batch_id=running.batch_id, live=2, is_over=False),
        SlotUser(batch_id=idle.batch_id, live=0, is_over=False),
        SlotUser(batch_id=cancelled.batch_id, live=0, is_over=True),
        SlotUser(batch_id=BatchId("btc_never"), live=0, is_over=True),
    ]
