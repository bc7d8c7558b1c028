"""A client skips people and agrees on follow-ups, and zones open and close; real stores and fakes alike."""

from dataclasses import replace

import pytest

from domain.batch import BatchStatus
from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import Contact, ContactStatus, SkipReason
from domain.errors import ContactNotFound, IllegalTransition
from domain.identity import BatchId
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.slots import GrantedSlot
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules
from tests.store.scenes import LATER, World, nobody

pytestmark = pytest.mark.store

S = ContactStatus
COMPLETED = Settlement(status=S.COMPLETED)
WAITS = {
    S.RETRYING: Settlement(status=S.RETRYING, next_retry_at=LATER),
    S.FOLLOWUP_SCHEDULED: Settlement(status=S.FOLLOWUP_SCHEDULED, follow_up_at=LATER),
}


async def _a_person_who_is(world: World, status: ContactStatus) -> Contact:
    """A person of a running batch of two, so that it is not over with them."""
    person, _ = await world.people_of(await world.a_kept_batch(2))
    match status:
        case S.PENDING:
            return person
        case S.SKIPPED:
            await world.contacts.skip(person.contact_id, SkipReason.SUPPRESSED, MONDAY_NOON)
        case S.DISPATCHED:
            await world.claimed(person)
        case S.IN_PROGRESS:
            await world.hears(await world.claimed(person), CallStatus.RINGING)
        case _:
            heard = CallStatus.FAILED if status is S.FAILED else CallStatus.BUSY
            await world.ended(person, heard, WAITS.get(status, Settlement(status=status)))
    return await world.contact(person)


@pytest.mark.parametrize("status", [S.PENDING, S.RETRYING, S.FOLLOWUP_SCHEDULED])
async def test_waiting_person_is_skipped_by_hand(world: World, status: ContactStatus) -> None:
    person = await _a_person_who_is(world, status)
    skipped = await world.contacts.skip_by_hand(person.batch_id, person.contact_id, LATER)
    assert skipped == replace(
        person,
        status=S.SKIPPED,
        skip_reason=SkipReason.MANUAL,
        next_retry_at=None,
        follow_up_at=None,
        updated_at=LATER,
    )
    assert await world.contact(person) == skipped


@pytest.mark.parametrize("status", sorted(set(S) - {S.PENDING, S.RETRYING, S.FOLLOWUP_SCHEDULED}))
async def test_person_who_does_not_wait_is_not_skipped_by_hand(world: World, status: ContactStatus) -> None:
    person = await _a_person_who_is(world, status)
    with pytest.raises(IllegalTransition) as refused:
        await world.contacts.skip_by_hand(person.batch_id, person.contact_id, LATER)
    assert refused.value.message == f"Contact is {status} and cannot be skipped"
    assert await world.contact(person) == person


async def test_attempt_nobody_was_asked_for_is_given_up_with_the_skip(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    await world.contacts.give_back(person.contact_id, 1, MONDAY_NOON)
    await world.contacts.skip_by_hand(person.batch_id, person.contact_id, LATER)
    assert (await world.call(record)).call_status is CallStatus.CANCELLED


async def test_completed_person_is_given_a_follow_up_and_is_due_then(world: World) -> None:
    person = await _a_person_who_is(world, S.COMPLETED)
    agreed = await world.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, MONDAY_NOON)
    assert agreed == replace(person, status=S.FOLLOWUP_SCHEDULED, follow_up_at=LATER, updated_at=MONDAY_NOON)
    assert await world.contact(person) == agreed
    assert (await world.batches.finish(person.batch_id, LATER)).status is BatchStatus.IN_PROGRESS
    slot = GrantedSlot(contact_id=person.contact_id, attempt=2, kind=AttemptKind.FOLLOW_UP)
    assert await world.due(person.batch_id, LATER) == [slot]


@pytest.mark.parametrize("status", sorted(set(S) - {S.COMPLETED}))
async def test_person_who_is_not_completed_is_given_no_follow_up(world: World, status: ContactStatus) -> None:
    person = await _a_person_who_is(world, status)
    with pytest.raises(IllegalTransition) as refused:
        await world.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, LATER)
    assert refused.value.message == f"Contact is {status} and cannot be given a follow-up"
    assert await world.contact(person) == person


async def test_nobody_is_given_a_follow_up_in_a_batch_that_is_over(world: World) -> None:
    person = await _a_person_who_is(world, S.COMPLETED)
    await world.batches.act(person.batch_id, Action.CANCEL, MONDAY_NOON)
    with pytest.raises(IllegalTransition) as refused:
        await world.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, LATER)
    assert refused.value.message == "Batch is cancelled and cannot be given a follow-up"


async def test_follow_up_waits_in_a_paused_batch(world: World) -> None:
    person = await _a_person_who_is(world, S.COMPLETED)
    await world.batches.act(person.batch_id, Action.PAUSE, MONDAY_NOON)
    agreed = await world.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, LATER)
    assert agreed.status is S.FOLLOWUP_SCHEDULED


@pytest.mark.parametrize(
    ("limit", "dialled"),
    [pytest.param(0, 0, id="none allowed"), pytest.param(1, 1, id="one allowed and dialled")],
)
async def test_follow_up_over_the_limit_is_refused(world: World, limit: int, dialled: int) -> None:
    campaign = await world.campaigns.create(ORGANIZATION, a_campaign_rules(max_follow_ups=limit), MONDAY_NOON)
    person, _ = await world.people_of(await world.a_kept_batch(2, campaign=campaign))
    await world.ended(person, CallStatus.COMPLETED, COMPLETED)
    for attempt in range(2, 2 + dialled):
        await world.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, MONDAY_NOON)
        await world.claimed(person, attempt, AttemptKind.FOLLOW_UP)
        await world.contacts.settle(person.contact_id, attempt, COMPLETED, MONDAY_NOON)
    with pytest.raises(IllegalTransition) as refused:
        await world.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, LATER)
    assert refused.value.message == f"Contact has no follow-up left (limit {limit})"


async def test_people_of_another_batch_are_not_found(world: World) -> None:
    person, other = await world.a_person(), await world.a_person()
    for batch_id, contact_id in (
        (other.batch_id, person.contact_id),
        (person.batch_id, nobody()),
        (BatchId("btc_no"), person.contact_id),
    ):
        with pytest.raises(ContactNotFound):
            await world.contacts.skip_by_hand(batch_id, contact_id, LATER)
        with pytest.raises(ContactNotFound):
            await world.contacts.schedule_follow_up(batch_id, contact_id, LATER, LATER)
