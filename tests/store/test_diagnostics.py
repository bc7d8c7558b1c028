"""What the rows tell of a batch that somebody asks about; the fakes say the same."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.call import AttemptKind, CallRecord, CallStatus, DialState, EventSource
from domain.contact import Contact, ContactStatus
from domain.diagnosis.facts import Withheld
from domain.frequency import CapsAt, FrequencyCap
from domain.gates import Gate
from domain.identity import OrganizationId, TokenId
from domain.ports import Claimed, EndedCalls, RecentAttempts, StatusShare, WebhookSilence
from domain.settlement import Settlement
from domain.suppression import NewSuppression
from tests.builders import (
    MONDAY_NOON,
    ORGANIZATION,
    a_campaign_rules,
    a_claim,
    a_new_batch,
    a_new_contact,
    a_status_event,
)
from tests.store.scenes import LATER, World

pytestmark = pytest.mark.store

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOW = MONDAY_NOON + 3 * HOUR
ONCE_AN_HOUR = CapsAt((FrequencyCap(1, HOUR),), NOW)
NOTHING_HEARD = WebhookSilence(
    last_received_at=None,
    dispatched_without_webhook=0,
    live_without_webhook=0,
    recent_endings=0,
    polled_endings=0,
)
ONE_CAPPED = Withheld(capped=1, capped_until=NOW + 50 * MINUTE)


async def call(world: World, contact: Contact, outcome: CallStatus, minutes: float = 0) -> None:
    """Place a call at noon that ends so many minutes later."""
    record = await world.claimed(contact)
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    event = a_status_event(outcome, happened_at=MONDAY_NOON + minutes * MINUTE)
    await world.calls.record_event(record.execution_id, event, event_key="ended", body=None)


async def test_standings_count_each_status_with_its_oldest_and_newest_change(world: World) -> None:
    batch = await world.a_kept_batch(4)
    first, second, third, _ = await world.people_of(batch)
    await world.a_kept_batch(2)
    await world.claimed(first)
    for contact in (second, third):
        now = MONDAY_NOON + contact.position * MINUTE
        await world.contacts.skip_by_hand(batch.batch_id, contact.contact_id, now)

    assert await world.diagnostics.standings(batch.batch_id) == {
        ContactStatus.PENDING: StatusShare(
            count=1, oldest_updated_at=MONDAY_NOON, newest_updated_at=MONDAY_NOON
        ),
        ContactStatus.DISPATCHED: StatusShare(
            count=1, oldest_updated_at=MONDAY_NOON, newest_updated_at=MONDAY_NOON
        ),
        ContactStatus.SKIPPED: StatusShare(
            count=2, oldest_updated_at=MONDAY_NOON + 2 * MINUTE, newest_updated_at=MONDAY_NOON + 3 * MINUTE
        ),
    }


async def test_longest_pending_are_the_longest_unchanged_and_then_the_first(world: World) -> None:
    batch = await world.a_kept_batch(4)
    first, *others = await world.people_of(batch)
    record = await world.claimed(first)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    given_back = await world.contacts.give_back(first.contact_id, 1, LATER)

    longest = await world.diagnostics.longest_pending(batch.batch_id, 4)

    assert given_back is ContactStatus.PENDING
    assert longest == [each.contact_id for each in (*others, first)]
    assert await world.diagnostics.longest_pending(batch.batch_id, 2) == longest[:2]


async def _called_lately(world: World, number: str, at: datetime) -> None:
    """A call to a number by another batch that ended busy."""
    await world.hears(await _on_the_phone(world, number, at), CallStatus.BUSY)


async def _on_the_phone(world: World, number: str, at: datetime) -> CallRecord:
    """A call to a number by another batch."""
    person = await world.a_person(people=[a_new_contact(phone_number=number)])
    claimed = await world.calls.claim_attempt(a_claim(person.contact_id), at)
    assert isinstance(claimed, Claimed)
    return claimed.record


async def _suppressed(world: World, number: str) -> None:
    entry = NewSuppression(phone_number=number)
    await world.suppressions.add(ORGANIZATION, entry, MONDAY_NOON, added_by=TokenId("tok_1"))


async def test_batch_whose_pending_contacts_are_all_withheld_is_told_why_each_once(world: World) -> None:
    people = [a_new_contact(number) for number in range(1, 6)]
    batch = await world.a_kept_batch(people)
    often, lately, lately_and_suppressed, busy, unwanted = (each.phone_number for each in people)
    for number, minutes in ((often, 50), (lately, 10), (lately_and_suppressed, 20)):
        await _called_lately(world, number, NOW - minutes * MINUTE)
    await _on_the_phone(world, busy, NOW - 2 * HOUR)
    await _suppressed(world, unwanted)
    await _suppressed(world, lately_and_suppressed)

    assert await world.diagnostics.withheld(batch.batch_id, ONCE_AN_HOUR, 10) == Withheld(
        capped=3, capped_until=NOW + 10 * MINUTE, busy=1, suppressed=1
    )


@pytest.mark.parametrize(
    ("limit", "closed_zones", "withheld"),
    [
        pytest.param(10, (), None, id="somebody is free"),
        pytest.param(1, (), ONE_CAPPED, id="but not among the first"),
        pytest.param(10, (None,), None, id="somebody of another zone is free"),
        pytest.param(10, ("Europe/Paris",), ONE_CAPPED, id="but nobody whose window is open"),
        pytest.param(10, (None, "Europe/Paris"), None, id="nobody is there"),
    ],
)
async def test_somebody_who_could_be_called_leaves_nothing_to_tell(
    world: World, limit: int, closed_zones: tuple[str | None, ...], withheld: Withheld | None
) -> None:
    people = [a_new_contact(1), a_new_contact(2, timezone="Europe/Paris")]
    batch = await world.a_kept_batch(people)
    await _called_lately(world, people[0].phone_number, NOW - 10 * MINUTE)

    told = await world.diagnostics.withheld(batch.batch_id, ONCE_AN_HOUR, limit, closed_zones=closed_zones)

    assert told == withheld


async def test_without_caps_only_other_calls_and_suppressions_withhold(world: World) -> None:
    batch = await world.a_kept_batch(1)
    [person] = await world.people_of(batch)
    no_caps = CapsAt((), NOW)
    await _called_lately(world, person.phone_number, NOW - MINUTE)
    free = await world.diagnostics.withheld(batch.batch_id, no_caps, 10)
    await _suppressed(world, person.phone_number)

    assert free is None
    assert await world.diagnostics.withheld(batch.batch_id, no_caps, 10) == Withheld(suppressed=1)


async def test_live_contacts_are_counted_over_all_batches_of_a_campaign_and_no_other(world: World) -> None:
    campaign = await world.a_kept_campaign()
    for start in (1, 10):
        numbers = [a_new_contact(start), a_new_contact(start + 1)]
        dialled, _ = await world.people_of(await world.a_kept_batch(numbers, campaign=campaign))
        await world.hears(await world.claimed(dialled), CallStatus.RINGING)
    await world.claimed(await world.a_person(people=[a_new_contact(20)]))

    assert await world.diagnostics.live_in_campaign(campaign.campaign_id) == 2


async def test_batch_nobody_called_is_silent_without_anybody_missing(world: World) -> None:
    batch = await world.a_kept_batch()

    silence = await world.diagnostics.webhook_silence(batch.batch_id, LATER, 5)

    assert silence == NOTHING_HEARD


async def test_call_that_was_asked_for_and_has_no_webhook_is_missed_once_it_is_old_enough(
    world: World,
) -> None:
    batch = await world.a_kept_batch(3)
    first, second, third = await world.people_of(batch)
    await world.claimed(first)
    throttled = await world.claimed(second)
    await world.calls.record_dial(throttled.execution_id, DialState.READY)
    heard_of = await world.claimed(third)
    queued = a_status_event(CallStatus.QUEUED)
    await world.calls.record_event(heard_of.execution_id, queued, event_key="1", body=None)

    early = await world.diagnostics.webhook_silence(batch.batch_id, MONDAY_NOON, 5)
    late = await world.diagnostics.webhook_silence(batch.batch_id, MONDAY_NOON + timedelta(seconds=1), 5)

    assert (early.dispatched_without_webhook, late.dispatched_without_webhook) == (0, 1)
    assert late.last_received_at is not None


async def test_what_the_provider_said_when_asked_is_no_webhook(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    polled = a_status_event(CallStatus.QUEUED, source=EventSource.POLL)
    await world.calls.record_event(record.execution_id, polled, event_key="poll", body=None)

    assert await world.diagnostics.webhook_silence(person.batch_id, LATER, 5) == replace(
        NOTHING_HEARD, dispatched_without_webhook=1, live_without_webhook=1
    )


async def test_call_that_only_asking_knows_to_go_on_is_missed_though_its_contact_is_on_the_phone(
    world: World,
) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await polled_to(world, record, CallStatus.IN_PROGRESS)

    early = await world.diagnostics.webhook_silence(person.batch_id, MONDAY_NOON, 5)
    late = await world.diagnostics.webhook_silence(person.batch_id, LATER, 5)

    assert (early, late) == (NOTHING_HEARD, replace(NOTHING_HEARD, live_without_webhook=1))


async def test_newest_endings_tell_how_many_of_them_had_to_be_asked_for(world: World) -> None:
    batch = await world.a_kept_batch(5)
    first, second, third, refused, unclear = [
        await world.claimed(each) for each in await world.people_of(batch)
    ]
    await polled_to(world, first, CallStatus.COMPLETED, minutes=1)
    await polled_to(world, second, CallStatus.BUSY, minutes=2)
    await world.hears(third, CallStatus.RINGING)
    await polled_to(world, third, CallStatus.NO_ANSWER, minutes=3)
    for record, status in ((refused, CallStatus.FAILED), (unclear, CallStatus.UNKNOWN)):
        concluded = a_status_event(status, source=EventSource.DIAL, happened_at=MONDAY_NOON + 4 * MINUTE)
        await world.calls.record_event(record.execution_id, concluded, event_key="dial", body=None)

    every = await world.diagnostics.webhook_silence(batch.batch_id, MONDAY_NOON, 5)
    await world.hears(second, CallStatus.BUSY)
    told_late = await world.diagnostics.webhook_silence(batch.batch_id, MONDAY_NOON, 5)
    newest = await world.diagnostics.webhook_silence(batch.batch_id, MONDAY_NOON, 1)

    assert (every.recent_endings, every.polled_endings) == (3, 3)
    assert (told_late.recent_endings, told_late.polled_endings) == (3, 2)
    assert (newest.recent_endings, newest.polled_endings) == (1, 1)


async def polled_to(world: World, record: CallRecord, status: CallStatus, minutes: float = 0) -> None:
    """The provider was asked, and said this."""
    happened_at = MONDAY_NOON + minutes * MINUTE
    polled = a_status_event(status, source=EventSource.POLL, happened_at=happened_at)
    await world.calls.record_event(record.execution_id, polled, event_key=f"poll:{status}", body=None)


async def test_earlier_attempt_that_was_heard_of_does_not_hide_a_silent_one(world: World) -> None:
    person = await world.a_person()
    retry = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    await world.ended(person, CallStatus.BUSY, retry)
    await world.claimed(person, attempt=2, kind=AttemptKind.RETRY)

    silence = await world.diagnostics.webhook_silence(person.batch_id, LATER, 5)

    assert silence.dispatched_without_webhook == 1
    assert silence.last_received_at is not None


async def test_recent_attempts_are_those_that_ended_last(world: World) -> None:
    batch = await world.a_kept_batch(5)
    people = await world.people_of(batch)
    endings = (CallStatus.FAILED, CallStatus.COMPLETED, CallStatus.UNKNOWN, CallStatus.FAILED)
    for minutes, (contact, outcome) in enumerate(zip(people, endings, strict=False)):
        await call(world, contact, outcome, minutes)
    await world.claimed(people[4])

    newest = await world.diagnostics.recent_attempts(batch.batch_id, 3)
    every = await world.diagnostics.recent_attempts(batch.batch_id, 20)

    assert newest == RecentAttempts(ended=3, failed=2)
    assert every == RecentAttempts(ended=4, failed=3)


async def test_attempt_given_up_before_a_call_is_no_recent_one_and_no_ended_call(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    await world.contacts.give_back(person.contact_id, 1, MONDAY_NOON)
    await world.contacts.skip_by_hand(person.batch_id, person.contact_id, MONDAY_NOON)

    assert (await world.call(record)).call_status is CallStatus.CANCELLED
    assert await world.diagnostics.recent_attempts(person.batch_id, 20) == RecentAttempts(ended=0, failed=0)
    assert await world.diagnostics.ended_calls(person.batch_id, "UTC") == EndedCalls()


async def test_unanswered_calls_are_counted_by_the_callees_own_hour_and_prefix(world: World) -> None:
    numbers = {
        "+14155550101": None,
        "+14155550102": "America/Denver",
        "+14165550103": "Asia/Kathmandu",
        "+493012345678": "Europe/Berlin",
        "+390612345678": "Europe/Rome",
        "+354412345678": "No/Such",
        "+14155550107": None,
    }
    people = [a_new_contact(phone_number=number, timezone=zone) for number, zone in numbers.items()]
    batch = await world.a_kept_batch(people)
    *unanswered, answered = await world.people_of(batch)
    for contact in unanswered:
        await call(world, contact, CallStatus.NO_ANSWER)
    await call(world, answered, CallStatus.COMPLETED)

    # Noon in UTC on a Monday in September: UTC-5 for the batch, UTC-6, UTC+5:45, and UTC+2 twice.
    assert await world.diagnostics.ended_calls(batch.batch_id, "America/Chicago") == EndedCalls(
        ended=7,
        completed=1,
        no_answer=6,
        no_answer_by_hour={"06": 1, "07": 1, "12": 1, "14": 2, "17": 1},
        no_answer_by_prefix={"+1415": 2, "+1416": 1, "+354412": 1, "+39061": 1, "+49301": 1},
    )


async def test_unanswered_call_is_counted_by_the_first_zone_of_its_number(world: World) -> None:
    people = [
        a_new_contact(1, number_timezones=("Asia/Kathmandu", "Asia/Tokyo")),
        a_new_contact(2, timezone="from_number", number_timezones=("America/Denver",)),
        a_new_contact(3, timezone="from_number"),
    ]
    batch = await world.a_kept_batch(people)
    for contact in await world.people_of(batch):
        await call(world, contact, CallStatus.NO_ANSWER)

    told = (await world.diagnostics.ended_calls(batch.batch_id, "Europe/Berlin")).no_answer_by_hour

    assert told == {"06": 1, "14": 1, "17": 1}


async def test_only_the_ten_largest_prefixes_are_told(world: World) -> None:
    people = [a_new_contact(phone_number=f"+1{200 + each}5550100") for each in range(12)]
    people.append(a_new_contact(phone_number="+12115550101"))
    batch = await world.a_kept_batch(people)
    for contact in await world.people_of(batch):
        await call(world, contact, CallStatus.NO_ANSWER)

    told = (await world.diagnostics.ended_calls(batch.batch_id, "UTC")).no_answer_by_prefix

    assert list(told.items()) == [("+1211", 2), *((f"+1{200 + each}", 1) for each in range(9))]


async def _foreign_call(world: World, number: str) -> CallRecord:
    """A call of another organization."""
    others = OrganizationId("org_other")
    campaign = await world.campaigns.create(others, a_campaign_rules(), MONDAY_NOON)
    new = a_new_batch(campaign_id=campaign.campaign_id, organization_id=others)
    batch = await world.batches.create(new, [a_new_contact(phone_number=number)], MONDAY_NOON)
    return await world.claimed((await world.people_of(batch))[0])


async def test_number_on_the_phone_with_another_organization_waits_and_nothing_tells_why(
    world: World,
) -> None:
    batch = await world.a_kept_batch(2)
    own, foreign = await world.people_of(batch)
    no_caps = CapsAt((), NOW)
    untouched = await world.diagnostics.standings(batch.batch_id)
    await _foreign_call(world, foreign.phone_number)
    await _on_the_phone(world, own.phone_number, NOW)

    assert await world.calls.claim_attempt(a_claim(foreign.contact_id), NOW) is Gate.NUMBER_BUSY
    await world.contacts.give_back(foreign.contact_id, 1, NOW)
    assert await world.diagnostics.withheld(batch.batch_id, no_caps, 10) is None
    assert await world.diagnostics.withheld(batch.batch_id, no_caps, 1) == Withheld(busy=1)
    assert await world.diagnostics.standings(batch.batch_id) == untouched
    assert await world.contact(foreign) == foreign
