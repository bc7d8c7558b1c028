"""A real ending that comes after nobody knew what happened: it puts the contact right and redials nobody."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallStatus, EventEffect
from domain.contact import Contact, ContactStatus, SkipReason
from domain.lifecycle import Action
from domain.settlement import Settlement
from store.database.engine import transaction
from tests.builders import MONDAY_NOON, a_status_event
from tests.store.lock_waits import until_waiting
from tests.store.scenes import LATER, Stores, World

pytestmark = pytest.mark.store

S = ContactStatus
FAILED = Settlement(status=S.FAILED)
RETRY = Settlement(status=S.RETRYING, next_retry_at=MONDAY_NOON)
ENDINGS = [
    pytest.param(CallStatus.COMPLETED, S.COMPLETED, id="completed"),
    pytest.param(CallStatus.BUSY, S.BUSY, id="busy"),
    pytest.param(CallStatus.NO_ANSWER, S.NO_ANSWER, id="no answer"),
    pytest.param(CallStatus.FAILED, S.FAILED, id="failed"),
]


@pytest.mark.parametrize(("heard", "status"), ENDINGS)
async def test_late_ending_corrects_the_contact_that_was_settled_by_unknown(
    world: World, heard: CallStatus, status: ContactStatus
) -> None:
    person = await world.a_person()
    record = await world.ended(person, CallStatus.UNKNOWN, FAILED)
    settled = await world.contact(person)
    recorded = await world.calls.record_event(
        record.execution_id, a_status_event(heard), event_key="late", body=None
    )
    corrected = await world.contact(person)
    assert (recorded.effect, recorded.record.call_status) == (EventEffect.ACCEPTED, heard)
    assert replace(corrected, updated_at=settled.updated_at) == replace(settled, status=status)


@pytest.mark.parametrize(
    ("heard", "status"),
    [
        pytest.param(CallStatus.COMPLETED, S.COMPLETED, id="was reached after all"),
        pytest.param(CallStatus.BUSY, S.MAX_RETRIES_REACHED, id="was not reached"),
    ],
)
async def test_late_ending_after_the_last_retry_tells_who_was_reached(
    world: World, heard: CallStatus, status: ContactStatus
) -> None:
    person = await world.a_person()
    no_more = Settlement(status=S.MAX_RETRIES_REACHED)
    record = await world.ended(person, CallStatus.UNKNOWN, no_more)
    await world.hears(record, heard)
    assert await world.status(person) is status


@pytest.mark.parametrize("over", [True, False], ids=["after the batch", "within the batch"])
async def test_late_ending_redials_nobody_whatever_it_asks_for(world: World, over: bool) -> None:
    person = await world.a_person()
    record = await world.ended(person, CallStatus.UNKNOWN, FAILED)
    if over:
        await world.batches.finish(person.batch_id, LATER)
    late = a_status_event(CallStatus.COMPLETED, follow_up_at=LATER + timedelta(days=1))
    await world.calls.record_event(record.execution_id, late, event_key="late", body=None)
    corrected = await world.contact(person)
    assert (corrected.status, corrected.follow_up_at, corrected.next_retry_at) == (S.COMPLETED, None, None)
    assert await world.due(person.batch_id, LATER + timedelta(days=9)) == []


async def test_late_ending_is_counted_with_the_batch(world: World) -> None:
    batch = await world.a_kept_batch()
    (person,) = await world.people_of(batch)
    record = await world.ended(person, CallStatus.UNKNOWN, FAILED)
    await world.batches.finish(batch.batch_id, LATER)
    await world.hears(record, CallStatus.COMPLETED)
    counters = (await world.batch(batch)).counters
    assert (counters.completed, counters.failed) == (1, 0)


async def test_second_late_ending_changes_nothing(world: World) -> None:
    person = await world.a_person()
    record = await world.ended(person, CallStatus.UNKNOWN, FAILED)
    await world.hears(record, CallStatus.COMPLETED)
    corrected = await world.contact(person)
    await world.hears(record, CallStatus.BUSY, CallStatus.UNKNOWN, CallStatus.RINGING)
    assert await world.contact(person) == corrected


async def test_late_ending_of_an_older_attempt_leaves_the_contact_alone(world: World) -> None:
    person = await world.a_person()
    first = await world.ended(person, CallStatus.UNKNOWN, RETRY)
    second = await world.claimed(person, 2, AttemptKind.RETRY)
    await world.hears(second, CallStatus.FAILED)
    await world.contacts.settle(person.contact_id, 2, FAILED, LATER)
    settled = await world.contact(person)
    await world.hears(first, CallStatus.COMPLETED)
    assert (await world.call(first)).call_status is CallStatus.COMPLETED
    assert await world.contact(person) == settled


@pytest.mark.parametrize(
    ("settlement", "heard"),
    [
        pytest.param(RETRY, CallStatus.NO_ANSWER, id="a retry, nobody was reached"),
        pytest.param(
            Settlement(status=S.FOLLOWUP_SCHEDULED, follow_up_at=LATER),
            CallStatus.COMPLETED,
            id="a follow-up that was agreed",
        ),
    ],
)
async def test_late_ending_leaves_who_waits_for_another_call_waiting(
    world: World, settlement: Settlement, heard: CallStatus
) -> None:
    person = await world.a_person()
    record = await world.ended(person, CallStatus.UNKNOWN, settlement)
    settled = await world.contact(person)
    await world.hears(record, heard)
    assert await world.contact(person) == settled


async def test_who_waits_for_a_retry_and_was_reached_after_all_is_not_called_again(world: World) -> None:
    person = await world.a_person()
    record = await world.ended(person, CallStatus.UNKNOWN, RETRY)
    await world.hears(record, CallStatus.COMPLETED)
    reached = await world.contact(person)
    assert (reached.status, reached.next_retry_at) == (S.COMPLETED, None)


async def test_late_ending_leaves_who_was_skipped_skipped(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.batches.act(person.batch_id, Action.CANCEL, LATER)
    await world.hears(record, CallStatus.UNKNOWN, CallStatus.COMPLETED)
    skipped = await world.contact(person)
    assert (skipped.status, skipped.skip_reason) == (S.SKIPPED, SkipReason.BATCH_CANCELLED)


async def test_ending_heard_between_the_decision_and_the_settlement_is_taken(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.hears(record, CallStatus.RINGING, CallStatus.UNKNOWN, CallStatus.COMPLETED)
    assert await world.status(person) is S.IN_PROGRESS
    stands = await world.contacts.settle(person.contact_id, 1, FAILED, LATER)
    assert (stands, await world.status(person)) == (Settlement(status=S.COMPLETED), S.COMPLETED)


async def test_late_endings_and_settlements_at_once_leave_what_was_heard(stores: Stores) -> None:
    batch = await stores.a_kept_batch(12)
    people = await stores.people_of(batch)
    records = [await stores.claimed(person) for person in people]
    for record in records:
        await stores.hears(record, CallStatus.RINGING, CallStatus.UNKNOWN)

    async def settle(person: Contact) -> None:
        await asyncio.sleep(person.position / 2000)
        await stores.contacts.settle(person.contact_id, 1, FAILED, LATER)

    late = (
        stores.calls.record_event(
            record.execution_id, a_status_event(status), event_key=f"late:{status}", body=None
        )
        for record in records
        for status in (CallStatus.NO_ANSWER, CallStatus.IN_PROGRESS)
    )
    await asyncio.gather(*late, *(settle(person) for person in people))
    assert {await stores.status(person) for person in people} == {S.NO_ANSWER}


async def test_late_ending_waits_for_the_contact_before_it_takes_the_call(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.ended(person, CallStatus.UNKNOWN, FAILED)
    async with transaction(stores.engine) as holding:
        await holding.execute(text("SELECT 1 FROM contacts FOR NO KEY UPDATE"))
        late = asyncio.create_task(stores.hears(record, CallStatus.COMPLETED))
        await until_waiting(stores.engine)
        await holding.execute(text("SELECT 1 FROM calls FOR NO KEY UPDATE NOWAIT"))
        assert not late.done()
    await late
    assert await stores.status(person) is S.COMPLETED
