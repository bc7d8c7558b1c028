"""Batches that are kept open when everybody is done; real stores and fakes alike."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus
from domain.errors import IllegalTransition
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.slots import GrantedSlots
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)
END = MONDAY_NOON + timedelta(hours=1)
COMPLETED = Settlement(status=ContactStatus.COMPLETED)
UNFINISHED = sorted(set(BatchStatus) - TERMINAL_BATCH)


async def an_open_batch(world: World, *, everybody_is_done: bool = True, **fields: Any) -> Batch:
    batch = await world.a_kept_batch(1, keep_open=True, **fields)
    if everybody_is_done:
        (person,) = await world.people_of(batch)
        await world.ended(person, CallStatus.COMPLETED, COMPLETED)
    return batch


async def look(world: World, batch: Batch, now: datetime = SOON) -> GrantedSlots:
    return await world.grant(batch.batch_id, now)


async def to_be_roused(world: World, before: datetime = END) -> Sequence[str]:
    return await world.batches.to_be_roused(before, 10)


async def test_batch_that_is_kept_open_rests_when_everybody_is_done(world: World) -> None:
    batch = await an_open_batch(world)
    stands = await look(world, batch)
    assert (stands.is_done, stands.is_resting, stands.wakes, stands.rereads) == (False, True, (), ())
    finished = await world.batches.finish(batch.batch_id, SOON)
    assert (finished.status, finished.keep_open) == (BatchStatus.IN_PROGRESS, True)


async def test_batch_with_somebody_to_call_or_on_the_phone_does_not_rest(world: World) -> None:
    batch = await an_open_batch(world, everybody_is_done=False)
    granted = await look(world, batch)
    holding = await look(world, batch)
    assert [len(granted.granted), granted.is_resting, holding.is_resting] == [1, False, False]


async def test_batch_that_was_closed_completes_and_its_campaign_with_it(world: World) -> None:
    batch = await an_open_batch(world)
    closed = await world.batches.act(batch.batch_id, Action.CLOSE, SOON)
    assert (closed.status, closed.keep_open) == (BatchStatus.IN_PROGRESS, False)
    stands = await look(world, batch)
    assert (stands.is_done, stands.is_resting) == (True, False)
    assert (await world.batches.finish(batch.batch_id, SOON)).status is BatchStatus.COMPLETED
    campaign = await world.campaigns.get(ORGANIZATION, batch.campaign_id)
    assert campaign.status is CampaignStatus.COMPLETED


@pytest.mark.parametrize("status", UNFINISHED)
async def test_close_leaves_the_status_and_a_batch_that_is_not_open_as_it_is(
    world: World, status: BatchStatus
) -> None:
    batch = await world.a_batch_that_is(status)
    assert await world.batches.act(batch.batch_id, Action.CLOSE, SOON) == batch


@pytest.mark.parametrize("status", sorted(TERMINAL_BATCH))
async def test_batch_that_is_over_cannot_be_closed(world: World, status: BatchStatus) -> None:
    batch = await world.a_batch_that_is(status)
    with pytest.raises(IllegalTransition) as refused:
        await world.batches.act(batch.batch_id, Action.CLOSE, SOON)
    assert refused.value.message == f"Batch is {status} and cannot be closed"


@pytest.mark.parametrize(
    ("everybody_is_done", "status"),
    [
        pytest.param(True, BatchStatus.COMPLETED, id="done"),
        pytest.param(False, BatchStatus.EXPIRED, id="not"),
    ],
)
async def test_end_of_an_open_batch_completes_it_where_everybody_is_done(
    world: World, everybody_is_done: bool, status: BatchStatus
) -> None:
    batch = await an_open_batch(world, everybody_is_done=everybody_is_done, scheduled_end=END)
    stands = await look(world, batch, END)
    assert (stands.is_end_due, stands.granted) == (True, ())
    assert (await world.batches.expire(batch.batch_id, END)).status is status


async def test_resting_batch_wakes_for_its_end_alone(world: World) -> None:
    batch = await an_open_batch(world, scheduled_end=END)
    stands = await look(world, batch)
    assert [(each.after, each.what) for each in stands.wakes] == [(END - SOON, "scheduled end")]


async def test_resting_batch_without_reason_is_left_alone(world: World) -> None:
    batch = await an_open_batch(world)
    await look(world, batch)
    assert await to_be_roused(world) == []


async def test_contacts_that_were_added_and_not_looked_at_are_found_however_many_look_elsewhere(
    world: World,
) -> None:
    resting, busy = await an_open_batch(world), await world.a_kept_batch(1)
    await look(world, resting)
    for number, batch in enumerate((busy, resting), start=7):
        await world.batches.append(ORGANIZATION, batch.batch_id, [a_new_contact(number)], SOON)

    assert set(await to_be_roused(world)) == {busy.batch_id, resting.batch_id}
    assert await to_be_roused(world, before=SOON) == []
    await look(world, busy)
    assert await to_be_roused(world) == [resting.batch_id]
    assert len((await look(world, resting)).granted) == 1
    assert await to_be_roused(world) == []


@pytest.mark.parametrize("action", [Action.CLOSE, Action.CANCEL])
async def test_close_and_cancel_that_were_not_signalled_are_found(world: World, action: Action) -> None:
    batch = await an_open_batch(world)
    await look(world, batch)
    await world.batches.act(batch.batch_id, action, SOON)
    assert await to_be_roused(world) == [batch.batch_id]


async def test_follow_up_that_was_not_signalled_is_found(world: World) -> None:
    batch = await an_open_batch(world)
    (person,) = await world.people_of(batch)
    await look(world, batch)
    await world.contacts.schedule_follow_up(batch.batch_id, person.contact_id, END, SOON)
    assert await to_be_roused(world) == [batch.batch_id]


async def test_batch_that_was_signalled_is_not_signalled_again_until_it_rests_again(world: World) -> None:
    batch = await an_open_batch(world)
    await look(world, batch)
    await world.batches.append(ORGANIZATION, batch.batch_id, [a_new_contact(7)], SOON)
    await world.batches.mark_roused([batch.batch_id], SOON)  # not after it was added
    assert await to_be_roused(world) == [batch.batch_id]
    await world.batches.mark_roused([batch.batch_id], END)
    assert await to_be_roused(world) == []


async def test_append_never_holds_up_a_dial_of_its_batch(stores: Stores) -> None:
    """A claim shares the batch's row, which an append locks only once its contacts are written."""
    batch = await stores.a_kept_batch(1)
    (person,) = await stores.people_of(batch)
    people = [a_new_contact(number) for number in range(10, 4_010)]
    append = asyncio.create_task(stores.batches.append(ORGANIZATION, batch.batch_id, people, SOON))
    await asyncio.sleep(0.02)
    await stores.claimed(person)
    assert not append.done()
    assert (await append).total_contacts == 4_001
