"""Whoever moves contacts judges by what is true once the locks are held, not by what was before."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import Contact, ContactStatus
from domain.errors import IllegalTransition
from domain.identity import ContactId, TokenId
from domain.ports import Claimed
from domain.redial import RedialPolicy
from domain.settlement import Settlement
from domain.suppression import NewSuppression
from store.calls.claims import claim
from store.contacts.settlement import settle
from store.database.engine import transaction
from store.database.ids import mint
from tests.builders import CALLEE, MONDAY_NOON, ORGANIZATION, a_claim, a_new_contact, a_status_event
from tests.store.lock_waits import until_waiting
from tests.store.scenes import Stores, World, grant_by_hand

pytestmark = pytest.mark.store

TOKEN = TokenId("tok_1")
PERSON = [a_new_contact(phone_number=CALLEE)]
MINUTE = timedelta(minutes=1)
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + 30 * MINUTE)
DONE = Settlement(status=ContactStatus.COMPLETED)
T = TypeVar("T")


@asynccontextmanager
async def _waiting(
    stores: Stores, held: str, held_id: str, deed: Awaitable[T]
) -> AsyncIterator[asyncio.Future[T]]:
    """A deed that waits for a row of batches or contacts until the block ends."""
    async with transaction(stores.engine) as holding:
        key = "batch_id" if held == "batches" else "contact_id"
        row = text(f"SELECT 1 FROM {held} WHERE {key} = :this FOR NO KEY UPDATE")  # noqa: S608 - our own names
        await holding.execute(row, {"this": held_id})
        doing = asyncio.ensure_future(deed)
        await until_waiting(stores.engine)
        yield doing


@asynccontextmanager
async def _changing(stores: Stores, change: str, deed: Awaitable[T]) -> AsyncIterator[asyncio.Future[T]]:
    """A deed that waits while a campaign is changed and a batch held, until the block ends."""
    async with transaction(stores.engine) as changing:
        await changing.execute(text(f"UPDATE campaigns SET {change}"))  # noqa: S608 - our own words
        await changing.execute(text("SELECT 1 FROM batches FOR NO KEY UPDATE"))
        doing = asyncio.ensure_future(deed)
        await until_waiting(stores.engine)
        yield doing


async def _suppress(stores: Stores) -> None:
    number = NewSuppression(phone_number=CALLEE)
    await stores.suppressions.add(ORGANIZATION, number, MONDAY_NOON, added_by=TOKEN)


async def test_call_settled_after_its_number_was_suppressed_meanwhile_is_not_redialled(
    stores: Stores,
) -> None:
    person = await stores.a_person(people=PERSON)
    await stores.hears(await stores.claimed(person), CallStatus.RINGING, CallStatus.BUSY)
    settling = stores.contacts.settle(person.contact_id, 1, RETRY, MONDAY_NOON)
    async with _waiting(stores, "batches", person.batch_id, settling) as settled:
        await _suppress(stores)
    assert await settled == Settlement(status=ContactStatus.BUSY)


async def test_contact_given_back_after_its_number_was_suppressed_meanwhile_is_skipped(
    stores: Stores,
) -> None:
    person = await stores.a_person(people=PERSON)
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    giving_back = stores.contacts.give_back(person.contact_id, 1, MONDAY_NOON)
    async with _waiting(stores, "batches", person.batch_id, giving_back) as given_back:
        await _suppress(stores)
    assert await given_back is ContactStatus.SKIPPED


async def test_retry_decided_for_an_unknown_outcome_is_given_up_when_the_person_was_reached(
    world: World,
) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.hears(record, CallStatus.RINGING, CallStatus.UNKNOWN, CallStatus.COMPLETED)
    assert await world.contacts.settle(person.contact_id, 1, RETRY, MONDAY_NOON) == DONE
    assert await world.status(person) is ContactStatus.COMPLETED


async def test_real_ending_that_comes_while_a_retry_is_settled_is_taken(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.hears(record, CallStatus.RINGING, CallStatus.UNKNOWN)
    settling = stores.contacts.settle(person.contact_id, 1, RETRY, MONDAY_NOON)
    waiting = _waiting(stores, "contacts", person.contact_id, settling)
    async with waiting as settled, transaction(stores.engine) as hearing:
        await hearing.execute(text("UPDATE calls SET call_status = 'completed'"))
    assert await settled == DONE


async def test_attempt_settled_twice_leaves_the_next_attempt_alone_that_was_claimed_meanwhile(
    stores: Stores,
) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.hears(record, CallStatus.RINGING, CallStatus.BUSY)
    busy = Settlement(status=ContactStatus.BUSY)
    async with transaction(stores.engine) as quicker:
        await settle(quicker, person.contact_id, 1, RETRY, MONDAY_NOON)
        settled = asyncio.ensure_future(stores.contacts.settle(person.contact_id, 1, busy, MONDAY_NOON))
        await until_waiting(stores.engine)
        wish = a_claim(person.contact_id, attempt=2, kind=AttemptKind.RETRY)
        await grant_by_hand(quicker, wish)
        assert isinstance(await claim(quicker, wish, MONDAY_NOON, mint), Claimed)
    assert await settled == Settlement(status=ContactStatus.DISPATCHED)


async def test_follow_up_over_a_limit_that_was_lowered_meanwhile_is_refused(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.COMPLETED, DONE)
    at = MONDAY_NOON + MINUTE
    asking = stores.contacts.schedule_follow_up(person.batch_id, person.contact_id, at, MONDAY_NOON)
    async with _changing(stores, "max_follow_ups = 0", asking) as asked:
        pass
    with pytest.raises(IllegalTransition):
        await asked


async def _busy(stores: Stores, batch_people: int) -> list[Contact]:
    people = await stores.people_of(await stores.a_kept_batch(batch_people))
    for person in people:
        await stores.ended(person, CallStatus.BUSY, RETRY)
    return list(people)


async def test_waiting_contacts_are_timed_by_the_rules_of_the_moment_their_batch_is_held(
    stores: Stores,
) -> None:
    (person,) = await _busy(stores, 1)
    longer = "retry_policy = jsonb_set(retry_policy, '{cooldown_us}', '5400000000')"
    rescheduling = stores.reschedules.reschedule(person.batch_id, 0, 10, MONDAY_NOON)
    async with _changing(stores, longer, rescheduling) as rescheduled:
        pass
    assert (await rescheduled).changed == 1
    assert (await stores.contact(person)).next_retry_at == MONDAY_NOON + 90 * MINUTE


async def test_contact_called_again_while_its_page_waits_is_timed_by_its_newest_call(stores: Stores) -> None:
    first, second = await _busy(stores, 2)
    await stores.campaigns.change(
        ORGANIZATION,
        first.campaign_id,
        lambda rules: replace(rules, retry_policy=RedialPolicy(cooldown=90 * MINUTE)),
        MONDAY_NOON,
    )
    rescheduling = stores.reschedules.reschedule(first.batch_id, 0, 10, MONDAY_NOON)
    async with _waiting(stores, "contacts", first.contact_id, rescheduling) as done:
        await _call_again(stores, second.contact_id, ended_at_minutes=31)
    assert (await done).changed == 2
    assert (await stores.contact(second)).next_retry_at == MONDAY_NOON + (31 + 90) * MINUTE


async def test_page_somebody_left_while_it_waited_is_followed_by_the_next(stores: Stores) -> None:
    first, second, _ = await _busy(stores, 3)
    rescheduling = stores.reschedules.reschedule(first.batch_id, 0, 2, MONDAY_NOON)
    async with _waiting(stores, "contacts", first.contact_id, rescheduling) as done:
        wish = a_claim(second.contact_id, attempt=2, kind=AttemptKind.RETRY)
        assert isinstance(await stores.calls.claim_attempt(wish, MONDAY_NOON), Claimed)
    assert (await done).last_position == second.position


async def _call_again(stores: Stores, contact_id: ContactId, *, ended_at_minutes: int) -> None:
    ended_at = MONDAY_NOON + ended_at_minutes * MINUTE
    wish = a_claim(contact_id, attempt=2, kind=AttemptKind.RETRY)
    claimed = await stores.calls.claim_attempt(wish, ended_at - MINUTE)
    assert isinstance(claimed, Claimed)
    ending = a_status_event(CallStatus.BUSY, happened_at=ended_at)
    await stores.calls.record_event(claimed.record.execution_id, ending, event_key="end", body=None)
    again = Settlement(status=ContactStatus.RETRYING, next_retry_at=ended_at + 30 * MINUTE)
    await stores.contacts.settle(contact_id, 2, again, ended_at)
