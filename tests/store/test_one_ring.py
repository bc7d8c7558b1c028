"""A number is on the phone with one attempt at a time, in whichever batch or campaign."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import Contact, ContactStatus
from domain.gates import Gate
from domain.lifecycle import Action
from domain.ports import ClaimAnswer, Claimed
from domain.settlement import Settlement
from domain.slots import WINDOW_OPENS, Wake
from store.database.engine import transaction
from tests.builders import (
    MONDAY_NOON,
    ORGANIZATION,
    a_campaign_rules,
    a_claim,
    a_new_contact,
    a_status_event,
)
from tests.domain.calling_hours import a_week
from tests.store.lock_waits import until_waiting
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

D = DialState
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)


async def _two_on_one_number(world: World) -> tuple[Contact, Contact]:
    """The same number in batches of two campaigns."""
    return await world.a_person(), await world.a_person()


async def _claim(world: World, person: Contact) -> ClaimAnswer:
    return await world.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON)


async def _end(world: World, record: CallRecord, how: str) -> None:
    if how == "given back":
        await world.calls.record_dial(record.execution_id, D.READY)
    else:
        status = CallStatus(how)
        await world.calls.record_event(record.execution_id, a_status_event(status), event_key=how, body=None)


@pytest.mark.parametrize("said", [None, D.ACCEPTED, D.AMBIGUOUS, D.REFUSED])
async def test_number_that_was_asked_for_is_busy_for_every_other_batch(
    world: World, said: DialState | None
) -> None:
    called, waiting = await _two_on_one_number(world)
    record = await world.claimed(called)
    if said is not None:
        await world.calls.record_dial(record.execution_id, said)
    assert await _claim(world, waiting) is Gate.NUMBER_BUSY
    assert await world.contact(waiting) == waiting
    assert await world.contacts.calls_of([waiting.contact_id]) == {}


@pytest.mark.parametrize("heard", [CallStatus.RINGING, CallStatus.IN_PROGRESS])
async def test_number_stays_busy_while_it_rings_or_talks(world: World, heard: CallStatus) -> None:
    called, waiting = await _two_on_one_number(world)
    await world.hears(await world.claimed(called), heard)
    assert await _claim(world, waiting) is Gate.NUMBER_BUSY


@pytest.mark.parametrize("how", ["completed", "busy", "no_answer", "failed", "unknown", "given back"])
async def test_number_is_free_again_after_the_attempt(world: World, how: str) -> None:
    called, waiting = await _two_on_one_number(world)
    await _end(world, await world.claimed(called), how)
    claimed = await _claim(world, waiting)
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask


async def test_attempt_given_back_finds_its_number_busy_when_it_is_claimed_again(world: World) -> None:
    released, quicker = await _two_on_one_number(world)
    record = await world.claimed(released)
    await world.calls.record_dial(record.execution_id, D.READY)
    await world.claimed(quicker)
    before = await world.contact(released)
    assert await _claim(world, released) is Gate.NUMBER_BUSY
    assert (await world.contact(released), (await world.call(record)).dial_state) == (before, D.READY)


async def test_asked_attempt_is_told_again_and_not_that_its_own_number_is_busy(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    assert await _claim(world, person) == Claimed(record=record, may_ask=False)


async def test_closed_batch_is_named_before_a_busy_number(world: World) -> None:
    called, waiting = await _two_on_one_number(world)
    await world.claimed(called)
    await world.batches.act(waiting.batch_id, Action.CANCEL, MONDAY_NOON)
    await world.campaigns.delete(ORGANIZATION, waiting.campaign_id, MONDAY_NOON)
    assert await _claim(world, waiting) is Gate.BATCH_GONE


async def test_retry_waits_while_another_batch_has_the_number(world: World) -> None:
    redialled, other = await _two_on_one_number(world)
    await world.ended(redialled, CallStatus.BUSY, RETRY)
    await world.claimed(other)
    retry = a_claim(redialled.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert await world.calls.claim_attempt(retry, MONDAY_NOON) is Gate.NUMBER_BUSY
    assert await world.status(redialled) is ContactStatus.RETRYING


async def test_same_number_twice_in_one_batch_rings_once(world: World) -> None:
    batch = await world.a_kept_batch([a_new_contact(1), a_new_contact(1)])
    first, second = await world.people_of(batch)
    await world.claimed(first)
    assert await _claim(world, second) is Gate.NUMBER_BUSY


async def test_call_accepted_after_it_was_given_back_keeps_its_id_and_takes_nobodys_number(
    world: World,
) -> None:
    released, quicker = await _two_on_one_number(world)
    record = await world.claimed(released)
    await world.calls.record_dial(record.execution_id, D.READY)
    await world.claimed(quicker)
    await world.calls.record_dial(record.execution_id, D.ACCEPTED, provider_call_id="call-1")
    kept = await world.call(record)
    assert (kept.dial_state, kept.provider_call_id) == (D.READY, "call-1")


async def test_grant_leaves_out_whose_number_is_on_the_phone_and_looks_again_soon(world: World) -> None:
    elsewhere = await world.a_kept_batch(4)
    batch = await world.a_kept_batch(5)
    people = await world.people_of(batch)
    _, *called = await world.people_of(elsewhere)
    records = [await world.claimed(each) for each in called]
    await world.calls.record_dial(records[0].execution_id, D.READY)
    stands = await world.grant(batch.batch_id)
    free = [people[place].contact_id for place in (0, 1, 4)]
    assert [each.contact_id for each in stands.granted] == free
    assert stands.rereads == (Wake(timedelta(seconds=5), "some could not be called: look again"),)


async def test_closed_zones_do_not_count_as_busy(world: World) -> None:
    called = await world.a_person()
    hours = a_campaign_rules(working_hours_enforced=True, working_hours=a_week("09:00-18:00"), timezone="UTC")
    campaign = await world.a_kept_campaign(hours)
    uploaded = [a_new_contact(1, timezone="Asia/Tokyo"), a_new_contact(2)]
    batch = await world.a_kept_batch(uploaded, campaign=campaign)
    await world.claimed(called)
    stands = await world.grant(batch.batch_id)
    *_, last = await world.people_of(batch)
    assert [each.contact_id for each in stands.granted] == [last.contact_id]
    assert [each.what for each in stands.rereads] == [WINDOW_OPENS]


async def test_of_claims_on_one_number_from_many_batches_at_once_exactly_one_dials(stores: Stores) -> None:
    people = [await stores.a_person() for _ in range(8)]
    answers = await asyncio.gather(*(_claim(stores, person) for person in people))
    dialled = [answer for answer in answers if isinstance(answer, Claimed)]
    assert [answer.may_ask for answer in dialled] == [True]
    assert [answer for answer in answers if answer is Gate.NUMBER_BUSY] == [Gate.NUMBER_BUSY] * 7
    statuses = sorted([await stores.status(person) for person in people])
    assert statuses == [ContactStatus.DISPATCHED] + [ContactStatus.PENDING] * 7
    written = await stores.contacts.calls_of([person.contact_id for person in people])
    assert written == {dialled[0].record.contact_id: [dialled[0].record]}


async def test_claim_that_looked_before_another_was_written_waits_for_it_and_dials_nobody(
    stores: Stores,
) -> None:
    called, waiting = await _two_on_one_number(stores)
    record = await stores.claimed(called)
    await stores.calls.record_dial(record.execution_id, D.READY)
    async with transaction(stores.engine) as dialling:
        await dialling.execute(text("UPDATE calls SET dial_state = 'dialling'"))
        claim = asyncio.create_task(_claim(stores, waiting))
        await until_waiting(stores.engine)
        assert not claim.done()
    assert await claim is Gate.NUMBER_BUSY
    assert await stores.contact(waiting) == waiting
    assert await stores.contacts.calls_of([waiting.contact_id]) == {}


async def test_claim_that_waited_for_one_that_was_undone_dials(stores: Stores) -> None:
    called, waiting = await _two_on_one_number(stores)
    record = await stores.claimed(called)
    await stores.calls.record_dial(record.execution_id, D.READY)
    async with transaction(stores.engine) as dialling:
        await dialling.execute(text("UPDATE calls SET dial_state = 'dialling'"))
        claim = asyncio.create_task(_claim(stores, waiting))
        await until_waiting(stores.engine)
        assert not claim.done()
        await dialling.rollback()
    claimed = await claim
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask


async def test_many_batches_call_the_same_people_without_ever_ringing_twice(stores: Stores) -> None:
    """Claims, endings and give-backs of four batches with the same numbers, all at once."""
    batches = [await stores.a_kept_batch(3) for _ in range(4)]
    people = [person for batch in batches for person in await stores.people_of(batch)]
    most_open = 0

    async def call(person: Contact, turn: int) -> None:
        nonlocal most_open
        for _ in range(200):
            claimed = await _claim(stores, person)
            if isinstance(claimed, Claimed):
                break
            assert claimed is Gate.NUMBER_BUSY
            await asyncio.sleep(0.005)
        assert isinstance(claimed, Claimed)
        async with transaction(stores.engine) as counting:
            open_now = await counting.scalar(
                text("SELECT count(*) FROM calls WHERE to_number = :n AND call_status = 'queued'"),
                {"n": person.phone_number},
            )
        most_open = max(most_open, open_now or 0)
        await _end(stores, claimed.record, "unknown" if turn % 2 else "completed")

    await asyncio.gather(*(call(person, turn) for turn, person in enumerate(people)))
    assert most_open == 1
    written = await stores.contacts.calls_of([person.contact_id for person in people])
    assert len(written) == len(people)
