"""Who is granted a slot, in which order, and what a request tells besides; real store and fake alike."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.batch import Batch, BatchStatus
from domain.call import AttemptKind, CallStatus
from domain.contact import Contact, ContactStatus, call_order
from domain.identity import BatchId, ContactId
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.slots import GrantedSlot, GrantedSlots, NoSlot, SlotGrants, Wake
from tests.builders import MONDAY_NOON, a_new_contact
from tests.store.scenes import LATER, Stores, World

pytestmark = pytest.mark.store

S = ContactStatus
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
COMPLETED = Settlement(status=S.COMPLETED)
OVERDUE = LATER + 6 * SECOND
FALLS_DUE = "a retry or follow-up is due"
LAST = call_order(0, 0)
"""Before the first contact without a priority."""


def retry(at: datetime = LATER) -> Settlement:
    return Settlement(status=S.RETRYING, next_retry_at=at)


def follow_up(at: datetime = LATER) -> Settlement:
    return Settlement(status=S.FOLLOWUP_SCHEDULED, follow_up_at=at)


def ids(granted: Sequence[GrantedSlot]) -> list[ContactId]:
    return [each.contact_id for each in granted]


def places(people: Sequence[Contact], stands: GrantedSlots) -> list[int]:
    """Positions of those who were granted a slot, in the order of the grant."""
    position = {each.contact_id: each.position for each in people}
    return [position[each] for each in ids(stands.granted)]


async def a_waiting_batch(world: World, *waits: Settlement | None, **batch: Any) -> Batch:
    """A batch whose contacts wait as told: for a retry, a follow-up, or their first call (None)."""
    kept = await world.a_kept_batch(len(waits), **batch)
    for person, settlement in zip(await world.people_of(kept), waits, strict=True):
        if settlement is not None:
            await world.ended(person, CallStatus.BUSY, settlement)
    return kept


async def test_follow_ups_come_first_then_retries_the_longest_due_first_then_pending_by_position(
    world: World,
) -> None:
    waits = (None, retry(), retry(LATER - MINUTE), None, follow_up(), follow_up(LATER - SECOND))
    batch = await a_waiting_batch(world, *waits)
    people = await world.people_of(batch)

    stands = await world.grant(batch.batch_id, OVERDUE)

    assert places(people, stands) == [6, 5, 3, 2, 1, 4]
    assert [(each.attempt, each.kind) for each in stands.granted] == [
        (2, AttemptKind.FOLLOW_UP),
        (2, AttemptKind.FOLLOW_UP),
        (2, AttemptKind.RETRY),
        (2, AttemptKind.RETRY),
        (1, AttemptKind.INITIAL),
        (1, AttemptKind.INITIAL),
    ]
    assert (stands.in_use, stands.has_more) == (6, False)


async def test_nobody_is_granted_two_slots_and_no_request_more_than_it_asks_for(world: World) -> None:
    batch = await world.a_kept_batch(5)
    people = await world.people_of(batch)

    looks = [await world.grant(batch.batch_id, at_most=2) for _ in range(4)]

    assert [places(people, each) for each in looks] == [[1, 2], [3, 4], [5], []]
    assert [each.has_more for each in looks] == [True, True, False, False]
    assert [each.in_use for each in looks] == [2, 4, 5, 5]


async def test_limit_of_the_batch_is_never_passed_and_what_comes_back_is_granted_again(world: World) -> None:
    batch = await world.a_kept_batch(5, concurrency_limit=2)
    first, *_ = people = await world.people_of(batch)
    assert places(people, await world.grant(batch.batch_id)) == [1, 2]

    full = await world.grant(batch.batch_id)
    await world.ended(first, CallStatus.COMPLETED, COMPLETED)
    after = await world.grant(batch.batch_id)

    assert (full.granted, full.in_use, full.has_more) == ((), 2, False)
    assert (places(people, after), after.in_use) == ([3], 2)


async def test_request_that_is_repeated_under_its_key_gets_the_same_slots(world: World) -> None:
    batch = await world.a_kept_batch(4, concurrency_limit=3)

    once = await world.grant(batch.batch_id, key="run/1", at_most=2)
    again = await world.grant(batch.batch_id, MONDAY_NOON + SECOND, key="run/1", at_most=2)
    another = await world.grant(batch.batch_id, key="run/2")

    assert ids(again.granted)[:2] == ids(once.granted)
    assert again.in_use == 3
    assert another.granted == ()


async def test_contact_is_told_which_run_of_the_batch_asked_for_slots_last(world: World) -> None:
    batch = await world.a_kept_batch(1)
    told = []

    for run in (None, "run-1", "run-1", "run-2", None):  # the last one of a former release
        await world.grant(batch.batch_id, dispatched_by=run)
        told.append(await world.contacts.dispatched_by(batch.batch_id))

    assert told == [None, "run-1", "run-1", "run-2", "run-2"]


async def test_batch_that_does_not_exist_is_granted_nothing(world: World) -> None:
    nothing = SlotGrants(batch_id=BatchId("btc_none"), key="run/1", at_most=1)
    assert await world.slots.grant(nothing, MONDAY_NOON) is None


async def test_cursor_stands_before_the_first_who_was_not_granted_and_behind_all_otherwise(
    stores: Stores,
) -> None:
    batch = await stores.a_kept_batch(5)
    people = await stores.people_of(batch)

    first = await stores.grant(batch.batch_id, at_most=2)
    rest = await stores.grant(batch.batch_id, cursor=first.cursor)
    none = await stores.grant(batch.batch_id, cursor=rest.cursor)

    assert (first.cursor, rest.cursor, none.cursor) == (LAST + 2, LAST + 5, LAST + 5)
    assert places(people, rest) == [3, 4, 5]


async def test_everybody_is_read_and_counted_from_the_instants_that_a_request_names(stores: Stores) -> None:
    batch = await stores.a_kept_batch(3, concurrency_limit=3)
    request = {"cursor": LAST + 3, "is_counted": False, "level_at": LATER, "count_at": LATER}

    before = await stores.grant(batch.batch_id, LATER - SECOND, **request)
    then = await stores.grant(batch.batch_id, LATER, **request)

    told = [(len(each.granted), each.is_leveled, each.counts is not None) for each in (before, then)]
    assert told == [(0, False, False), (3, True, True)]


async def test_nobody_in_front_of_the_cursor_is_looked_at(stores: Stores) -> None:
    batch = await stores.a_kept_batch(5)

    stands = await stores.grant(batch.batch_id, cursor=LAST + 3)

    assert places(await stores.people_of(batch), stands) == [4, 5]


async def test_contact_whose_number_is_busy_is_passed_however_many_there_are(stores: Stores) -> None:
    """More than are looked at beside the granted ones."""
    elsewhere = await stores.a_kept_batch(30)
    for each in await stores.people_of(elsewhere):
        await stores.claimed(each)
    batch = await stores.a_kept_batch(32)

    stands = await stores.grant(batch.batch_id, at_most=1)

    assert places(await stores.people_of(batch), stands) == [31]
    assert (stands.cursor, stands.has_more) == (LAST + 31, True)


async def test_contact_that_asks_at_its_time_is_granted_and_who_does_not_when_overdue(world: World) -> None:
    batch = await a_waiting_batch(world, retry(), retry())
    asking, silent = [each.contact_id for each in await world.people_of(batch)]

    at_once = await world.grant(batch.batch_id, LATER, asked=(asking,))
    soon = await world.grant(batch.batch_id, LATER + 4 * SECOND)
    overdue = await world.grant(batch.batch_id, LATER + 5 * SECOND)

    assert [ids(each.granted) for each in (at_once, soon, overdue)] == [[asking], [], [silent]]


async def test_contact_whose_clock_is_a_second_fast_is_granted_what_it_asks_for(world: World) -> None:
    batch = await a_waiting_batch(world, retry())
    (person,) = await world.people_of(batch)

    stands = await world.grant(batch.batch_id, LATER - SECOND, asked=(person.contact_id,))

    assert ids(stands.granted) == [person.contact_id]


async def test_contact_that_asks_although_it_holds_a_slot_is_told_so_again(world: World) -> None:
    batch = await a_waiting_batch(world, retry())
    (person,) = await world.people_of(batch)
    first = await world.grant(batch.batch_id, LATER, asked=(person.contact_id,))

    again = await world.grant(batch.batch_id, LATER, asked=(person.contact_id,))

    assert again.granted == first.granted != ()
    assert (again.refused, again.in_use) == ((), 1)


async def test_contact_that_asks_too_early_or_is_over_is_refused(world: World) -> None:
    batch = await a_waiting_batch(world, retry(), follow_up(), COMPLETED, None)
    early, agreed, over, pending = [each.contact_id for each in await world.people_of(batch)]

    stands = await world.grant(batch.batch_id, LATER - MINUTE, asked=(early, agreed, over, pending))

    assert ids(stands.granted) == [pending]
    assert sorted(stands.refused, key=lambda each: each.contact_id) == sorted(
        (
            NoSlot(contact_id=early, attempt=2, due_at=LATER),
            NoSlot(contact_id=agreed, attempt=2, due_at=LATER),
            NoSlot(contact_id=over, attempt=2, due_at=None),
        ),
        key=lambda each: each.contact_id,
    )


async def test_due_contact_whose_number_is_busy_is_left_out_and_looked_for_again_soon(world: World) -> None:
    batch = await a_waiting_batch(world, retry())
    (person,) = await world.people_of(batch)
    talking = await world.claimed(await world.a_person())

    busy = await world.grant(batch.batch_id, OVERDUE, asked=(person.contact_id,))
    await world.hears(talking, CallStatus.COMPLETED)
    free = await world.grant(batch.batch_id, OVERDUE)

    assert (busy.granted, busy.refused) == ((), ())
    assert Wake(5 * SECOND, "some could not be called: look again") in busy.wakes
    assert (ids(free.granted), free.wakes) == ([person.contact_id], ())


async def test_batch_wakes_when_the_next_contact_is_overdue(world: World) -> None:
    batch = await a_waiting_batch(world, retry(), follow_up(LATER - MINUTE))

    before = await world.grant(batch.batch_id, LATER - 2 * MINUTE)
    between = await world.grant(batch.batch_id, LATER)

    assert before.wakes == (Wake(MINUTE + 5 * SECOND, FALLS_DUE),)
    assert between.wakes == (Wake(5 * SECOND, FALLS_DUE),)


@pytest.mark.parametrize("held", [BatchStatus.PENDING, BatchStatus.PAUSED, BatchStatus.CANCELLED])
async def test_batch_that_is_held_is_granted_nothing(world: World, held: BatchStatus) -> None:
    batch = await world.a_batch_that_is(held)

    stands = await world.grant(batch.batch_id)

    assert (stands.status, stands.granted, stands.rereads, stands.in_use) == (held, (), (), 0)


async def test_batch_of_a_held_campaign_is_granted_nothing_until_it_goes_on(world: World) -> None:
    batch = await world.a_kept_batch(1)
    organization = (await world.campaign_of(batch)).organization_id
    await world.campaigns.act(organization, batch.campaign_id, Action.PAUSE, MONDAY_NOON)
    held = await world.grant(batch.batch_id)
    await world.campaigns.act(organization, batch.campaign_id, Action.RESUME, MONDAY_NOON)

    assert held.granted == ()
    assert len((await world.grant(batch.batch_id)).granted) == 1


async def test_timetable_is_told_as_waits_before_it_and_as_due_from_its_instant_on(world: World) -> None:
    end = LATER + MINUTE
    batch = await world.a_kept_batch(1, scheduled_start=LATER, scheduled_end=end)

    before = await world.grant(batch.batch_id, LATER - SECOND)
    at_start = await world.grant(batch.batch_id, LATER)
    at_end = await world.grant(batch.batch_id, end)

    assert before.wakes == (Wake(SECOND, "scheduled start"), Wake(MINUTE + SECOND, "scheduled end"))
    assert [(each.is_begin_due, each.is_end_due) for each in (before, at_start, at_end)] == [
        (False, False),
        (True, False),
        (True, True),
    ]


async def test_batch_is_done_when_nobody_waits_and_no_slot_is_held(world: World) -> None:
    batch = await world.a_kept_batch([a_new_contact(1), a_new_contact(2, skip_detail="bad")])
    person, _ = await world.people_of(batch)

    granted = await world.grant(batch.batch_id)
    await world.ended(person, CallStatus.COMPLETED, COMPLETED)
    done = await world.grant(batch.batch_id)
    await world.batches.finish(batch.batch_id, LATER)
    finished = await world.grant(batch.batch_id)

    assert [each.is_done for each in (granted, done, finished)] == [False, True, False]
