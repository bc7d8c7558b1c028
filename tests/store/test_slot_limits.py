"""Limits of batches and campaigns, however many batches ask for slots at once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from domain.batch import Batch
from domain.call import CallStatus
from domain.campaign import CONCURRENCY_KEY, Campaign
from domain.contact import Contact, ContactStatus
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.slots import GrantedSlots, Wake
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_new_contact
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

SECOND = timedelta(seconds=1)
COMPLETED = Settlement(status=ContactStatus.COMPLETED)


async def a_capped_campaign(world: World, cap: int) -> Campaign:
    return await world.a_kept_campaign(a_campaign_rules(metadata={CONCURRENCY_KEY: cap}))


async def a_batch(world: World, campaign: Campaign, first: int, people: int = 10, limit: int = 10) -> Batch:
    """A batch of people who share no number with those of another `first`."""
    uploaded = [a_new_contact(number) for number in range(first, first + people)]
    return await world.a_kept_batch(uploaded, campaign=campaign, concurrency_limit=limit)


async def end(world: World, person: Contact) -> None:
    await world.ended(person, CallStatus.COMPLETED, COMPLETED)


def size(stands: GrantedSlots) -> tuple[int, int | None]:
    """How many slots were granted, and how many the campaign holds then."""
    return len(stands.granted), stands.campaign_in_use


@pytest.mark.parametrize(
    ("own", "cap", "in_force"),
    [
        pytest.param(None, None, 10, id="neither says anything"),
        pytest.param(25, None, 25, id="only the batch"),
        pytest.param(None, 4, 4, id="only the campaign"),
        pytest.param(25, 4, 4, id="campaign's cap is lower"),
        pytest.param(3, 4, 3, id="campaign's cap is higher"),
    ],
)
async def test_limit_in_force_is_the_batchs_own_under_the_campaigns_cap(
    world: World, own: int | None, cap: int | None, in_force: int
) -> None:
    rules = a_campaign_rules(metadata={CONCURRENCY_KEY: cap} if cap else {})
    batch = await world.a_kept_batch(30, campaign=await world.a_kept_campaign(rules), concurrency_limit=own)

    stands = await world.grant(batch.batch_id)

    assert (stands.concurrency_limit, stands.campaign_limit) == (in_force, cap)
    assert (len(stands.granted), stands.in_use) == (in_force, in_force)
    assert stands.campaign_in_use == (in_force if cap else None)


async def test_only_batch_of_a_campaign_takes_the_whole_cap(world: World) -> None:
    batch = await a_batch(world, await a_capped_campaign(world, 4), 1)

    assert size(await world.grant(batch.batch_id)) == (4, 4)


async def test_batches_together_never_pass_the_cap_and_the_later_one_waits(world: World) -> None:
    campaign = await a_capped_campaign(world, 4)
    early, late = await a_batch(world, campaign, 1), await a_batch(world, campaign, 101)

    first, second = await world.grant(early.batch_id), await world.grant(late.batch_id)

    assert [size(each) for each in (first, second)] == [(4, 4), (0, 4)]
    assert (second.in_use, second.has_more) == (0, False)
    assert Wake(3 * SECOND, "a slot of its campaign may be free") in second.wakes


async def test_slots_that_come_back_go_to_the_batch_below_its_share_which_is_named(world: World) -> None:
    campaign = await a_capped_campaign(world, 4)
    early, late = await a_batch(world, campaign, 1), await a_batch(world, campaign, 101)
    one, two, three, *_ = await world.people_of(early)
    await world.grant(early.batch_id)
    full = await world.grant(late.batch_id)
    for person in (one, two, three):
        await end(world, person)

    again = await world.grant(early.batch_id)
    late_again = await world.grant(late.batch_id)

    assert full.waiting_batches == ()  # nobody may take a slot while none is free
    assert (size(again), again.waiting_batches) == ((1, 2), (late.batch_id,))
    assert (size(late_again), late_again.waiting_batches) == ((2, 4), ())


async def test_batch_that_takes_its_own_slots_again_names_no_other_that_is_about_to_take_its(
    world: World,
) -> None:
    campaign = await a_capped_campaign(world, 4)
    one, other = await a_batch(world, campaign, 1), await a_batch(world, campaign, 101)
    await world.grant(one.batch_id, at_most=2)
    await world.grant(other.batch_id)
    for batch in (one, other):
        await end(world, (await world.people_of(batch))[0])

    own_again = await world.grant(one.batch_id, held_before=2)
    later = await world.grant(one.batch_id, held_before=3)

    assert (own_again.in_use, own_again.waiting_batches) == (2, ())
    assert later.waiting_batches == (other.batch_id,)  # it was told of one more, and may not take it


async def test_batch_that_wants_little_leaves_the_rest_to_the_other(world: World) -> None:
    campaign = await a_capped_campaign(world, 6)
    small, large = await a_batch(world, campaign, 1, people=1), await a_batch(world, campaign, 101)

    looks = [await world.grant(each.batch_id) for each in (small, large)]

    assert [size(each) for each in looks] == [(1, 1), (5, 6)]


async def test_batch_that_is_held_leaves_its_share_to_the_other(world: World) -> None:
    campaign = await a_capped_campaign(world, 4)
    held, other = await a_batch(world, campaign, 1), await a_batch(world, campaign, 101)
    await world.grant(held.batch_id, at_most=1)
    await world.batches.act(held.batch_id, Action.PAUSE, MONDAY_NOON)
    await world.grant(held.batch_id)

    assert size(await world.grant(other.batch_id)) == (3, 4)


async def test_batch_that_has_not_asked_for_long_is_counted_for_what_it_holds(stores: Stores) -> None:
    campaign = await a_capped_campaign(stores, 4)
    gone, other = await a_batch(stores, campaign, 1), await a_batch(stores, campaign, 101)
    await stores.grant(gone.batch_id, at_most=1)

    shared = await stores.grant(other.batch_id)
    alone = await stores.grant(other.batch_id, MONDAY_NOON + 16 * SECOND)

    assert [size(each) for each in (shared, alone)] == [(2, 3), (1, 4)]


async def test_cap_that_is_lowered_grants_nothing_before_enough_have_ended(world: World) -> None:
    campaign = await a_capped_campaign(world, 4)
    batch = await a_batch(world, campaign, 1)
    one, two, three, _, *_ = await world.people_of(batch)
    await world.grant(batch.batch_id)
    lowered = a_campaign_rules(metadata={CONCURRENCY_KEY: 2})
    await world.campaigns.change(ORGANIZATION, campaign.campaign_id, lambda _: lowered, MONDAY_NOON)

    looks = [await world.grant(batch.batch_id)]
    for person in (one, two, three):
        await end(world, person)
        looks.append(await world.grant(batch.batch_id))

    assert [size(each) for each in looks] == [(0, 4), (0, 3), (0, 2), (1, 2)]


async def test_request_repeated_under_its_key_counts_once_against_the_cap(world: World) -> None:
    batch = await a_batch(world, await a_capped_campaign(world, 4), 1)

    once = await world.grant(batch.batch_id, key="run/1")
    again = await world.grant(batch.batch_id, key="run/1")

    assert again.granted == once.granted
    assert (again.in_use, again.campaign_in_use) == (4, 4)


async def test_requests_of_one_batch_at_once_never_pass_its_limit_nor_grant_anybody_twice(
    stores: Stores,
) -> None:
    batch = await stores.a_kept_batch(40, concurrency_limit=7)

    looks = await asyncio.gather(*(stores.grant(batch.batch_id, at_most=3) for _ in range(8)))

    granted = [each.contact_id for stands in looks for each in stands.granted]
    assert len(granted) == len(set(granted)) == 7
    assert len(await stores.holders(batch)) == 7


async def test_requests_of_many_batches_at_once_never_pass_the_campaigns_cap(stores: Stores) -> None:
    campaign = await a_capped_campaign(stores, 10)
    batches = [await a_batch(stores, campaign, first) for first in (1, 101, 201, 301)]

    for _ in range(3):
        looks = await asyncio.gather(
            *(stores.grant(each.batch_id, at_most=3) for each in batches for _ in range(2))
        )
        assert all((stands.campaign_in_use or 0) <= 10 for stands in looks)

    assert sum([len(await stores.holders(each)) for each in batches]) == 10


async def test_cap_that_comes_while_slots_are_granted_holds_for_all_from_then_on(stores: Stores) -> None:
    """The lock of the batch alone is not enough any more: the grant takes the campaign's as well."""
    campaign = await stores.a_kept_campaign(a_campaign_rules())
    batches = [await a_batch(stores, campaign, first) for first in (1, 101, 201)]
    capped = a_campaign_rules(metadata={CONCURRENCY_KEY: 5})

    async def limit() -> datetime:
        await stores.campaigns.change(ORGANIZATION, campaign.campaign_id, lambda _: capped, MONDAY_NOON)
        return MONDAY_NOON

    grants = (stores.grant(each.batch_id, at_most=2) for each in batches)
    await asyncio.gather(limit(), *grants)
    before = sum([len(await stores.holders(each)) for each in batches])
    await asyncio.gather(*(stores.grant(each.batch_id, at_most=2) for each in batches))

    assert sum([len(await stores.holders(each)) for each in batches]) == max(5, before)
