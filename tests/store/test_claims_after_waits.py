"""A claim judges by what is true once it holds its locks, and that stays true until it commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallStatus
from domain.campaign import CampaignRules
from domain.contact import Contact, ContactStatus
from domain.frequency import Capped, FrequencyCap
from domain.gates import Gate
from domain.identity import TokenId
from domain.ports import ClaimAnswer, Claimed, RulesChanged
from domain.settlement import Settlement
from domain.suppression import NewSuppression
from store.calls import claims
from store.database.engine import transaction
from tests.builders import (
    CALLEE,
    MONDAY_NOON,
    ORGANIZATION,
    a_campaign_rules,
    a_claim,
    a_new_contact,
    some_caller_ids,
)
from tests.store.lock_waits import until_waiting
from tests.store.scenes import EVERYTHING, Stores, World

pytestmark = pytest.mark.store

TOKEN = TokenId("tok_1")
NUMBER = NewSuppression(phone_number=CALLEE)
PERSON = [a_new_contact(phone_number=CALLEE)]
TWO_NUMBERS = ("+14155550180", "+14155550181")
A_DAY = timedelta(days=1)

Deed = Callable[[Stores], Awaitable[object]]


async def _suppress(stores: Stores) -> None:
    await stores.suppressions.add(ORGANIZATION, NUMBER, MONDAY_NOON, added_by=TOKEN)


async def _import(stores: Stores) -> None:
    await stores.suppressions.add_all(ORGANIZATION, [NUMBER], MONDAY_NOON, added_by=TOKEN)


def _changed(**rules: Any) -> Deed:
    async def change(stores: Stores) -> None:
        def amend(before: CampaignRules) -> CampaignRules:
            return replace(before, **rules)

        for campaign in (await stores.campaigns.list_campaigns(ORGANIZATION, [], EVERYTHING)).items:
            await stores.campaigns.change(ORGANIZATION, campaign.campaign_id, amend, MONDAY_NOON)

    return change


def _written(statement: str) -> Deed:
    async def write(stores: Stores) -> None:
        async with transaction(stores.engine) as connection:
            await connection.execute(text(statement))

    return write


@asynccontextmanager
async def _claim_waiting(
    stores: Stores, person: Contact, table: str, **wish: Any
) -> AsyncIterator[asyncio.Task[ClaimAnswer]]:
    """A claim of somebody whose rows in a table are held until the block ends."""
    async with transaction(stores.engine) as holding:
        key = "owner_id" if table == "caller_id_turns" else "campaign_id"
        held = text(f"SELECT 1 FROM {table} WHERE {key} = :this FOR NO KEY UPDATE")  # noqa: S608 - a test's own names
        await holding.execute(held, {"this": person.campaign_id})
        claim = stores.calls.claim_attempt(a_claim(person.contact_id, **wish), MONDAY_NOON)
        claiming = asyncio.ensure_future(claim)
        await until_waiting(stores.engine)
        yield claiming


@pytest.mark.parametrize("held", ["contacts", "batches"])
@pytest.mark.parametrize(
    ("meanwhile", "answer"),
    [
        pytest.param(_suppress, Gate.SUPPRESSED, id="number suppressed"),
        pytest.param(_import, Gate.SUPPRESSED, id="number imported"),
        pytest.param(_changed(agent_id="agent_other"), RulesChanged(), id="rules changed"),
        pytest.param(_written("UPDATE campaigns SET status = 'paused'"), Gate.BATCH_HELD, id="campaign held"),
        pytest.param(
            _written("UPDATE campaigns SET status = 'cancelled'"), Gate.BATCH_OVER, id="campaign over"
        ),
        pytest.param(
            _written("UPDATE campaigns SET deleted_at = now()"), Gate.BATCH_GONE, id="campaign deleted"
        ),
    ],
)
async def test_what_was_committed_while_a_claim_waited_for_its_locks_closes_the_gate(
    stores: Stores, held: str, meanwhile: Deed, answer: ClaimAnswer
) -> None:
    person = await stores.a_person(people=PERSON)
    async with _claim_waiting(stores, person, held, policy_version=1) as claiming:
        await asyncio.wait_for(meanwhile(stores), timeout=10)
    assert await claiming == answer


async def test_cap_that_was_set_while_a_claim_waited_withholds_the_number(stores: Stores) -> None:
    done = Settlement(status=ContactStatus.BUSY)
    await stores.ended(await stores.a_person(people=PERSON), CallStatus.BUSY, done)
    person = await stores.a_person(people=PERSON)
    once_a_day = (FrequencyCap(max_calls=1, window=A_DAY),)
    async with _claim_waiting(stores, person, "contacts") as claiming:
        await _changed(frequency_caps=once_a_day)(stores)
    assert await claiming == Capped(MONDAY_NOON + A_DAY)


async def test_number_that_another_claim_took_during_the_wait_is_busy(stores: Stores) -> None:
    person, other = await stores.a_person(people=PERSON), await stores.a_person(people=PERSON)
    async with _claim_waiting(stores, person, "contacts") as claiming:
        await asyncio.wait_for(stores.claimed(other), timeout=10)
    assert await claiming is Gate.NUMBER_BUSY


async def test_batch_whose_end_has_come_is_over_before_it_is_expired(world: World) -> None:
    end = MONDAY_NOON + timedelta(minutes=1)
    person = await world.a_person(people=PERSON, scheduled_end=end)
    assert await world.calls.claim_attempt(a_claim(person.contact_id), end) is Gate.BATCH_OVER
    assert isinstance(await world.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON), Claimed)


async def test_end_that_comes_while_a_claim_waits_is_seen(stores: Stores) -> None:
    wait = timedelta(milliseconds=200)
    person = await stores.a_person(people=PERSON, scheduled_end=MONDAY_NOON + wait)
    async with _claim_waiting(stores, person, "contacts") as claiming:
        await asyncio.sleep(wait.total_seconds())
    assert await claiming is Gate.BATCH_OVER


async def test_claim_that_waited_too_long_for_what_it_rests_on_is_to_look_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "REQUEST_LASTS", timedelta(milliseconds=50))
    person = await stores.a_person(people=PERSON)
    async with _claim_waiting(stores, person, "contacts") as claiming:
        await asyncio.sleep(0.1)
    assert await claiming == RulesChanged()
    assert await stores.status(person) is ContactStatus.PENDING


@pytest.mark.parametrize(
    "change", [_suppress, _import, _changed(agent_id="agent_other")], ids=["entry", "import", "rules"]
)
async def test_change_is_answered_only_after_the_claims_that_could_not_know_of_it(
    stores: Stores, change: Deed
) -> None:
    wish: dict[str, Any] = {"caller_ids": some_caller_ids(*TWO_NUMBERS), "policy_version": 1}
    campaign = await stores.a_kept_campaign(a_campaign_rules(phone_numbers=TWO_NUMBERS))
    first = await stores.a_person(people=[a_new_contact(2)], campaign=campaign)
    await stores.calls.claim_attempt(a_claim(first.contact_id, **wish), MONDAY_NOON)
    person = await stores.a_person(people=PERSON, campaign=campaign)
    async with _claim_waiting(stores, person, "caller_id_turns", **wish) as claiming:
        changing = asyncio.ensure_future(change(stores))
        await until_waiting(stores.engine, 2)
        assert not changing.done()
    assert isinstance(await claiming, Claimed)
    await asyncio.wait_for(changing, timeout=10)


async def test_changes_and_claims_of_all_kinds_at_once_wait_for_nobody_in_a_circle(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign(a_campaign_rules(phone_numbers=TWO_NUMBERS))
    people = [a_new_contact(number) for number in range(1, 25)]
    batch = await stores.a_kept_batch(people, campaign=campaign)
    contacts = await stores.people_of(batch)
    again = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    records = [await stores.ended(person, CallStatus.BUSY, again) for person in contacts[:8]]
    listed = [NewSuppression(phone_number=person.phone_number) for person in contacts[::3]]
    wish: dict[str, Any] = {"caller_ids": some_caller_ids(*TWO_NUMBERS)}
    retry = wish | {"attempt": 2, "kind": AttemptKind.RETRY}
    claims_made = [
        stores.calls.claim_attempt(a_claim(person.contact_id, **(retry if place < 8 else wish)), MONDAY_NOON)
        for place, person in enumerate(contacts)
    ]
    changes = [
        *(stores.suppressions.add_all(ORGANIZATION, listed, MONDAY_NOON, added_by=TOKEN) for _ in range(3)),
        *(stores.suppressions.opt_out(record.execution_id, MONDAY_NOON) for record in records),
        *(_changed(agent_id=f"agent_{number}")(stores) for number in range(3)),
    ]
    answers = await asyncio.wait_for(asyncio.gather(*claims_made, *changes), timeout=30)
    numbers = {each.phone_number for each in listed}
    late = [
        await stores.calls.claim_attempt(a_claim(person.contact_id, attempt=3), MONDAY_NOON)
        for person in contacts
        if person.phone_number in numbers
    ]
    assert len(answers) == len(claims_made) + len(changes)
    assert not any(isinstance(answer, Claimed) for answer in late)
