"""Rules that change, campaigns that go, and the numbers of both; real stores and fakes alike."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignRules
from domain.contact import ContactStatus
from domain.errors import BatchNotFound, CampaignNotFound, CampaignUnfinished, InvalidRequest
from domain.gates import Gate
from domain.identity import OrganizationId
from domain.lifecycle import Action
from domain.ports import Claimed, RulesChanged, UnannouncedRules
from domain.redial import RedialPolicy
from store.database.engine import single_statement
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_claim, a_new_batch
from tests.store.scenes import AFTER_ALL, EVERYTHING, Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)


def _renamed(rules: CampaignRules) -> CampaignRules:
    return replace(rules, name="October")


def _hurried(rules: CampaignRules) -> CampaignRules:
    return replace(rules, retry_policy=RedialPolicy(cooldown=timedelta(minutes=1)))


async def test_change_keeps_the_new_rules_and_names_the_unfinished_batches(world: World) -> None:
    campaign = await world.a_kept_campaign()
    batches = {status: await world.a_batch_that_is(status, campaign) for status in BatchStatus}
    changed, told = await world.campaigns.change(ORGANIZATION, campaign.campaign_id, _renamed, SOON)
    assert changed == replace(
        await world.campaigns.get(ORGANIZATION, campaign.campaign_id),
        rules=a_campaign_rules(name="October"),
        updated_at=SOON,
    )
    unfinished = (BatchStatus.PENDING, BatchStatus.IN_PROGRESS, BatchStatus.PAUSED)
    assert list(told) == sorted(batches[status].batch_id for status in unfinished)


async def test_change_to_the_very_same_rules_writes_nothing(world: World) -> None:
    campaign = await world.a_kept_campaign()
    await world.a_kept_batch(campaign=campaign)
    before = await world.campaigns.get(ORGANIZATION, campaign.campaign_id)
    changed, told = await world.campaigns.change(
        ORGANIZATION, campaign.campaign_id, lambda rules: rules, SOON
    )
    assert (changed, list(told)) == (before, [])
    assert await world.campaigns.get(ORGANIZATION, campaign.campaign_id) == before
    assert await world.reschedules.unannounced(AFTER_ALL, 9) == []


async def test_refused_change_leaves_the_rules_as_they_were(world: World) -> None:
    campaign = await world.a_kept_campaign()

    def refuse(_: CampaignRules) -> CampaignRules:
        raise InvalidRequest([])

    with pytest.raises(InvalidRequest):
        await world.campaigns.change(ORGANIZATION, campaign.campaign_id, refuse, SOON)
    assert await world.campaigns.get(ORGANIZATION, campaign.campaign_id) == campaign


async def test_foreign_and_deleted_campaigns_are_neither_changed_deleted_nor_counted(world: World) -> None:
    kept, gone = await world.a_kept_campaign(), await world.a_kept_campaign()
    await world.campaigns.delete(ORGANIZATION, gone.campaign_id, SOON)
    foreign = OrganizationId("org_other")
    for organization, campaign in ((foreign, kept), (ORGANIZATION, gone)):
        with pytest.raises(CampaignNotFound):
            await world.campaigns.change(organization, campaign.campaign_id, _renamed, SOON)
        with pytest.raises(CampaignNotFound):
            await world.campaigns.delete(organization, campaign.campaign_id, SOON)
        with pytest.raises(CampaignNotFound):
            await world.campaigns.stats(organization, campaign.campaign_id)
    assert await world.campaigns.get(ORGANIZATION, kept.campaign_id) == kept


async def test_deletion_waits_for_the_last_unfinished_batch(world: World) -> None:
    campaign = await world.a_kept_campaign()
    for status in BatchStatus:
        await world.a_batch_that_is(status, campaign)
    with pytest.raises(CampaignUnfinished) as refused:
        await world.campaigns.delete(ORGANIZATION, campaign.campaign_id, SOON)
    assert refused.value.message == "Campaign has 3 unfinished batches and cannot be deleted"
    assert await world.campaigns.get(ORGANIZATION, campaign.campaign_id)


async def test_deleted_campaign_takes_its_batches_and_their_calls_out_of_reach(world: World) -> None:
    batch = await world.a_batch_that_is(BatchStatus.CANCELLED)
    (person,) = await world.people_of(batch)
    await world.campaigns.delete(ORGANIZATION, batch.campaign_id, SOON)
    with pytest.raises(BatchNotFound):
        await world.batches.get(ORGANIZATION, batch.batch_id)
    listed = await world.batches.list_batches(ORGANIZATION, campaign_id=None, statuses=[], window=EVERYTHING)
    assert listed.items == []
    with pytest.raises(CampaignNotFound):
        await world.batches.create(a_new_batch(campaign_id=batch.campaign_id), [], SOON)
    assert await world.calls.dial_brief(person.contact_id, 1) is None
    assert await world.calls.claim_attempt(a_claim(person.contact_id), SOON) is Gate.BATCH_GONE


async def test_event_that_comes_after_the_deletion_is_recorded(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.hears(record, CallStatus.RINGING)
    await world.campaigns.act(ORGANIZATION, person.campaign_id, Action.CANCEL, SOON)
    await world.campaigns.delete(ORGANIZATION, person.campaign_id, SOON)
    await world.hears(record, CallStatus.COMPLETED)
    assert (await world.call(record)).call_status is CallStatus.COMPLETED


async def test_only_changes_that_move_times_are_announced_late(world: World) -> None:
    still, moved = await world.a_kept_batch(), await world.a_kept_batch()
    await world.campaigns.change(ORGANIZATION, moved.campaign_id, _hurried, SOON)
    await world.campaigns.change(ORGANIZATION, moved.campaign_id, _renamed, SOON)
    (behind,) = await world.reschedules.unannounced(AFTER_ALL, 9)
    assert behind == UnannouncedRules(
        campaign_id=moved.campaign_id, touched_at=SOON, batches=[moved.batch_id]
    )
    assert still.campaign_id != moved.campaign_id
    await world.reschedules.mark_announced(moved.campaign_id, SOON)
    assert await world.reschedules.unannounced(AFTER_ALL, 9) == []


async def test_change_is_left_to_the_request_that_stores_it_for_a_while(world: World) -> None:
    batch = await world.a_kept_batch()
    await world.campaigns.change(ORGANIZATION, batch.campaign_id, _hurried, SOON)
    assert await world.reschedules.unannounced(SOON, 9) == []
    assert len(await world.reschedules.unannounced(SOON + timedelta(microseconds=1), 9)) == 1


async def test_newer_change_is_not_announced_with_the_older_one(world: World) -> None:
    batch = await world.a_kept_batch()
    await world.campaigns.change(ORGANIZATION, batch.campaign_id, _hurried, SOON)
    later = SOON + timedelta(seconds=1)
    await world.campaigns.change(ORGANIZATION, batch.campaign_id, _renamed, later)
    await world.reschedules.mark_announced(batch.campaign_id, SOON)
    assert [each.touched_at for each in await world.reschedules.unannounced(AFTER_ALL, 9)] == [later]


async def test_renaming_asks_for_no_new_times(world: World) -> None:
    campaign = await world.a_kept_campaign()
    await world.campaigns.change(ORGANIZATION, campaign.campaign_id, _renamed, SOON)
    assert await world.reschedules.unannounced(AFTER_ALL, 9) == []


async def test_attempt_remembers_the_version_of_the_rules_it_obeyed(stores: Stores) -> None:
    first, second = await stores.people_of(batch := await stores.a_kept_batch(2))
    await stores.claimed(first)
    await stores.campaigns.change(ORGANIZATION, batch.campaign_id, _renamed, SOON)
    await stores.claimed(second)
    async with single_statement(stores.engine) as connection:
        kept = await connection.execute(text("SELECT contact_id, policy_version FROM calls"))
    assert dict(kept.all()) == {first.contact_id: 1, second.contact_id: 2}


async def test_claim_that_rests_on_former_rules_is_told_to_read_them_again(world: World) -> None:
    person = await world.a_person()
    brief = await world.calls.dial_brief(person.contact_id, 1)
    assert brief is not None
    await world.campaigns.change(ORGANIZATION, person.campaign_id, _renamed, SOON)
    stale = a_claim(person.contact_id, policy_version=brief.policy_version)

    assert await world.calls.claim_attempt(stale, SOON) == RulesChanged()

    assert await world.status(person) is ContactStatus.PENDING
    again = await world.calls.dial_brief(person.contact_id, 1)
    assert again is not None
    fresh = a_claim(person.contact_id, policy_version=again.policy_version)
    assert isinstance(await world.calls.claim_attempt(fresh, SOON), Claimed)


async def test_attempt_that_was_asked_for_stands_whatever_the_rules_are_now(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.campaigns.change(ORGANIZATION, person.campaign_id, _renamed, SOON)

    again = await world.calls.claim_attempt(a_claim(person.contact_id, policy_version=1), SOON)

    assert again == Claimed(record=record, may_ask=False)
