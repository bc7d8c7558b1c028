"""What is kept of batches that are over is what counting their rows gives, whatever comes late."""

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy import select, text

from domain.batch import Batch
from domain.call import CallStatus, DialState
from domain.contact import ContactStatus
from domain.counters import Counters
from domain.lifecycle import Action
from domain.settlement import Settlement
from store.batches.kept_counts import keep_counts_of_settled
from store.database.engine import single_statement, transaction
from store.schema.tables import batches
from tests.builders import MONDAY_NOON, ORGANIZATION, a_status_event
from tests.store.lock_waits import until_waiting
from tests.store.scenes import EVERYTHING, LATER, Stores

pytestmark = pytest.mark.store

FAILED = Settlement(status=ContactStatus.FAILED)


async def _kept(stores: Stores, batch: Batch) -> Mapping[str, object] | None:
    one = select(batches.c.kept_counts).where(batches.c.batch_id == batch.batch_id)
    async with single_statement(stores.engine) as connection:
        kept: Mapping[str, object] | None = await connection.scalar(one)
    return kept


async def _read(stores: Stores) -> Counters:
    """Read all lists, as clients do, and return the counters of the only batch."""
    listed = stores.batches.list_batches(ORGANIZATION, campaign_id=None, statuses=[], window=EVERYTHING)
    ((batch, _),) = (await listed).items
    await stores.campaigns.list_campaigns(ORGANIZATION, [], EVERYTHING)
    return batch.counters


async def _finished(stores: Stores, outcome: CallStatus, settlement: Settlement) -> Batch:
    """A batch of one that was called, and is over."""
    batch = await stores.a_kept_batch()
    (person,) = await stores.people_of(batch)
    await stores.ended(person, outcome, settlement)
    return await stores.batches.finish(batch.batch_id, LATER)


async def test_counts_of_a_finished_batch_are_kept_at_once(stores: Stores) -> None:
    batch = await _finished(stores, CallStatus.UNKNOWN, FAILED)
    assert await _kept(stores, batch) == {
        "contacts": {"failed": 1},
        "calls": {"unknown": 1},
        "follow_ups": {"dialled": 0, "others": 0},
    }
    assert await _read(stores) == Counters(failed=1)


async def test_counts_of_a_batch_under_way_are_derived(stores: Stores) -> None:
    batch = await stores.a_kept_batch(2)
    assert await _read(stores) == Counters(pending=2)
    assert await _kept(stores, batch) is None


async def test_counts_are_kept_by_who_reads_once_the_last_call_of_a_cancelled_batch_has_ended(
    stores: Stores,
) -> None:
    batch = await stores.a_kept_batch(2)
    person, _ = await stores.people_of(batch)
    record = await stores.claimed(person)
    await stores.hears(record, CallStatus.RINGING)
    await stores.batches.act(batch.batch_id, Action.CANCEL, LATER)
    assert await _read(stores) == Counters(in_flight=1, skipped=1)
    assert await _kept(stores, batch) is None

    await stores.hears(record, CallStatus.COMPLETED)
    await stores.contacts.settle(
        person.contact_id, 1, Settlement(status=ContactStatus.COMPLETED), MONDAY_NOON
    )

    for _ in range(2):  # derived and kept, then read
        assert await _read(stores) == Counters(completed=1, skipped=1)
    assert await _kept(stores, batch) is not None


async def test_counts_are_not_kept_while_the_call_of_a_skipped_contact_is_open(stores: Stores) -> None:
    batch = await stores.a_kept_batch()
    (person,) = await stores.people_of(batch)
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await stores.batches.act(batch.batch_id, Action.CANCEL, LATER)
    await _read(stores)
    assert await _kept(stores, batch) is None
    await stores.hears(record, CallStatus.COMPLETED)
    await _read(stores)
    campaign = await stores.campaign_of(batch)
    assert campaign.call_counters.completed_calls == 1


async def test_late_ending_corrects_what_is_counted_of_a_batch_that_is_over(stores: Stores) -> None:
    batch = await _finished(stores, CallStatus.UNKNOWN, FAILED)
    (person,) = await stores.people_of(batch)
    (record,) = (await stores.contacts.calls_of([person.contact_id]))[person.contact_id]
    await stores.hears(record, CallStatus.COMPLETED)
    for _ in range(2):
        assert await _read(stores) == Counters(completed=1)
        campaign = await stores.campaign_of(batch)
        assert (campaign.call_counters.completed_calls, campaign.call_counters.failed_calls) == (1, 0)
        stats = await stores.campaigns.stats(ORGANIZATION, batch.campaign_id)
        assert stats.contacts == {ContactStatus.COMPLETED: 1}
        assert stats.attempts == 1
    assert await _kept(stores, batch) is not None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contacts SET status = 'completed'",
        "DELETE FROM call_events; DELETE FROM calls",
        "UPDATE calls SET call_status = 'completed'",
    ],
)
async def test_whatever_changes_a_row_that_is_counted_drops_what_is_kept(stores: Stores, change: str) -> None:
    batch = await _finished(stores, CallStatus.UNKNOWN, FAILED)
    async with transaction(stores.engine) as changing:
        for statement in change.split(";"):
            await changing.execute(text(statement))
    assert await _kept(stores, batch) is None


async def test_what_changes_no_status_leaves_what_is_kept(stores: Stores) -> None:
    batch = await _finished(stores, CallStatus.COMPLETED, Settlement(status=ContactStatus.COMPLETED))
    (person,) = await stores.people_of(batch)
    (record,) = (await stores.contacts.calls_of([person.contact_id]))[person.contact_id]
    recording = a_status_event(CallStatus.COMPLETED, transcript="Good morning")
    await stores.calls.record_event(record.execution_id, recording, event_key="later", body=None)
    assert (await stores.call(record)).transcript == "Good morning"
    assert await _kept(stores, batch) is not None


async def _forget(stores: Stores) -> None:
    async with transaction(stores.engine) as connection:
        await connection.execute(text("UPDATE batches SET kept_counts = NULL"))


async def test_nothing_is_kept_beside_a_change_that_has_not_committed(stores: Stores) -> None:
    batch = await _finished(stores, CallStatus.UNKNOWN, FAILED)
    await _forget(stores)
    async with transaction(stores.engine) as changing:
        await changing.execute(text("UPDATE contacts SET status = 'completed'"))
        await keep_counts_of_settled(stores.engine, batches.c.batch_id == batch.batch_id)
        assert await _kept(stores, batch) is None
    assert await _read(stores) == Counters(completed=1)


async def test_change_during_a_count_waits_for_it_and_drops_what_it_kept(stores: Stores) -> None:
    batch = await _finished(stores, CallStatus.UNKNOWN, FAILED)
    async with transaction(stores.engine) as counting:
        await counting.execute(text("SELECT 1 FROM batches FOR NO KEY UPDATE"))
        changing = asyncio.ensure_future(
            _written(stores, "UPDATE contacts SET status = 'completed'"),
        )
        await until_waiting(stores.engine)
        await counting.execute(text("UPDATE batches SET kept_counts = kept_counts"))
    await changing
    assert await _kept(stores, batch) is None
    assert await _read(stores) == Counters(completed=1)


async def _written(stores: Stores, statement: str) -> None:
    async with transaction(stores.engine) as connection:
        await connection.execute(text(statement))
