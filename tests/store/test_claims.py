"""A phone rings at most once per attempt, and never when a gate is closed."""

import asyncio

import pytest
from sqlalchemy import text

from domain.batch import BatchStatus, PausedBy
from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus
from domain.gates import Gate
from domain.lifecycle import Action
from domain.ports import Claimed
from domain.settlement import Settlement
from store.database.engine import transaction
from tests.builders import CALLER_ID, MONDAY_NOON, a_call_record, a_claim
from tests.store.lock_waits import until_waiting
from tests.store.scenes import Stores, nobody

pytestmark = pytest.mark.store

LATER = MONDAY_NOON.replace(hour=15)
HELD, OVER, CLOSED = Gate.BATCH_HELD, Gate.BATCH_OVER, Gate.CONTACT_CLOSED
PAUSED = {"status": BatchStatus.PAUSED, "paused_by": PausedBy.CAMPAIGN}
RETRY_AT_ONCE = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)


async def test_first_claim_writes_the_attempt_and_dispatches_the_contact(stores: Stores) -> None:
    person = await stores.a_person()
    claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), LATER)
    assert isinstance(claimed, Claimed)
    expected = a_call_record(
        execution_id=claimed.record.execution_id,
        contact_id=person.contact_id,
        batch_id=person.batch_id,
        campaign_id=person.campaign_id,
        dial_state=DialState.DIALLING,
        provider="simulator",
        from_number=CALLER_ID,
        to_number=person.phone_number,
        started_at=LATER,
    )
    assert claimed == Claimed(record=expected, may_ask=True)
    assert await stores.call(claimed.record) == expected
    dispatched = await stores.contact(person)
    assert dispatched.status is ContactStatus.DISPATCHED
    assert (dispatched.last_attempted_at, dispatched.updated_at) == (LATER, LATER)


async def test_of_two_claimants_at_once_exactly_one_may_ask(stores: Stores) -> None:
    person = await stores.a_person()
    claim = a_claim(person.contact_id)
    claims = await asyncio.gather(*(stores.calls.claim_attempt(claim, MONDAY_NOON) for _ in range(8)))
    answers = [claimed.may_ask for claimed in claims if isinstance(claimed, Claimed)]
    assert sorted(answers) == [False] * 7 + [True]
    assert len({claimed.record.execution_id for claimed in claims if isinstance(claimed, Claimed)}) == 1


async def test_of_two_claimants_of_a_released_attempt_exactly_one_may_ask(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    claim = a_claim(person.contact_id)
    claims = await asyncio.gather(*(stores.calls.claim_attempt(claim, MONDAY_NOON) for _ in range(8)))
    answers = [claimed.may_ask for claimed in claims if isinstance(claimed, Claimed)]
    assert sorted(answers) == [False] * 7 + [True]


async def test_claim_waits_for_a_pause_under_way_and_then_dials_nobody(stores: Stores) -> None:
    person = await stores.a_person()
    async with transaction(stores.engine) as pausing:
        await pausing.execute(text("UPDATE batches SET status = 'paused', paused_by = 'batch'"))
        claim = asyncio.create_task(stores.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON))
        await until_waiting(stores.engine)
        assert not claim.done()
    assert await claim is Gate.BATCH_HELD
    assert await stores.contact(person) == person
    assert await stores.contacts.calls_of([person.contact_id]) == {}


async def test_pause_waits_for_a_claim_under_way(stores: Stores) -> None:
    person = await stores.a_person()
    async with transaction(stores.engine) as claiming:
        await claiming.execute(text("SELECT 1 FROM batches FOR SHARE"))
        pause = asyncio.create_task(stores.force("batches", status="paused", paused_by="batch"))
        claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON)
        assert not pause.done()
    await pause
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask


async def test_claims_of_one_batch_do_not_wait_for_each_other(stores: Stores) -> None:
    batch = await stores.a_kept_batch(2)
    first, second = await stores.people_of(batch)
    async with transaction(stores.engine) as claiming:
        await claiming.execute(text("SELECT 1 FROM batches FOR SHARE"))
        await claiming.execute(
            text("SELECT 1 FROM contacts WHERE contact_id = :id FOR NO KEY UPDATE"), {"id": first.contact_id}
        )
        await asyncio.wait_for(stores.claimed(second), timeout=5)


