"""Slots that are held: how they count, who holds them, and when somebody must look after them."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import Contact, ContactStatus
from domain.gates import Gate
from domain.ports import Claimed, HeldSlot
from domain.settlement import Settlement
from store.calls.repository import PostgresCallStore
from store.database.engine import transaction
from store.database.ids import mint
from tests.builders import MONDAY_NOON, a_claim
from tests.store.scenes import LATER, Stores, World

pytestmark = pytest.mark.store

S = ContactStatus
SECOND = timedelta(seconds=1)
A_WHILE = MONDAY_NOON + 11 * SECOND


def initial(person: Contact) -> HeldSlot:
    return HeldSlot(contact_id=person.contact_id, attempt=1, kind=AttemptKind.INITIAL)


async def test_contact_that_holds_a_slot_and_waits_for_its_dial_counts_as_dispatched(world: World) -> None:
    batch = await world.a_kept_batch(4, concurrency_limit=3)
    talking, *_ = await world.people_of(batch)
    await world.grant(batch.batch_id)
    await world.hears(await world.claimed(talking), CallStatus.RINGING)

    stands = await world.grant(batch.batch_id)

    assert stands.counts == dict.fromkeys(S, 0) | {S.IN_PROGRESS: 1, S.DISPATCHED: 2, S.PENDING: 1}
    counters = (await world.batch(batch)).counters
    assert (counters.pending, counters.dispatched, counters.in_flight, counters.total) == (1, 2, 1, 4)


async def test_retry_that_holds_a_slot_counts_as_dispatched(world: World) -> None:
    batch = await world.a_kept_batch(1)
    (person,) = await world.people_of(batch)
    await world.ended(person, CallStatus.BUSY, Settlement(status=S.RETRYING, next_retry_at=MONDAY_NOON))

    before = await world.batches.count(batch.batch_id)
    await world.grant(batch.batch_id, LATER)
    granted = await world.batches.count(batch.batch_id)

    assert [(each.retrying, each.dispatched, each.total) for each in (before, granted)] == [
        (1, 0, 1),
        (0, 1, 1),
    ]


async def test_holders_are_told_with_their_attempts_in_the_order_of_the_grant(world: World) -> None:
    batch = await world.a_kept_batch(3)
    people = await world.people_of(batch)
    await world.grant(batch.batch_id, at_most=1)

    stands = await world.grant(batch.batch_id, MONDAY_NOON + SECOND)

    assert stands.holders == tuple((each.contact_id, 1) for each in people)


async def test_request_that_is_not_to_be_counted_is_told_neither_counts_nor_holders(stores: Stores) -> None:
    batch = await stores.a_kept_batch(3)

    stands = await stores.grant(batch.batch_id, is_counted=False)

    assert (stands.counts, stands.holders, stands.in_use) == (None, None, 3)


async def test_only_the_first_hundred_holders_are_told(stores: Stores) -> None:
    batch = await stores.a_kept_batch(102, concurrency_limit=102)

    stands = await stores.grant(batch.batch_id, at_most=102)

    assert stands.holders is not None
    assert (stands.in_use, len(stands.holders)) == (102, 100)


async def test_slot_without_an_open_call_is_unattended_after_a_while(world: World) -> None:
    batch = await world.a_kept_batch(2)
    called, waiting = await world.people_of(batch)
    await world.grant(batch.batch_id)
    record = await world.claimed(called)

    early = await world.grant(batch.batch_id, MONDAY_NOON + 9 * SECOND)
    late = await world.grant(batch.batch_id, A_WHILE)
    found = await world.slots.unattended(batch.batch_id, A_WHILE, 10, with_calls=False)
    looked_at = await world.grant(batch.batch_id, A_WHILE)
    again = await world.grant(batch.batch_id, A_WHILE + 11 * SECOND)

    assert [each.is_unattended for each in (early, late, looked_at, again)] == [False, True, False, True]
    assert found == [initial(waiting)]
    assert (await world.call(record)).call_status is CallStatus.QUEUED


async def test_slot_whose_call_was_not_dialled_is_unattended_too(world: World) -> None:
    batch = await world.a_kept_batch(1)
    (person,) = await world.people_of(batch)
    await world.grant(batch.batch_id)
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.READY)

    assert (await world.grant(batch.batch_id, A_WHILE)).is_unattended


async def test_slots_of_open_calls_are_looked_at_on_request(world: World) -> None:
    batch = await world.a_kept_batch(2)
    called, waiting = await world.people_of(batch)
    await world.grant(batch.batch_id)
    await world.claimed(called)

    found = await world.slots.unattended(batch.batch_id, A_WHILE, 10, with_calls=True)

    assert found == sorted([initial(called), initial(waiting)], key=lambda each: each.contact_id)


async def test_those_looked_at_longest_ago_come_first(world: World) -> None:
    batch = await world.a_kept_batch(3)
    people = await world.people_of(batch)
    await world.grant(batch.batch_id)

    looks = [
        await world.slots.unattended(batch.batch_id, A_WHILE + number * SECOND, 2, with_calls=False)
        for number in range(3)
    ]

    one, two, three = map(initial, people)
    assert looks == [[one, two], [one, three], [one, two]]


async def test_claim_without_a_slot_is_refused(stores: Stores) -> None:
    calls = PostgresCallStore(stores.engine, mint)
    person = await stores.a_person()
    claim = a_claim(person.contact_id)

    refused = await calls.claim_attempt(claim, MONDAY_NOON)
    await stores.grant(person.batch_id)
    claimed = await calls.claim_attempt(claim, MONDAY_NOON)

    assert refused is Gate.NO_SLOT
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask


async def test_attempt_that_was_dialled_is_found_by_its_rerun_without_a_slot(stores: Stores) -> None:
    calls = PostgresCallStore(stores.engine, mint)
    person = await stores.a_person()
    await stores.ended(person, CallStatus.COMPLETED, Settlement(status=S.COMPLETED))

    claimed = await calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON)

    assert isinstance(claimed, Claimed)
    assert not claimed.may_ask


async def test_run_stands_in_the_row_before_it_is_granted_a_slot(stores: Stores) -> None:
    """Whoever is settled too late to be found by its look reads afterwards which run looked."""
    person = await stores.a_person()
    async with transaction(stores.engine) as holding:
        await holding.execute(text("LOCK TABLE slots IN SHARE MODE"))  # no grant is written meanwhile
        grant = asyncio.create_task(stores.grant(person.batch_id, dispatched_by="run-1"))
        async with asyncio.timeout(5):
            while await stores.contacts.dispatched_by(person.batch_id) != "run-1":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not grant.done()
    assert [each.contact_id for each in (await grant).granted] == [person.contact_id]
