"""Zones of numbers are learnt for all who ask for them, whatever changes meanwhile; real stores and fakes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from activities.number_zones import NumberZoneActivities
from domain.batch import Batch, BatchOverrides, hours_of_contact
from domain.call import CallStatus
from domain.campaign import CampaignRules
from domain.contact import ContactStatus
from domain.identity import BatchId
from domain.lifecycle import Action
from domain.number_zones import ZONES_VERSION, zones_of_number
from domain.ports import CalledAgain, NumbersToLearn
from domain.settlement import Settlement
from domain.zones import FROM_NUMBER
from store.database.engine import transaction
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_new_batch, a_new_contact
from tests.fakes.engine import FakeEngine
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)
TOKYO = "Asia/Tokyo"
CALIFORNIA, KENTUCKY, TOLL_FREE = "+14155550123", "+12705550123", "+18005550123"
PLAIN = a_campaign_rules(fallback_timezone=TOKYO, working_hours_enforced=True)
ASKING = replace(PLAIN, timezone=FROM_NUMBER)
PEOPLE = [a_new_contact(phone_number=each) for each in (CALIFORNIA, KENTUCKY, TOLL_FREE)]


async def change(world: World, batch: Batch, after: CampaignRules) -> None:
    await world.campaigns.change(ORGANIZATION, batch.campaign_id, lambda _: after, SOON)


async def learn(world: World, batch_id: BatchId, *, at_once: int = 2) -> NumbersToLearn:
    """Learn as the housekeeping does; returns the last stretch, which is not marked yet."""
    after = 0
    while True:
        seen = await world.number_zones.numbers_to_learn(batch_id, ZONES_VERSION, after, at_once)
        assert seen is not None
        zones = {each: zones_of_number(number) for each, number in seen.numbers.items()}
        await world.number_zones.keep_zones(batch_id, ZONES_VERSION, seen.numbers, zones)
        if seen.is_last:
            return seen
        after = seen.last_position


async def to_learn(world: World) -> list[BatchId]:
    return list(await world.number_zones.batches_to_learn(ZONES_VERSION, 10))


async def zones_kept(world: World, batch: Batch) -> list[tuple[str, ...] | None]:
    return [each.number_timezones for each in await world.people_of(batch)]


async def _of_campaign(world: World, batch: Batch) -> Batch:
    await change(world, batch, ASKING)
    return batch


async def _of_batch(world: World, batch: Batch) -> Batch:
    def amend(before: Batch, _campaign: object) -> Batch:
        return replace(before, overrides=BatchOverrides(timezone=FROM_NUMBER))

    await world.batches.change(ORGANIZATION, batch.batch_id, amend, SOON, bears_on_calls=True)
    return batch


async def _of_requeue(world: World, batch: Batch) -> Batch:
    await world.batches.act(batch.batch_id, Action.CANCEL, SOON)
    new = a_new_batch(
        campaign_id=batch.campaign_id,
        parent_batch_id=batch.batch_id,
        overrides=BatchOverrides(timezone=FROM_NUMBER),
    )
    return await world.batches.requeue(new, CalledAgain(statuses=frozenset({ContactStatus.SKIPPED})), SOON)


@pytest.mark.parametrize(
    "changed", [_of_campaign, _of_batch, _of_requeue], ids=["campaign", "batch", "requeue"]
)
async def test_contacts_that_are_there_learn_the_zones_of_their_numbers_after_a_change(
    world: World, changed: Callable[[World, Batch], Awaitable[Batch]]
) -> None:
    campaign = await world.a_kept_campaign(PLAIN)
    batch = await changed(world, await world.a_kept_batch(PEOPLE, campaign=campaign))

    assert await to_learn(world) == [batch.batch_id]
    seen = await learn(world, batch.batch_id)

    assert await world.number_zones.mark_learnt(batch.batch_id, ZONES_VERSION, seen)
    assert await to_learn(world) == []
    assert await zones_kept(world, batch) == [
        ("America/Los_Angeles",),
        ("America/Chicago", "America/New_York"),
        (),
    ]


async def test_upload_that_learnt_all_it_asks_for_leaves_nothing_to_learn(world: World) -> None:
    plain = await world.a_kept_campaign(PLAIN)
    await world.a_kept_batch(PEOPLE, campaign=plain)

    assert await to_learn(world) == []


async def test_contact_whose_zones_nobody_has_learnt_is_not_granted_a_slot_and_then_is(world: World) -> None:
    campaign = await world.a_kept_campaign(PLAIN)
    # Monday noon in UTC is half past five in the afternoon in India, and closed in Tokyo.
    batch = await world.a_kept_batch([a_new_contact(phone_number="+912255501234")], campaign=campaign)
    await change(world, batch, ASKING)

    assert (await world.grant(batch.batch_id)).granted == ()
    await learn(world, batch.batch_id)

    assert len((await world.grant(batch.batch_id)).granted) == 1


async def test_contact_that_waits_for_a_retry_is_timed_by_the_zones_of_its_number_before_they_are_learnt(
    world: World,
) -> None:
    campaign = await world.a_kept_campaign(PLAIN)
    person = await world.a_person(people=[a_new_contact(phone_number=CALIFORNIA)], campaign=campaign)
    retry = Settlement(status=ContactStatus.RETRYING, next_retry_at=SOON)
    await world.ended(person, CallStatus.BUSY, retry)
    batch, _ = await world.batches.load(person.batch_id)
    await change(world, batch, ASKING)

    await world.reschedules.reschedule(person.batch_id, 0, 10, SOON)

    waiting = await world.contact(person)
    assert waiting.status is ContactStatus.RETRYING
    # nine in California
    assert waiting.next_retry_at == MONDAY_NOON.replace(hour=16)


async def test_zones_of_older_data_are_learnt_again_and_meanwhile_looked_up(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign(ASKING)
    learnt = [replace(each, number_timezones=("Europe/Paris",)) for each in PEOPLE[:1]]
    batch = await stores.a_kept_batch(learnt, campaign=campaign)
    await stores.force("contacts", zones_version="8.0/0")
    await stores.force("batches", zones_version="8.0/0")
    (person,) = await stores.people_of(batch)

    assert hours_of_contact(person, BatchOverrides(), ASKING).timezones == ("America/Los_Angeles",)
    assert await to_learn(stores) == [batch.batch_id]
    seen = await learn(stores, batch.batch_id)

    assert await zones_kept(stores, batch) == [("America/Los_Angeles",)]
    assert await stores.number_zones.mark_learnt(batch.batch_id, ZONES_VERSION, seen)
    assert await to_learn(stores) == []


async def test_batch_uploaded_while_its_campaign_began_to_ask_for_zones_is_found(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign(PLAIN)
    # The upload was read under the campaign as it was; its rows come after the change.
    await stores.campaigns.change(ORGANIZATION, campaign.campaign_id, lambda _: ASKING, SOON)
    batch = await stores.a_kept_batch(PEOPLE, campaign=campaign)

    assert await to_learn(stores) == [batch.batch_id]


async def test_contacts_appended_or_rules_changed_since_keep_a_batch_from_counting_as_learnt(
    stores: Stores,
) -> None:
    campaign = await stores.a_kept_campaign(ASKING)
    batch = await stores.a_kept_batch(PEOPLE, campaign=campaign)
    seen = await learn(stores, batch.batch_id)

    await stores.batches.append(
        ORGANIZATION, batch.batch_id, [a_new_contact(9)], SOON, None, refuses_duplicates=False
    )
    assert not await stores.number_zones.mark_learnt(batch.batch_id, ZONES_VERSION, seen)

    seen = await learn(stores, batch.batch_id)
    await change(stores, batch, replace(ASKING, max_follow_ups=3))
    assert not await stores.number_zones.mark_learnt(batch.batch_id, ZONES_VERSION, seen)

    seen = await learn(stores, batch.batch_id)
    assert await stores.number_zones.mark_learnt(batch.batch_id, ZONES_VERSION, seen)


async def test_contact_with_another_number_by_then_keeps_no_zones(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign(PLAIN)
    batch = await stores.a_kept_batch(PEOPLE[:1], campaign=campaign)
    await change(stores, batch, ASKING)
    seen = await stores.number_zones.numbers_to_learn(batch.batch_id, ZONES_VERSION, 0, 10)
    assert seen is not None
    await stores.force("contacts", phone_number="")  # erased meanwhile

    zones = dict.fromkeys(seen.numbers, ("America/Los_Angeles",))
    await stores.number_zones.keep_zones(batch.batch_id, ZONES_VERSION, seen.numbers, zones)

    assert await zones_kept(stores, batch) == [None]


async def test_nothing_is_learnt_of_a_batch_that_is_over(world: World) -> None:
    campaign = await world.a_kept_campaign(ASKING)
    batch = await world.a_kept_batch(PEOPLE, campaign=campaign)
    await world.batches.act(batch.batch_id, Action.CANCEL, SOON)

    assert await to_learn(world) == []
    assert await world.number_zones.numbers_to_learn(batch.batch_id, ZONES_VERSION, 0, 10) is None


async def upgrade(stores: Stores) -> None:
    """Every row is from before this release."""
    await stores.force("contacts", zones_version="8.0/0")
    await stores.force("batches", zones_version="8.0/0")


async def test_after_an_upgrade_only_batches_in_which_somebody_asks_are_signalled(stores: Stores) -> None:
    never = await stores.a_kept_campaign(a_campaign_rules(presets=("us-tcpa",)))
    could = await stores.a_kept_campaign(PLAIN)
    asks = await stores.a_kept_campaign(ASKING)
    for campaign in (never, could):
        await stores.a_kept_batch(PEOPLE, campaign=campaign)
    of_campaign = await stores.a_kept_batch(PEOPLE, campaign=asks)
    theirs = [replace(PEOPLE[0], timezone=FROM_NUMBER), *PEOPLE[1:]]
    own_zone = await stores.a_kept_batch(theirs, campaign=could)
    own_rule = await stores.a_kept_batch(
        PEOPLE, campaign=could, overrides=BatchOverrides(timezone=FROM_NUMBER)
    )
    await upgrade(stores)
    engine = FakeEngine()
    housekeeping = NumberZoneActivities(stores.number_zones, engine)

    await housekeeping.learn_all()

    assert set(engine.policy_changes) == {own_zone.batch_id, own_rule.batch_id, of_campaign.batch_id}
    assert await to_learn(stores) == []


async def test_batches_in_which_nobody_can_ask_are_marked_without_a_look(stores: Stores) -> None:
    never = await stores.a_kept_campaign(a_campaign_rules())
    asking = await stores.a_kept_batch(PEOPLE, campaign=await stores.a_kept_campaign(ASKING))
    for _ in range(3):
        await stores.a_kept_batch(PEOPLE, campaign=never)
    await upgrade(stores)

    marked = [await stores.number_zones.mark_unasked(ZONES_VERSION, 2) for _ in range(3)]

    assert marked == [2, 1, 0]
    assert await to_learn(stores) == [asking.batch_id]


async def test_batch_whose_campaign_begins_to_ask_meanwhile_is_not_marked(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign(a_campaign_rules())
    batch = await stores.a_kept_batch(PEOPLE, campaign=campaign)
    await upgrade(stores)
    async with transaction(stores.engine) as changing:
        await changing.execute(
            text("UPDATE campaigns SET timezone = 'from_number', fallback_timezone = 'Asia/Tokyo'")
        )
        during = await stores.number_zones.mark_unasked(ZONES_VERSION, 10)

    assert (during, await stores.number_zones.mark_unasked(ZONES_VERSION, 10)) == (0, 0)
    assert await to_learn(stores) == [batch.batch_id]
