"""Contacts are found when their turn comes, and settled once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import Contact, ContactStatus, SkipReason
from domain.errors import ContactNotFound
from domain.identity import BatchId, ContactId
from domain.lifecycle import Action
from domain.ports import Page, Window
from domain.settlement import Settlement
from domain.slots import GrantedSlot
from tests.builders import MONDAY_NOON, a_new_contact
from tests.store.scenes import EVERYTHING, Stores, nobody

pytestmark = pytest.mark.store

LATER = MONDAY_NOON + timedelta(hours=3)
COMPLETED = Settlement(status=ContactStatus.COMPLETED)
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=LATER)
FOLLOW_UP = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=LATER)


def _ids(people: Sequence[Contact]) -> list[ContactId]:
    return [person.contact_id for person in people]


@pytest.mark.parametrize(
    "settlement",
    [
        pytest.param(COMPLETED, id="completed"),
        pytest.param(RETRY, id="retrying"),
        pytest.param(FOLLOW_UP, id="follow-up"),
        pytest.param(Settlement(status=ContactStatus.MAX_RETRIES_REACHED), id="no retry left"),
    ],
)
async def test_live_contact_is_settled(stores: Stores, settlement: Settlement) -> None:
    person = await stores.a_person()
    await stores.hears(await stores.claimed(person), CallStatus.RINGING)
    assert await stores.contacts.settle(person.contact_id, 1, settlement, LATER) == settlement
    settled = await stores.contact(person)
    assert settled.status is settlement.status
    assert (settled.next_retry_at, settled.follow_up_at) == (
        settlement.next_retry_at,
        settlement.follow_up_at,
    )
    assert settled.updated_at == LATER


async def test_second_settlement_is_told_the_first(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.claimed(person)
    settle = stores.contacts.settle
    assert await settle(person.contact_id, 1, RETRY, MONDAY_NOON) == RETRY
    assert await settle(person.contact_id, 1, COMPLETED, LATER) == RETRY
    assert (await stores.contact(person)).updated_at == MONDAY_NOON


async def test_of_two_settlements_at_once_one_stands_and_both_are_told(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.claimed(person)
    told = await asyncio.gather(
        *(
            stores.contacts.settle(person.contact_id, 1, settlement, LATER)
            for settlement in (RETRY, COMPLETED, FOLLOW_UP)
        )
    )
    assert len(set(told)) == 1
    assert told[0].status is await stores.status(person)


async def test_of_many_settlements_of_a_call_one_is_the_first(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.claimed(person)
    settle = stores.contacts.settle
    at_once = await asyncio.gather(*(settle(person.contact_id, 1, RETRY, LATER) for _ in range(3)))
    again = await settle(person.contact_id, 1, RETRY, LATER)
    assert sorted(each.is_first for each in at_once) == [False, False, True]
    assert not again.is_first


async def test_ended_call_of_a_contact_that_was_skipped_meanwhile_is_settled_first_once(
    stores: Stores,
) -> None:
    person = await stores.a_person()
    call = await stores.claimed(person)
    await stores.batches.act(person.batch_id, Action.CANCEL, MONDAY_NOON)
    settle = stores.contacts.settle
    before = await settle(person.contact_id, 1, COMPLETED, LATER)
    await stores.hears(call, CallStatus.NO_ANSWER)
    after = [await settle(person.contact_id, 1, COMPLETED, LATER) for _ in range(2)]
    assert before.status is ContactStatus.SKIPPED
    assert [before.is_first, *(each.is_first for each in after)] == [False, True, False]


async def test_call_that_was_counted_is_not_counted_again_when_its_retry_is_skipped(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.BUSY, RETRY)
    await stores.batches.act(person.batch_id, Action.CANCEL, MONDAY_NOON)
    again = await stores.contacts.settle(person.contact_id, 1, RETRY, LATER)
    assert (again.status, again.is_first) == (ContactStatus.SKIPPED, False)


async def test_older_attempt_no_longer_settles_its_contact(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.BUSY, RETRY)
    await stores.claimed(person, 2, AttemptKind.RETRY)
    stands = await stores.contacts.settle(person.contact_id, 1, COMPLETED, LATER)
    assert stands == Settlement(status=ContactStatus.DISPATCHED)


async def test_contact_nobody_called_is_not_settled(stores: Stores) -> None:
    person = await stores.a_person()
    stands = await stores.contacts.settle(person.contact_id, 1, COMPLETED, LATER)
    assert stands == Settlement(status=ContactStatus.PENDING)


async def test_contact_on_the_phone_is_not_sent_back_to_pending(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.hears(await stores.claimed(person), CallStatus.RINGING)
    pending = Settlement(status=ContactStatus.PENDING)
    stands = await stores.contacts.settle(person.contact_id, 1, pending, LATER)
    assert stands == Settlement(status=ContactStatus.IN_PROGRESS)


async def test_settling_nobody_is_refused(stores: Stores) -> None:
    with pytest.raises(ContactNotFound):
        await stores.contacts.settle(nobody(), 1, COMPLETED, LATER)


@pytest.mark.parametrize(
    ("waited", "kind"),
    [
        pytest.param(None, AttemptKind.INITIAL, id="first call"),
        pytest.param(RETRY, AttemptKind.RETRY, id="retry"),
        pytest.param(FOLLOW_UP, AttemptKind.FOLLOW_UP, id="follow-up"),
    ],
)
async def test_contact_that_was_not_dialled_goes_back_to_where_it_waited(
    stores: Stores, waited: Settlement | None, kind: AttemptKind
) -> None:
    person = await stores.a_person()
    attempt = 1
    if waited is not None:
        await stores.ended(person, CallStatus.BUSY, waited)
        attempt = 2
    before = await stores.contact(person)
    record = await stores.claimed(person, attempt, kind)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    assert await stores.contacts.give_back(person.contact_id, attempt, LATER) is before.status
    after = await stores.contact(person)
    assert (after.status, after.next_retry_at, after.follow_up_at) == (
        before.status,
        before.next_retry_at,
        before.follow_up_at,
    )
    assert (after.retry_count, after.follow_up_count) == (before.retry_count, before.follow_up_count)


async def test_retry_given_back_and_dialled_later_is_counted_once(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.BUSY, RETRY)
    record = await stores.claimed(person, 2, AttemptKind.RETRY)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    await stores.contacts.give_back(person.contact_id, 2, LATER)
    await stores.claimed(person, 2, AttemptKind.RETRY)
    assert (await stores.contact(person)).retry_count == 1


async def test_contact_given_back_is_due_again_with_the_same_attempt(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.BUSY, RETRY)
    record = await stores.claimed(person, 2, AttemptKind.RETRY)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    await stores.contacts.give_back(person.contact_id, 2, LATER)
    slot = GrantedSlot(contact_id=person.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert await stores.due(person.batch_id, LATER) == [slot]


async def test_contact_whose_dial_may_have_happened_is_not_given_back(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.claimed(person)
    stands = await stores.contacts.give_back(person.contact_id, 1, LATER)
    assert stands is ContactStatus.DISPATCHED


@pytest.mark.parametrize("waited", [pytest.param(None, id="pending"), pytest.param(RETRY, id="retrying")])
async def test_waiting_contact_is_skipped(stores: Stores, waited: Settlement | None) -> None:
    person = await stores.a_person()
    if waited is not None:
        await stores.ended(person, CallStatus.BUSY, waited)
    skipped = await stores.contacts.skip(person.contact_id, SkipReason.SUPPRESSED, LATER, detail="listed")
    after = await stores.contact(person)
    assert skipped is ContactStatus.SKIPPED
    assert (after.status, after.skip_reason, after.skip_detail) == (skipped, SkipReason.SUPPRESSED, "listed")
    assert (after.next_retry_at, after.updated_at) == (None, LATER)


async def test_live_contact_is_not_skipped(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.claimed(person)
    stands = await stores.contacts.skip(person.contact_id, SkipReason.MANUAL, LATER)
    assert stands is ContactStatus.DISPATCHED


async def test_skipping_cancels_the_attempt_that_was_never_dialled(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    await stores.contacts.give_back(person.contact_id, 1, LATER)
    await stores.contacts.skip(person.contact_id, SkipReason.MANUAL, LATER)
    given_up = await stores.call(record)
    assert (given_up.call_status, given_up.ended_at) == (CallStatus.CANCELLED, LATER)


@pytest.mark.parametrize(
    ("statuses", "window", "positions", "total"),
    [
        pytest.param([], Window(limit=2), [1, 2], 5, id="first page"),
        pytest.param([], Window(skip=3, limit=9), [4, 5], 5, id="last page"),
        pytest.param([], Window(skip=9, limit=9), [], 5, id="beyond the end"),
        pytest.param([ContactStatus.SKIPPED], EVERYTHING, [2, 4], 2, id="one status"),
        pytest.param([ContactStatus.PENDING], Window(skip=1, limit=1), [3], 3, id="page of one status"),
        pytest.param([ContactStatus.BUSY], EVERYTHING, [], 0, id="nobody matches"),
        pytest.param(
            [ContactStatus.SKIPPED, ContactStatus.PENDING],
            Window(skip=1, limit=3),
            [2, 3, 4],
            5,
            id="any of two",
        ),
    ],
)
async def test_contacts_are_listed_by_position(
    stores: Stores, statuses: list[ContactStatus], window: Window, positions: list[int], total: int
) -> None:
    people = [a_new_contact(each, skip_detail="bad" if each in (2, 4) else None) for each in range(1, 6)]
    batch = await stores.a_kept_batch(people)
    page = await stores.contacts.list_contacts(batch.batch_id, statuses, window)
    assert ([person.position for person in page.items], page.total) == (positions, total)


async def test_contacts_of_an_unknown_batch_are_none(stores: Stores) -> None:
    assert await stores.contacts.list_contacts(BatchId("btc_no"), [], EVERYTHING) == Page(items=[], total=0)


async def test_contact_of_another_batch_is_not_found(stores: Stores) -> None:
    person = await stores.a_person()
    other = await stores.a_kept_batch()
    with pytest.raises(ContactNotFound):
        await stores.contacts.get_contact(other.batch_id, person.contact_id)


async def test_calls_are_listed_oldest_first_and_the_newest_alone(stores: Stores) -> None:
    batch = await stores.a_kept_batch(3)
    called, once, never = await stores.people_of(batch)
    first = await stores.ended(called, CallStatus.BUSY, RETRY)
    second = await stores.claimed(called, 2, AttemptKind.RETRY)
    only = await stores.claimed(once)
    asked = _ids([called, once, never])
    assert await stores.contacts.calls_of(asked) == {
        called.contact_id: [first, second],
        once.contact_id: [only],
    }
    assert await stores.contacts.latest_calls_of(asked) == {called.contact_id: second, once.contact_id: only}
