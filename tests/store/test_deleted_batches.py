"""A batch that is over is deleted: no client sees or counts it any more, and its data is kept."""

from datetime import timedelta

import pytest

from domain.batch import BatchStatus
from domain.call import CallStatus, DialState
from domain.contact import ContactStatus
from domain.disposition_report import DispositionReport
from domain.errors import BatchNotFound, ExecutionNotFound, IllegalTransition
from domain.lifecycle import Action
from domain.settlement import Settlement
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact
from tests.store.scenes import EVERYTHING, Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)
DONE = Settlement(status=ContactStatus.COMPLETED)


@pytest.mark.parametrize(
    "status", [BatchStatus.PENDING, BatchStatus.IN_PROGRESS, BatchStatus.PAUSED], ids=lambda each: each.value
)
async def test_batch_that_is_not_over_cannot_be_deleted(world: World, status: BatchStatus) -> None:
    batch = await world.a_batch_that_is(status)

    with pytest.raises(IllegalTransition, match=f"Batch is {status} and cannot be deleted"):
        await world.batches.delete(ORGANIZATION, batch.batch_id, SOON)


@pytest.mark.parametrize(
    "status",
    [BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED],
    ids=lambda each: each.value,
)
async def test_deleted_batch_is_in_no_list_and_found_by_nobody(world: World, status: BatchStatus) -> None:
    kept = await world.a_kept_batch()
    batch = await world.a_batch_that_is(status, await world.campaign_of(kept))

    await world.batches.delete(ORGANIZATION, batch.batch_id, SOON)

    listed = await world.batches.list_batches(ORGANIZATION, campaign_id=None, statuses=(), window=EVERYTHING)
    assert [each.batch_id for each, _ in listed.items] == [kept.batch_id]
    assert listed.total == 1
    for again in (
        world.batches.get(ORGANIZATION, batch.batch_id),
        world.batches.get_uncounted(ORGANIZATION, batch.batch_id),
        world.batches.delete(ORGANIZATION, batch.batch_id, SOON),
    ):
        with pytest.raises(BatchNotFound):
            await again


async def test_stats_and_call_counters_count_a_deleted_batch_no_more(world: World) -> None:
    kept = await world.a_kept_batch()
    campaign = await world.campaign_of(kept)
    gone = await world.a_kept_batch([a_new_contact(7)], campaign=campaign)
    for batch in (kept, gone):
        (person,) = await world.people_of(batch)
        record = await world.ended(person, CallStatus.COMPLETED, DONE)
        await world.dispositions.report(
            ORGANIZATION, record.execution_id, DispositionReport(disposition="fine"), SOON
        )
        await world.batches.finish(batch.batch_id, SOON)
    both = await world.campaigns.stats(ORGANIZATION, campaign.campaign_id)

    await world.batches.delete(ORGANIZATION, gone.batch_id, SOON)
    one = await world.campaigns.stats(ORGANIZATION, campaign.campaign_id)

    counted = [
        (stats.contacts[ContactStatus.COMPLETED], stats.attempts, stats.calls.completed_calls)
        for stats in (both, one)
    ]
    assert counted == [(2, 2, 2), (1, 1, 1)]
    assert [stats.batches[BatchStatus.COMPLETED] for stats in (both, one)] == [2, 1]
    assert [stats.reported.dispositions for stats in (both, one)] == [{"fine": 2}, {"fine": 1}]
    counters = (await world.campaigns.get(ORGANIZATION, campaign.campaign_id)).call_counters
    assert counters.completed_calls == 1


async def test_call_that_goes_on_is_followed_to_its_end(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await world.hears(record, CallStatus.IN_PROGRESS)
    await world.batches.act(person.batch_id, Action.CANCEL, SOON)
    await world.batches.delete(ORGANIZATION, person.batch_id, SOON)
    during = await world.executions.get(ORGANIZATION, record.execution_id)
    await world.hears(record, CallStatus.COMPLETED)

    stands = await world.contacts.settle(person.contact_id, 1, DONE, SOON)

    assert during.record.call_status is CallStatus.IN_PROGRESS
    assert stands.status is ContactStatus.COMPLETED
    with pytest.raises(ExecutionNotFound):
        await world.executions.get(ORGANIZATION, record.execution_id)


async def test_deleted_batch_takes_no_change_and_no_contacts(stores: Stores) -> None:
    batch = await stores.a_batch_that_is(BatchStatus.COMPLETED)
    await stores.batches.delete(ORGANIZATION, batch.batch_id, SOON)

    with pytest.raises(BatchNotFound):
        await stores.batches.append(ORGANIZATION, batch.batch_id, [a_new_contact(9)], SOON)
    with pytest.raises(BatchNotFound):
        await stores.batches.act(batch.batch_id, Action.CANCEL, SOON, organization_id=ORGANIZATION)
    with pytest.raises(BatchNotFound):
        await stores.batches.change(
            ORGANIZATION, batch.batch_id, lambda before, _: before, SOON, bears_on_calls=False
        )
