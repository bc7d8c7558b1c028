"""No number is called more often than its campaign's caps allow; the real store and the fake agree."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import Campaign
from domain.contact import Contact, ContactStatus
from domain.disposition import AnsweredBy
from domain.frequency import Capped, CapsAt, FrequencyCap
from domain.gates import Gate
from domain.identity import OrganizationId
from domain.ports import Claimed
from domain.settlement import Settlement
from domain.slots import WINDOW_OPENS, Wake
from tests.builders import (
    CALLEE,
    MONDAY_NOON,
    a_campaign_rules,
    a_claim,
    a_new_batch,
    a_new_contact,
    a_status_event,
)
from tests.domain.calling_hours import a_week
from tests.store.scenes import World

pytestmark = pytest.mark.store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PERSON = [a_new_contact(phone_number=CALLEE)]
TWICE_A_DAY = (FrequencyCap(2, DAY),)
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)


async def _capped_campaign(world: World, caps: tuple[FrequencyCap, ...] = TWICE_A_DAY) -> Campaign:
    return await world.a_kept_campaign(a_campaign_rules(frequency_caps=caps))


async def _called(
    world: World,
    at: datetime,
    outcome: CallStatus = CallStatus.BUSY,
    state: DialState = DialState.ACCEPTED,
    campaign: Campaign | None = None,
) -> None:
    """A whole call to the number, in a batch of its own."""
    person = await world.a_person(people=PERSON, campaign=campaign)
    claimed = await world.calls.claim_attempt(a_claim(person.contact_id), at)
    assert isinstance(claimed, Claimed)
    await world.calls.record_dial(claimed.record.execution_id, state)
    await world.hears(claimed.record, outcome)


async def _asked(world: World, at: datetime, caps: tuple[FrequencyCap, ...] = TWICE_A_DAY) -> object:
    campaign = await _capped_campaign(world, caps)
    person = await world.a_person(people=PERSON, campaign=campaign)
    return await world.calls.claim_attempt(a_claim(person.contact_id), at)


async def test_caps_of_a_campaign_are_kept(world: World) -> None:
    caps = (FrequencyCap(3, DAY), FrequencyCap(7, 7 * DAY), FrequencyCap(1, timedelta(microseconds=1)))
    campaign = await _capped_campaign(world, caps)
    stands = await world.campaigns.get(campaign.organization_id, campaign.campaign_id)
    assert stands.rules.frequency_caps == caps


async def test_number_called_as_often_as_allowed_is_withheld_until_the_oldest_call_leaves_the_window(
    world: World,
) -> None:
    await _called(world, MONDAY_NOON - 3 * HOUR)
    await _called(world, MONDAY_NOON - HOUR)
    assert await _asked(world, MONDAY_NOON) == Capped(MONDAY_NOON + 21 * HOUR)
    assert isinstance(await _asked(world, MONDAY_NOON + 21 * HOUR), Claimed)


async def test_capped_claim_writes_nothing(world: World) -> None:
    await _called(world, MONDAY_NOON - HOUR)
    campaign = await _capped_campaign(world, (FrequencyCap(1, DAY),))
    person = await world.a_person(people=PERSON, campaign=campaign)
    assert await world.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON) == Capped(
        MONDAY_NOON + 23 * HOUR
    )
    assert await world.contact(person) == person
    assert await world.contacts.calls_of([person.contact_id]) == {}


async def test_call_whose_end_is_unknown_counts(world: World) -> None:
    await _called(world, MONDAY_NOON - HOUR, CallStatus.UNKNOWN, DialState.AMBIGUOUS)
    assert isinstance(await _asked(world, MONDAY_NOON, (FrequencyCap(1, DAY),)), Capped)


async def test_refused_call_does_not_count(world: World) -> None:
    await _called(world, MONDAY_NOON - HOUR, CallStatus.FAILED, DialState.REFUSED)
    assert isinstance(await _asked(world, MONDAY_NOON, (FrequencyCap(1, DAY),)), Claimed)


async def test_attempt_that_was_given_back_does_not_count_against_itself(world: World) -> None:
    campaign = await _capped_campaign(world, (FrequencyCap(1, DAY),))
    person = await world.a_person(people=PERSON, campaign=campaign)
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    assert isinstance(await world.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON), Claimed)


async def test_calls_of_another_organization_and_to_other_numbers_do_not_count(world: World) -> None:
    foreign = await world.campaigns.create(OrganizationId("org_other"), a_campaign_rules(), MONDAY_NOON)
    batch = await world.batches.create(
        a_new_batch(campaign_id=foreign.campaign_id, organization_id=foreign.organization_id),
        PERSON,
        MONDAY_NOON,
    )
    (person,) = await world.people_of(batch)
    record = await world.claimed(person)
    await world.hears(record, CallStatus.BUSY)
    await world.claimed(await world.a_person(people=[a_new_contact(2)]))
    assert isinstance(await _asked(world, MONDAY_NOON, (FrequencyCap(1, DAY),)), Claimed)


async def test_cap_goes_before_a_busy_number_which_would_be_looked_at_in_vain(world: World) -> None:
    person = await world.a_person(people=PERSON)
    await world.claimed(person)
    assert isinstance(await _asked(world, MONDAY_NOON, (FrequencyCap(1, DAY),)), Capped)
    assert await _asked(world, MONDAY_NOON, TWICE_A_DAY) is Gate.NUMBER_BUSY


async def _capped_retry(world: World) -> Contact:
    campaign = await _capped_campaign(world, (FrequencyCap(1, DAY),))
    person = await world.a_person(people=PERSON, campaign=campaign)
    await world.ended(person, CallStatus.BUSY, RETRY)
    claim = a_claim(person.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert await world.calls.claim_attempt(claim, MONDAY_NOON) == Capped(MONDAY_NOON + DAY)
    return person


async def test_capped_retry_says_when_it_will_be_called(world: World) -> None:
    person = await _capped_retry(world)
    at = MONDAY_NOON + DAY
    assert await world.contacts.give_back(person.contact_id, 2, MONDAY_NOON, due_at=at) == "retrying"
    stands = await world.contact(person)
    assert (stands.next_retry_at, stands.follow_up_at, stands.retry_count) == (at, None, 0)
    assert await world.due(person.batch_id, at - HOUR) == []


async def test_retry_whose_cap_outlasts_its_batch_keeps_the_outcome_of_its_last_call(world: World) -> None:
    person = await _capped_retry(world)

    assert await world.contacts.give_back(person.contact_id, 2, MONDAY_NOON, ends=True) == "busy"

    stands = await world.contact(person)
    assert (stands.status, stands.next_retry_at, stands.retry_count) == (ContactStatus.BUSY, None, 0)
    assert await world.contacts.give_back(person.contact_id, 2, MONDAY_NOON, ends=True) == "busy"


async def test_follow_up_whose_cap_outlasts_its_batch_stays_agreed(world: World) -> None:
    person = await world.a_person(people=PERSON)
    agreed = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON + HOUR)
    await world.ended(person, CallStatus.COMPLETED, agreed)

    assert (
        await world.contacts.give_back(person.contact_id, 2, MONDAY_NOON, ends=True) == "followup_scheduled"
    )

    assert (await world.contact(person)).follow_up_at == MONDAY_NOON + HOUR


async def test_somebody_who_was_never_called_waits_though_the_cap_outlasts_the_batch(world: World) -> None:
    person = await world.a_person(people=PERSON)

    assert await world.contacts.give_back(person.contact_id, 1, MONDAY_NOON, ends=True) == "pending"


async def test_grant_leaves_capped_numbers_out_and_says_until_when(world: World) -> None:
    await _called(world, MONDAY_NOON - HOUR)
    campaign = await _capped_campaign(world, (FrequencyCap(1, DAY), FrequencyCap(5, HOUR)))
    people = [a_new_contact(1), a_new_contact(phone_number=CALLEE), a_new_contact(3)]
    batch = await world.a_kept_batch(people, campaign=campaign)
    first, _, third = await world.people_of(batch)
    stands = await world.grant(batch.batch_id)
    assert [each.contact_id for each in stands.granted] == [first.contact_id, third.contact_id]
    assert stands.rereads == (Wake(23 * HOUR, "a number may be called again"),)
    assert (await world.grant(batch.batch_id, MONDAY_NOON + 23 * HOUR)).granted != ()


@pytest.mark.parametrize(
    ("rules", "scheduled_end", "again_in"),
    [
        pytest.param({}, None, 23 * HOUR, id="when the cap lets go"),
        pytest.param(
            {
                "working_hours_enforced": True,
                "working_hours": a_week("09:00-18:00"),
                "timezone": "Asia/Tokyo",
            },
            None,
            None,
            id="its window is closed now",
        ),
        pytest.param(
            {"working_hours_enforced": True, "working_hours": a_week("12:00-18:00"), "timezone": "UTC"},
            None,
            24 * HOUR,
            id="at the opening after the cap lets go",
        ),
        pytest.param({}, MONDAY_NOON + 23 * HOUR, None, id="never before the batch's end"),
    ],
)
async def test_capped_number_is_looked_at_again_when_it_may_be_called(
    world: World, rules: dict[str, Any], scheduled_end: datetime | None, again_in: timedelta | None
) -> None:
    await _called(world, MONDAY_NOON - HOUR)
    capped = a_campaign_rules(frequency_caps=(FrequencyCap(1, DAY),), **rules)
    campaign = await world.a_kept_campaign(capped)
    batch = await world.a_kept_batch(PERSON, campaign=campaign, scheduled_end=scheduled_end)
    stands = await world.grant(batch.batch_id)
    assert stands.granted == ()
    again = [each.after for each in stands.rereads if each.what != WINDOW_OPENS]
    assert again == [each for each in (again_in,) if each is not None]


async def test_grant_without_caps_in_force_leaves_nobody_out(world: World) -> None:
    await _called(world, MONDAY_NOON - HOUR)
    batch = await world.a_kept_batch(PERSON, campaign=await _capped_campaign(world, ()))
    stands = await world.grant(batch.batch_id)
    assert (len(stands.granted), stands.rereads) == (1, ())


@pytest.mark.parametrize(
    ("outcome", "answered_by", "held"),
    [
        pytest.param(CallStatus.COMPLETED, None, True, id="talk"),
        pytest.param(CallStatus.COMPLETED, AnsweredBy.HUMAN, True, id="a human"),
        pytest.param(CallStatus.UNKNOWN, None, True, id="nobody knows"),
        pytest.param(CallStatus.COMPLETED, AnsweredBy.MACHINE, False, id="a machine"),
        pytest.param(CallStatus.NO_ANSWER, None, False, id="no answer"),
    ],
)
async def test_cap_on_conversations_counts_calls_in_which_somebody_may_have_spoken(
    world: World, outcome: CallStatus, answered_by: AnsweredBy | None, held: bool
) -> None:
    person = await world.a_person(people=PERSON)
    claimed = await world.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON - DAY)
    assert isinstance(claimed, Claimed)
    await world.calls.record_dial(claimed.record.execution_id, DialState.ACCEPTED)
    ending = replace(a_status_event(outcome), answered_by=answered_by)
    await world.calls.record_event(claimed.record.execution_id, ending, event_key="1", body=None)
    campaign = await world.a_kept_campaign(a_campaign_rules(presets=("us-reg-f",)))
    again = await world.a_person(people=PERSON, campaign=campaign)

    answer = await world.calls.claim_attempt(a_claim(again.contact_id), MONDAY_NOON)

    capped = Capped(MONDAY_NOON + 6 * DAY, ("us-reg-f",))
    assert answer == capped if held else isinstance(answer, Claimed)
    shown = await world.contacts.capped([again.contact_id], CapsAt(campaign.rules.caps_in_force, MONDAY_NOON))
    assert shown == ({again.contact_id: ("us-reg-f",)} if held else {})


async def test_seven_attempts_in_seven_days_are_as_many_as_regulation_f_allows(world: World) -> None:
    for days in range(1, 7):
        await _called(world, MONDAY_NOON - days * DAY)
    campaign = await world.a_kept_campaign(a_campaign_rules(presets=("us-reg-f",)))
    person = await world.a_person(people=PERSON, campaign=campaign)
    seventh = await world.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON)
    assert isinstance(seventh, Claimed)
    await world.hears(seventh.record, CallStatus.BUSY)
    other = await world.a_person(people=PERSON, campaign=campaign)

    eighth = await world.calls.claim_attempt(a_claim(other.contact_id), MONDAY_NOON + HOUR)

    # the first of the seven leaves its window seven days after it
    assert eighth == Capped(MONDAY_NOON + DAY, ("us-reg-f",))
