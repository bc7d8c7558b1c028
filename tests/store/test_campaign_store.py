"""Campaigns are kept as they were given, and show what became of their calls."""

from datetime import timedelta

import pytest

from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import CallCounters, CampaignStatus
from domain.contact import ContactStatus
from domain.errors import CampaignNotFound
from domain.identity import CampaignId, OrganizationId
from domain.ports import Window
from domain.settlement import Settlement
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign, a_campaign_rules
from tests.store.scenes import EVERYTHING, Stores

pytestmark = pytest.mark.store

FOLLOW_UP = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON)


async def test_campaign_is_kept_as_a_draft_with_its_rules(stores: Stores) -> None:
    rules = a_campaign_rules(metadata={"concurrency_limit": 20})
    created = await stores.campaigns.create(ORGANIZATION, rules, MONDAY_NOON)
    assert created == a_campaign(campaign_id=created.campaign_id, status=CampaignStatus.DRAFT, rules=rules)
    assert await stores.campaigns.get(ORGANIZATION, created.campaign_id) == created


async def test_campaigns_are_listed_newest_first(stores: Stores) -> None:
    older, newer, latest = [
        await stores.campaigns.create(ORGANIZATION, a_campaign_rules(), MONDAY_NOON + timedelta(hours=hours))
        for hours in (0, 0, 1)
    ]
    listed = await stores.campaigns.list_campaigns(ORGANIZATION, [], EVERYTHING)
    assert (listed.items, listed.total) == ([latest, newer, older], 3)
    page = await stores.campaigns.list_campaigns(ORGANIZATION, [], Window(skip=1, limit=1))
    assert (page.items, page.total) == ([newer], 3)


async def test_campaigns_are_listed_by_status(stores: Stores) -> None:
    draft, active = await stores.a_kept_campaign(), await stores.a_kept_campaign()
    await stores.a_kept_batch(campaign=active)
    drafts = await stores.campaigns.list_campaigns(ORGANIZATION, [CampaignStatus.DRAFT], EVERYTHING)
    assert (drafts.items, drafts.total) == ([draft], 1)
    both = [CampaignStatus.DRAFT, CampaignStatus.ACTIVE]
    assert (await stores.campaigns.list_campaigns(ORGANIZATION, both, EVERYTHING)).total == 2


async def test_foreign_deleted_and_unknown_campaigns_are_not_found(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    foreign = OrganizationId("org_other")
    with pytest.raises(CampaignNotFound):
        await stores.campaigns.get(foreign, campaign.campaign_id)
    assert (await stores.campaigns.list_campaigns(foreign, [], EVERYTHING)).items == []
    await stores.force("campaigns", deleted_at=MONDAY_NOON)
    for campaign_id in (campaign.campaign_id, CampaignId("cmp_nothing")):
        with pytest.raises(CampaignNotFound):
            await stores.campaigns.get(ORGANIZATION, campaign_id)
    assert (await stores.campaigns.list_campaigns(ORGANIZATION, [], EVERYTHING)).items == []


async def test_call_counters_are_derived_from_the_calls(stores: Stores) -> None:
    batch = await stores.a_kept_batch(7)
    people = await stores.people_of(batch)
    endings = ("completed", "busy", "no_answer", "failed", "unknown", "ringing")
    for person, ending in zip(people, endings, strict=False):
        await stores.hears(await stores.claimed(person), CallStatus(ending))
    counted = await stores.campaigns.get(ORGANIZATION, batch.campaign_id)
    assert counted.call_counters == CallCounters(
        completed_calls=1,
        busy_calls=1,
        no_answer_calls=1,
        failed_calls=2,  # failed and unknown
    )
    other = await stores.a_kept_campaign()
    listed = await stores.campaigns.list_campaigns(ORGANIZATION, [], EVERYTHING)
    assert [each.call_counters for each in listed.items] == [other.call_counters, counted.call_counters]


async def test_follow_ups_count_once_they_are_dialled(stores: Stores) -> None:
    batch = await stores.a_kept_batch(2)
    dialled, released = await stores.people_of(batch)
    for person in (dialled, released):
        await stores.ended(person, CallStatus.COMPLETED, FOLLOW_UP)
        record = await stores.claimed(person, 2, AttemptKind.FOLLOW_UP)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    counted = await stores.campaigns.get(ORGANIZATION, batch.campaign_id)
    assert counted.call_counters == CallCounters(completed_calls=2, follow_up_calls=1)
