"""How much there is to call in the whole database: the same from rows as from memory."""

from datetime import timedelta

import pytest

from domain.batch import Batch
from domain.call import CallStatus
from domain.campaign import CONCURRENCY_KEY
from domain.contact import ContactStatus
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.workload import Workload
from tests.builders import MONDAY_NOON, a_campaign_rules
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

HOUR = timedelta(hours=1)


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest, stores: Stores) -> World:
    return World.in_memory() if request.param == "memory" else stores


async def _waits(world: World, batch: Batch, after: timedelta) -> None:
    """The next contact of a batch was busy, and is due again after so long."""
    person = next(each for each in await world.people_of(batch) if each.status is ContactStatus.PENDING)
    plan = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + after)
    await world.ended(person, CallStatus.BUSY, plan)


async def test_nothing_to_call_is_no_workload(world: World) -> None:
    nothing = Workload(slots_in_use=0, slots_limit=0, contacts_due=0, oldest_due_at=None)

    assert await world.workload.read(MONDAY_NOON) == nothing


async def test_due_contacts_are_counted_with_the_oldest_of_them(world: World) -> None:
    batch = await world.a_kept_batch(4)
    for after in (HOUR, 2 * HOUR, 5 * HOUR):
        await _waits(world, batch, after)

    told = await world.workload.read(MONDAY_NOON + 3 * HOUR)

    assert (told.contacts_due, told.oldest_due_at) == (2, MONDAY_NOON + HOUR)


async def test_contact_that_holds_a_slot_is_in_use_and_no_longer_due(world: World) -> None:
    batch = await world.a_kept_batch(2)
    await _waits(world, batch, HOUR)

    await world.grant(batch.batch_id, MONDAY_NOON + 2 * HOUR)
    told = await world.workload.read(MONDAY_NOON + 2 * HOUR)

    assert (told.slots_in_use, told.contacts_due, told.oldest_due_at) == (2, 0, None)


async def test_contacts_of_a_paused_batch_are_not_late(world: World) -> None:
    batch = await world.a_kept_batch(2)
    await _waits(world, batch, HOUR)
    await world.batches.act(batch.batch_id, Action.PAUSE, MONDAY_NOON)

    told = await world.workload.read(MONDAY_NOON + 2 * HOUR)

    assert (told.slots_limit, told.contacts_due, told.oldest_due_at) == (0, 0, None)


async def test_limit_is_that_of_each_batch_and_no_more_than_its_campaigns(world: World) -> None:
    capped = await world.a_kept_campaign(a_campaign_rules(metadata={CONCURRENCY_KEY: 7}))
    for limit in (5, 6):
        await world.a_kept_batch(campaign=capped, concurrency_limit=limit)
    await world.a_kept_batch(concurrency_limit=3)
    await world.a_kept_batch()

    assert (await world.workload.read(MONDAY_NOON)).slots_limit == 7 + 3 + 10
