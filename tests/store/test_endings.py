"""What an end by request or by time does to people and their calls; real stores and fakes alike."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from domain.batch import Batch
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import Contact, ContactStatus, SkipReason
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.slots import OVERDUE_AFTER, GrantedSlot
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact
from tests.store.scenes import LATER, World

pytestmark = pytest.mark.store

S = ContactStatus
DUE = LATER - timedelta(minutes=1)
RETRY = Settlement(status=S.RETRYING, next_retry_at=DUE)
FOLLOW_UP = Settlement(status=S.FOLLOWUP_SCHEDULED, follow_up_at=DUE)
COMPLETED = Settlement(status=S.COMPLETED)
GROUPS = ("pending", "retrying", "agreed", "given_back", "released", "asked", "placed", "ringing", "done")
CANCELS = ["cancel of the batch", "cancel of the campaign"]
REASONS = {
    "cancel of the batch": SkipReason.BATCH_CANCELLED,
    "cancel of the campaign": SkipReason.CAMPAIGN_CANCELLED,
    "expiry": SkipReason.BATCH_EXPIRED,
}


async def _a_busy_batch(world: World) -> tuple[Batch, dict[str, Contact]]:
    """A batch with a person in every situation."""
    batch = await world.a_kept_batch(len(GROUPS), scheduled_end=LATER)
    people = dict(zip(GROUPS, await world.people_of(batch), strict=True))
    await world.ended(people["retrying"], CallStatus.BUSY, RETRY)
    await world.ended(people["agreed"], CallStatus.COMPLETED, FOLLOW_UP)
    await world.ended(people["done"], CallStatus.COMPLETED, COMPLETED)
    for name in ("given_back", "released"):
        record = await world.claimed(people[name])
        await world.calls.record_dial(record.execution_id, DialState.READY)
    await world.contacts.give_back(people["given_back"].contact_id, 1, MONDAY_NOON)
    await world.claimed(people["asked"])
    for name in ("placed", "ringing"):
        record = await world.claimed(people[name])
        await world.calls.record_dial(
            record.execution_id, DialState.ACCEPTED, provider_call_id=f"call-{name}"
        )
    await world.hears(await _call(world, people["ringing"]), CallStatus.RINGING)
    return batch, people


async def _end(world: World, batch: Batch, how: str) -> None:
    match how:
        case "cancel of the batch":
            await world.batches.act(batch.batch_id, Action.CANCEL, LATER)
        case "cancel of the campaign":
            await world.campaigns.act(ORGANIZATION, batch.campaign_id, Action.CANCEL, LATER)
        case _:
            await world.batches.expire(batch.batch_id, LATER)


async def _call(world: World, person: Contact) -> CallRecord:
    return (await world.contacts.latest_calls_of([person.contact_id]))[person.contact_id]


async def _statuses(world: World, people: Mapping[str, Contact]) -> dict[str, ContactStatus]:
    return {name: await world.status(person) for name, person in people.items()}


@pytest.mark.parametrize("how", CANCELS)
async def test_cancel_skips_who_waits_or_is_being_set_up(world: World, how: str) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, how)
    assert await _statuses(world, people) == dict.fromkeys(GROUPS, S.SKIPPED) | {
        "ringing": S.IN_PROGRESS,
        "done": S.COMPLETED,
    }


async def test_expiry_skips_who_waits_and_lets_go_on_who_is_being_called(world: World) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, "expiry")
    assert await _statuses(world, people) == dict.fromkeys(GROUPS, S.SKIPPED) | {
        "released": S.DISPATCHED,
        "asked": S.DISPATCHED,
        "placed": S.DISPATCHED,
        "ringing": S.IN_PROGRESS,
        "done": S.COMPLETED,
    }


@pytest.mark.parametrize("how", REASONS)
async def test_skipped_people_say_why_and_wait_for_nothing(world: World, how: str) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, how)
    for name in ("pending", "retrying", "agreed"):
        person = await world.contact(people[name])
        assert (person.skip_reason, person.skip_detail, person.updated_at) == (REASONS[how], None, LATER)
        assert (person.next_retry_at, person.follow_up_at) == (None, None)


@pytest.mark.parametrize("how", REASONS)
async def test_people_who_were_skipped_before_keep_their_reason(world: World, how: str) -> None:
    uploaded = [a_new_contact(1), a_new_contact(2, skip_detail="bad")]
    batch = await world.a_kept_batch(uploaded, scheduled_end=LATER)
    _, bad = await world.people_of(batch)
    await _end(world, batch, how)
    assert await world.contact(bad) == bad


@pytest.mark.parametrize("how", CANCELS)
async def test_cancel_gives_up_attempts_nobody_was_asked_for_and_leaves_the_others(
    world: World, how: str
) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, how)
    calls = {name: await _call(world, people[name]) for name in ("released", "given_back", "asked", "placed")}
    stands = {name: (call.call_status, call.ended_at) for name, call in calls.items()}
    assert stands == {
        "released": (CallStatus.CANCELLED, LATER),
        "given_back": (CallStatus.CANCELLED, LATER),
        "asked": (CallStatus.QUEUED, None),
        "placed": (CallStatus.QUEUED, None),
    }


async def test_expiry_gives_up_only_attempts_of_who_is_skipped(world: World) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, "expiry")
    assert (await _call(world, people["given_back"])).call_status is CallStatus.CANCELLED
    assert (await _call(world, people["released"])).call_status is CallStatus.QUEUED


@pytest.mark.parametrize("how", CANCELS)
async def test_calls_of_skipped_people_are_to_be_hung_up_until_they_end(world: World, how: str) -> None:
    batch, people = await _a_busy_batch(world)
    assert await world.contacts.calls_to_hang_up(batch.batch_id, 10) == []
    await _end(world, batch, how)
    placed = await _call(world, people["placed"])
    assert await world.contacts.calls_to_hang_up(batch.batch_id, 10) == [(placed.execution_id, "call-placed")]
    await world.hears(placed, CallStatus.NO_ANSWER)
    assert await world.contacts.calls_to_hang_up(batch.batch_id, 10) == []
    assert await world.status(people["placed"]) is S.SKIPPED


@pytest.mark.parametrize("how", REASONS)
async def test_stories_of_skipped_people_are_those_who_were_called(world: World, how: str) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, how)
    told = [person for person in people.values() if await _was_called_and_skipped(world, person)]
    expected = [(person.contact_id, person.position) for person in told]
    stories = world.contacts.skipped_stories
    assert await stories(batch.batch_id, 0, 10) == expected
    assert await stories(batch.batch_id, expected[0][1], 1) == expected[1:2]
    assert (people["retrying"].contact_id, 2) in expected


async def _was_called_and_skipped(world: World, person: Contact) -> bool:
    calls = await world.contacts.calls_of([person.contact_id])
    return bool(calls) and await world.status(person) is S.SKIPPED


async def test_person_skipped_by_hand_has_no_story_to_end_with_the_batch(world: World) -> None:
    batch, people = await _a_busy_batch(world)
    await world.contacts.skip_by_hand(batch.batch_id, people["retrying"].contact_id, MONDAY_NOON)
    assert await world.contacts.skipped_stories(batch.batch_id, 0, 10) == []


async def test_skipped_person_stays_skipped_whatever_becomes_of_the_call(world: World) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, "cancel of the batch")
    await world.hears(await _call(world, people["placed"]), CallStatus.RINGING, CallStatus.COMPLETED)
    stands = await world.contacts.settle(people["placed"].contact_id, 1, COMPLETED, LATER)
    assert stands == Settlement(status=S.SKIPPED)


@pytest.mark.parametrize("how", REASONS)
@pytest.mark.parametrize(
    ("decided", "heard", "taken"),
    [
        pytest.param(COMPLETED, CallStatus.COMPLETED, S.COMPLETED, id="completed"),
        pytest.param(RETRY, CallStatus.BUSY, S.BUSY, id="a retry, decided before"),
        pytest.param(FOLLOW_UP, CallStatus.COMPLETED, S.COMPLETED, id="a follow-up, decided before"),
        pytest.param(RETRY, CallStatus.UNKNOWN, S.FAILED, id="a retry after nobody knows what"),
    ],
)
async def test_person_on_the_phone_takes_the_outcome_and_is_not_called_again(
    world: World, how: str, decided: Settlement, heard: CallStatus, taken: ContactStatus
) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, how)
    await world.hears(await _call(world, people["ringing"]), heard)
    stands = await world.contacts.settle(people["ringing"].contact_id, 1, decided, LATER)
    assert stands == Settlement(status=taken)
    assert await world.status(people["ringing"]) is taken


async def test_person_given_back_to_an_expired_batch_is_skipped(world: World) -> None:
    batch, people = await _a_busy_batch(world)
    await _end(world, batch, "expiry")
    released = people["released"]
    assert await world.contacts.give_back(released.contact_id, 1, LATER) is S.SKIPPED
    assert (await world.contact(released)).skip_reason is SkipReason.BATCH_EXPIRED
    assert (await _call(world, released)).call_status is CallStatus.CANCELLED


async def test_paused_batch_keeps_everybody_where_they_wait(world: World) -> None:
    batch, people = await _a_busy_batch(world)
    before = await world.people_of(batch)
    await world.batches.act(batch.batch_id, Action.PAUSE, LATER)
    assert await world.people_of(batch) == before
    just_before_its_end = LATER - 2 * OVERDUE_AFTER
    assert await world.due(batch.batch_id, just_before_its_end) == []
    await world.batches.act(batch.batch_id, Action.RESUME, just_before_its_end)
    assert await world.due(batch.batch_id, just_before_its_end) == [
        GrantedSlot(contact_id=people["agreed"].contact_id, attempt=2, kind=AttemptKind.FOLLOW_UP),
        GrantedSlot(contact_id=people["retrying"].contact_id, attempt=2, kind=AttemptKind.RETRY),
    ]


async def test_counters_of_an_ended_batch_are_told_with_it(world: World) -> None:
    batch, _ = await _a_busy_batch(world)
    ended = await world.batches.act(batch.batch_id, Action.CANCEL, LATER + timedelta(hours=1))
    counters = ended.counters
    assert (counters.skipped, counters.in_flight, counters.completed, counters.total) == (7, 1, 1, 9)
