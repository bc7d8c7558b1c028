"""What forecasts are made from: facts about numbers, earlier calls, shared slots; the fake says the same."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import CONCURRENCY_KEY
from domain.forecast.past_calls import PastCalls
from domain.frequency import CapsAt, CountedCall, FrequencyCap
from domain.identity import OrganizationId, TokenId
from domain.ports import Claimed, NumberFacts
from domain.slots import SlotDemand
from domain.suppression import NewSuppression
from store.database.engine import transaction
from store.forecasts import repository
from store.forecasts.repository import PostgresForecastStore
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_claim, a_new_contact, a_status_event
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONTH_AGO = MONDAY_NOON - 30 * DAY
NO_CAPS = CapsAt((), MONDAY_NOON)
TWICE_A_DAY = CapsAt((FrequencyCap(2, DAY), FrequencyCap(1, HOUR)), MONDAY_NOON)
ELSEWHERE = OrganizationId("org_other")


def number(person: int) -> str:
    return a_new_contact(person).phone_number


async def called(world: World, person: int, at: datetime, *, ended: CallStatus | None = None) -> None:
    """A call to somebody, in a batch of its own; it rings on unless it ended."""
    contact = await world.a_person(people=[a_new_contact(person)])
    claimed = await world.calls.claim_attempt(a_claim(contact.contact_id), at)
    assert isinstance(claimed, Claimed)
    await world.calls.record_dial(claimed.record.execution_id, DialState.ACCEPTED)
    if ended is not None:
        event = a_status_event(ended, happened_at=at + MINUTE)
        await world.calls.record_event(
            claimed.record.execution_id,
            event,
            event_key="ended",
            body=None,
        )


async def test_numbers_that_are_suppressed_or_on_a_call_of_the_organization_are_told(world: World) -> None:
    await called(world, 1, MONDAY_NOON)
    await called(world, 2, MONDAY_NOON - HOUR, ended=CallStatus.BUSY)
    listed = [NewSuppression(phone_number=number(3))]
    listed += [NewSuppression(phone_number=number(4), expires_at=MONDAY_NOON)]
    await world.suppressions.add_all(ORGANIZATION, listed, MONDAY_NOON - DAY, added_by=TokenId("tok_1"))
    asked = [number(each) for each in range(1, 6)]

    facts = await world.forecasts.facts_of_numbers(ORGANIZATION, asked, NO_CAPS, MONDAY_NOON)

    assert facts == NumberFacts(suppressed={number(3)}, on_own_call={number(1)})
    assert await world.forecasts.facts_of_numbers(ELSEWHERE, asked, NO_CAPS, MONDAY_NOON) == NumberFacts(
        suppressed=set(), on_own_call=set()
    )


async def test_attempts_that_caps_may_count_are_told_newest_first(world: World) -> None:
    for hours in (30, 20, 10, 5):
        await called(world, 1, MONDAY_NOON - hours * HOUR, ended=CallStatus.BUSY)
    await called(world, 2, MONDAY_NOON - 2 * HOUR, ended=CallStatus.COMPLETED)

    facts = await world.forecasts.facts_of_numbers(
        ORGANIZATION, [number(1), number(2), number(3)], TWICE_A_DAY, MONDAY_NOON
    )

    first, second = facts.calls[number(1)][:2]
    assert (first.began_at, second.began_at) == (MONDAY_NOON - 5 * HOUR, MONDAY_NOON - 10 * HOUR)
    assert facts.calls[number(2)] == (CountedCall(MONDAY_NOON - 2 * HOUR, is_conversation=True),)
    assert number(3) not in facts.calls


async def test_no_more_attempts_are_read_than_the_caps_may_count(stores: Stores) -> None:
    for hours in (30, 20, 10, 5):
        await called(stores, 1, MONDAY_NOON - hours * HOUR, ended=CallStatus.BUSY)

    facts = await stores.forecasts.facts_of_numbers(ORGANIZATION, [number(1)], TWICE_A_DAY, MONDAY_NOON)

    newest = (CountedCall(MONDAY_NOON - 5 * HOUR), CountedCall(MONDAY_NOON - 10 * HOUR))
    assert facts.calls == {number(1): newest}


async def test_numbers_of_many_pages_are_all_looked_at(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "NUMBERS_AT_ONCE", 2)
    listed = [NewSuppression(phone_number=number(each)) for each in range(1, 6)]
    await stores.suppressions.add_all(ORGANIZATION, listed, MONDAY_NOON, added_by=TokenId("tok_1"))

    facts = await stores.forecasts.facts_of_numbers(
        ORGANIZATION, [number(each) for each in range(1, 8)], NO_CAPS, MONDAY_NOON
    )

    assert facts.suppressed == {number(each) for each in range(1, 6)}


async def talked(world: World, person: int, seconds: float, **told: object) -> None:
    """A call that rings for ten seconds and is talked in for some more."""
    contact = await world.a_person(people=[a_new_contact(person)])
    record = await world.claimed(contact)
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    answered_at = MONDAY_NOON + timedelta(seconds=10)
    for status, at, more in (
        (CallStatus.IN_PROGRESS, answered_at, {}),
        (CallStatus.COMPLETED, answered_at + timedelta(seconds=seconds), told),
    ):
        event = replace(a_status_event(status, happened_at=at), **more)  # type: ignore[arg-type]
        await world.calls.record_event(record.execution_id, event, event_key=status, body=None)


async def past(world: World, *dispositions: str) -> PastCalls:
    found = await world.forecasts.past_calls(ORGANIZATION, MONTH_AGO, dispositions)
    assert found is not None
    return found


async def test_past_calls_are_counted_by_their_endings_with_their_mean_times(world: World) -> None:
    for person, seconds in enumerate((30, 60, 90, 300), start=1):
        await talked(world, person, seconds, total_cost=0.5)
    await called(world, 5, MONDAY_NOON, ended=CallStatus.NO_ANSWER)
    await called(world, 6, MONDAY_NOON)

    found = await past(world)

    assert (found.total, found.share_of(CallStatus.COMPLETED)) == (5, 0.8)
    assert found.mean_talk == pytest.approx(timedelta(seconds=120), abs=timedelta(milliseconds=1))
    # Four rang for 10 seconds and talked for 120, one rang for a minute.
    assert found.mean_length == pytest.approx(timedelta(seconds=116), abs=timedelta(milliseconds=1))
    assert {each.cost for each in found.alike} == {0.5, None}
    assert {each.kind for each in found.alike} == {AttemptKind.INITIAL}


async def test_past_calls_tell_follow_ups_and_only_the_dispositions_that_matter(world: World) -> None:
    at = MONDAY_NOON + 2 * HOUR
    await talked(world, 1, 50, disposition="later", follow_up_at=at)
    await talked(world, 2, 50, disposition="sold")

    found = await past(world, "later")

    assert {(each.disposition, each.follow_up_after) for each in found.alike} == {
        ("later", 2 * HOUR - MINUTE),
        (None, None),
    }


async def test_calls_of_others_and_of_long_ago_are_not_counted(world: World) -> None:
    await called(world, 1, MONDAY_NOON - 31 * DAY, ended=CallStatus.BUSY)
    await called(world, 2, MONDAY_NOON - 29 * DAY, ended=CallStatus.NO_ANSWER)

    assert (await past(world)).total == 1
    assert await world.forecasts.past_calls(ELSEWHERE, MONTH_AGO, ()) is None


async def test_count_that_takes_too_long_is_done_without(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await called(stores, 1, MONDAY_NOON, ended=CallStatus.BUSY)
    monkeypatch.setattr(repository, "_IN_TIME", text("SET LOCAL statement_timeout = '20ms'"))
    store: PostgresForecastStore = PostgresForecastStore(stores.engine)
    async with transaction(stores.engine) as connection:
        await connection.execute(text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))

        assert await store.past_calls(ORGANIZATION, MONTH_AGO, ()) is None


async def test_demands_are_what_batches_hold_and_could_use(world: World) -> None:
    campaign = await world.a_kept_campaign(a_campaign_rules(metadata={CONCURRENCY_KEY: 3}))
    large = await world.a_kept_batch(9, campaign=campaign, concurrency_limit=5)
    await world.a_kept_batch(1, campaign=campaign)
    await world.grant(large.batch_id, at_most=2)

    found = await world.forecasts.demands(campaign.campaign_id, MONDAY_NOON)

    assert found == {large.batch_id: SlotDemand(held=2, wants=3)}
