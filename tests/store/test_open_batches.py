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
from tests.store.scenes import House, Stores

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)
END = MONDAY_NOON + timedelta(hours=1)
COMPLETED = Settlement(status=ContactStatus.COMPLETED)
UNFINISHED = sorted(set(BatchStatus) - TERMINAL_BATCH)


async def an_open_batch(house: House, *, everybody_is_done: bool = True, **fields: Any) -> Batch:
    batch = await house.a_kept_batch(1, keep_open=True, **fields)
    if everybody_is_done:
        (person,) = await house.people_of(batch)
        await house.ended(person, CallStatus.COMPLETED, COMPLETED)
    return batch


async def look(house: House, batch: Batch, now: datetime = SOON) -> GrantedSlots:
    return await house.grant(batch.batch_id, now)


async def to_be_roused(house: House, before: datetime = END) -> Sequence[str]:
    return await house.batches.to_be_roused(before, 10)


async def test_batch_that_is_kept_open_rests_when_everybody_is_done(house: House) -> None:
    batch = await an_open_batch(house)
    stands = await look(house, batch)
    assert (stands.is_done, stands.is_resting, stands.wakes, stands.rereads) == (False, True, (), ())
    finished = await house.batches.finish(batch.batch_id, SOON)
    assert (finished.status, finished.keep_open) == (BatchStatus.IN_PROGRESS, True)


async def test_batch_with_somebody_to_call_or_on_the_phone_does_not_rest(house: House) -> None:
    batch = await an_open_batch(house, everybody_is_done=False)
    granted = await look(house, batch)
    holding = await look(house, batch)
    assert [len(granted.granted), granted.is_resting, holding.is_resting] == [1, False, False]


async def test_batch_that_was_closed_completes_and_its_campaign_with_it(house: House) -> None:
    batch = await an_open_batch(house)
    closed = await house.batches.act(batch.batch_id, Action.CLOSE, SOON)
    assert (closed.status, closed.keep_open) == (BatchStatus.IN_PROGRESS, False)
    stands = await look(house, batch)
    assert (stands.is_done, stands.is_resting) == (True, False)
    assert (await house.batches.finish(batch.batch_id, SOON)).status is BatchStatus.COMPLETED
    campaign = await house.campaigns.get(ORGANIZATION, batch.campaign_id)
    assert campaign.status is CampaignStatus.COMPLETED


@pytest.mark.parametrize("status", UNFINISHED)
async def test_close_leaves_the_status_and_a_batch_that_is_not_open_as_it_is(
    house: House, status: BatchStatus
) -> None:
    batch = await house.a_batch_that_is(status)
    assert await house.batches.act(batch.batch_id, Action.CLOSE, SOON) == batch


@pytest.mark.parametrize("status", sorted(TERMINAL_BATCH))
async def test_batch_that_is_over_cannot_be_closed(house: House, status: BatchStatus) -> None:
    batch = await house.a_batch_that_is(status)
    with pytest.raises(IllegalTransition) as refused:
        await house.batches.act(batch.batch_id, Action.CLOSE, SOON)
    assert refused.value.message == f"Batch is {status} and cannot be closed"


@pytest.mark.parametrize(
    ("everybody_is_done", "status"),
    [
        pytest.param(True, BatchStatus.COMPLETED, id="done"),
        pytest.param(False, BatchStatus.EXPIRED, id="not"),
    ],
)
async def test_end_of_an_open_batch_completes_it_where_everybody_is_done(
    house: House, everybody_is_done: bool, status: BatchStatus
) -> None:
    batch = await an_open_batch(house, everybody_is_done=everybody_is_done, scheduled_end=END)
    stands = await look(house, batch, END)
    assert (stands.is_end_due, stands.granted) == (True, ())
    assert (await house.batches.expire(batch.batch_id, END)).status is status


async def test_resting_batch_wakes_for_its_end_alone(house: House) -> None:
    batch = await an_open_batch(house, scheduled_end=END)
    stands = await look(house, batch)
    assert [(each.after, each.what) for each in stands.wakes] == [(END - SOON, "scheduled end")]


async def test_resting_batch_without_reason_is_left_alone(house: House) -> None:
    batch = await an_open_batch(house)
    await look(house, batch)
    assert await to_be_roused(house) == []


async def test_contacts_that_were_added_and_not_looked_at_are_found_however_many_look_elsewhere(
    house: House,
) -> None:
    resting, busy = await an_open_batch(house), await house.a_kept_batch(1)
    await look(house, resting)
    for number, batch in enumerate((busy, resting), start=7):
        await house.batches.append(ORGANIZATION, batch.batch_id, [a_new_contact(number)], SOON)

    assert set(await to_be_roused(house)) == {busy.batch_id, resting.batch_id}
    assert await to_be_roused(house, before=SOON) == []
    await look(house, busy)
    assert await to_be_roused(house) == [resting.batch_id]
    assert len((await look(house, resting)).granted) == 1
    assert await to_be_roused(house) == []


@pytest.mark.parametrize("action", [Action.CLOSE, Action.CANCEL])
async def test_close_and_cancel_that_were_not_signalled_are_found(house: House, action: Action) -> None:
    batch = await an_open_batch(house)
    await look(house, batch)
    await house.batches.act(batch.batch_id, action, SOON)
    assert await to_be_roused(house) == [batch.batch_id]


async def test_follow_up_that_was_not_signalled_is_found(house: House) -> None:
    batch = await an_open_batch(house)
    (person,) = await house.people_of(batch)
    await look(house, batch)
    await house.contacts.schedule_follow_up(batch.batch_id, person.contact_id, END, SOON)
    assert await to_be_roused(house) == [batch.batch_id]


async def test_batch_that_was_signalled_is_not_signalled_again_until_it_rests_again(house: House) -> None:
    batch = await an_open_batch(house)
    await look(house, batch)
    await house.batches.append(ORGANIZATION, batch.batch_id, [a_new_contact(7)], SOON)
    await house.batches.mark_roused([batch.batch_id], SOON)  # not after it was added
    assert await to_be_roused(house) == [batch.batch_id]
    await house.batches.mark_roused([batch.batch_id], END)
    assert await to_be_roused(house) == []


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