@pytest.mark.parametrize(
    ("table", "values", "gate"),
    [
        pytest.param("batches", {"status": BatchStatus.PENDING}, HELD, id="batch has not started"),
        pytest.param(
            "batches",
            {"status": BatchStatus.PAUSED, "paused_by": PausedBy.CAMPAIGN},
            HELD,
            id="batch is paused",
        ),
        pytest.param("batches", {"status": BatchStatus.CANCELLED}, OVER, id="batch is cancelled"),
        pytest.param("batches", {"status": BatchStatus.EXPIRED}, OVER, id="batch is expired"),
        pytest.param("campaigns", {"status": CampaignStatus.PAUSED}, HELD, id="campaign is paused"),
        pytest.param("campaigns", {"status": CampaignStatus.CANCELLED}, OVER, id="campaign is cancelled"),
        pytest.param("campaigns", {"deleted_at": MONDAY_NOON}, Gate.BATCH_GONE, id="campaign is deleted"),
        pytest.param("contacts", {"status": ContactStatus.SKIPPED}, CLOSED, id="contact is skipped"),
        pytest.param("contacts", {"status": ContactStatus.COMPLETED}, CLOSED, id="contact is completed"),
    ],
)
async def test_closed_gate_withholds_the_call_and_is_named_and_nothing_is_written(
    stores: Stores, table: str, values: dict[str, object], gate: Gate
) -> None:
    person = await stores.a_person()
    await stores.force(table, **values)
    before = await stores.contact(person)
    assert await stores.calls.claim_attempt(a_claim(person.contact_id), LATER) is gate
    assert await stores.contact(person) == before
    assert await stores.contacts.calls_of([person.contact_id]) == {}


async def test_unknown_contact_is_not_called(stores: Stores) -> None:
    assert await stores.calls.claim_attempt(a_claim(nobody()), MONDAY_NOON) is Gate.BATCH_GONE


@pytest.mark.parametrize(
    "state", [DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS, DialState.REFUSED]
)
async def test_attempt_that_was_asked_for_is_never_asked_for_again(stores: Stores, state: DialState) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, state)
    claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), LATER)
    assert claimed == Claimed(record=await stores.call(record), may_ask=False)


async def test_asked_attempt_is_still_told_when_the_batch_is_paused_meanwhile(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.force("batches", status=BatchStatus.PAUSED, paused_by=PausedBy.BATCH)
    claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), LATER)
    assert claimed == Claimed(record=record, may_ask=False)


async def test_released_attempt_may_be_asked_for_again(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), LATER)
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask
    assert claimed.record == await stores.call(record)
    assert (claimed.record.execution_id, claimed.record.started_at) == (record.execution_id, LATER)


async def test_released_attempt_that_rings_after_all_is_not_asked_for_again(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    await stores.hears(record, CallStatus.RINGING)
    claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), LATER)
    assert isinstance(claimed, Claimed)
    assert not claimed.may_ask


async def test_released_attempt_that_was_given_up_with_its_contact_is_no_call_to_be_followed(
    stores: Stores,
) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    await stores.batches.act(person.batch_id, Action.CANCEL, LATER)
    assert (await stores.call(record)).call_status is CallStatus.CANCELLED
    assert await stores.calls.claim_attempt(a_claim(person.contact_id), LATER) is Gate.CONTACT_CLOSED


async def test_older_attempt_can_no_longer_be_claimed(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.BUSY, RETRY_AT_ONCE)
    await stores.claimed(person, 2, AttemptKind.RETRY)
    assert await stores.calls.claim_attempt(a_claim(person.contact_id), LATER) is Gate.CONTACT_CLOSED


async def test_next_attempt_is_withheld_while_the_contact_is_on_this_one(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.claimed(person)
    following = a_claim(person.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert await stores.calls.claim_attempt(following, LATER) is Gate.CONTACT_CLOSED


async def test_dialled_retry_is_counted_once_however_often_it_is_claimed(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.BUSY, RETRY_AT_ONCE)
    record = await stores.claimed(person, 2, AttemptKind.RETRY)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    await stores.claimed(person, 2, AttemptKind.RETRY)
    dialled = await stores.contact(person)
    assert (dialled.retry_count, dialled.follow_up_count, dialled.next_retry_at) == (1, 0, None)


async def test_dialled_follow_up_is_counted_apart_from_retries(stores: Stores) -> None:
    person = await stores.a_person()
    agreed = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON)
    await stores.ended(person, CallStatus.COMPLETED, agreed)
    await stores.claimed(person, 2, AttemptKind.FOLLOW_UP)
    dialled = await stores.contact(person)
    assert (dialled.retry_count, dialled.follow_up_count, dialled.follow_up_at) == (0, 1, None)
