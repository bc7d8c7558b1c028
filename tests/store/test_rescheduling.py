"""Whoever waits is timed anew after the rules changed; real stores and fakes alike."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallStatus, DialState, Outcome
from domain.contact import Contact, ContactStatus
from domain.identity import BatchId
from domain.lifecycle import Action
from domain.ports import RescheduledPage
from domain.redial import RedialPolicy, RedialStrategy
from domain.settlement import Settlement
from tests.builders import MONDAY_NOON, ORGANIZATION, a_claim, a_new_contact, a_status_event
from tests.store.scenes import House

pytestmark = pytest.mark.store

MINUTE = timedelta(minutes=1)
SOON = MONDAY_NOON + 5 * MINUTE
WAITS = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + 30 * MINUTE)
AGREED = MONDAY_NOON + timedelta(days=1)


async def _busy(house: House, **batch: Any) -> Contact:
    """Somebody who was busy at noon and waits for half past."""
    person = await house.a_person(**batch)
    await house.ended(person, CallStatus.BUSY, WAITS)
    return await house.contact(person)


async def _change(house: House, contact: Contact, **rules: Any) -> RescheduledPage:
    await house.campaigns.change(ORGANIZATION, contact.campaign_id, lambda kept: replace(kept, **rules), SOON)
    return await house.reschedules.reschedule(contact.batch_id, 0, 10, SOON)


@pytest.mark.parametrize(
    ("rules", "retry_at"),
    [
        pytest.param({"retry_policy": RedialPolicy(cooldown=90 * MINUTE)}, 90 * MINUTE, id="longer"),
        pytest.param({"retry_policy": RedialPolicy(cooldown=7 * MINUTE)}, 7 * MINUTE, id="shorter"),
        pytest.param({"retry_policy": RedialPolicy(cooldown=MINUTE)}, MINUTE, id="past: due at once"),
        pytest.param(
            {
                "retry_policy": RedialPolicy(
                    strategy=RedialStrategy.EXPONENTIAL,
                    cooldown=50 * MINUTE,
                    max_cooldown=40 * MINUTE,
                )
            },
            40 * MINUTE,  # min(50 x 2^0, 40)
            id="capped",
        ),
        pytest.param(
            {"working_hours_enforced": True, "timezone": "Asia/Tokyo"},
            timedelta(hours=12),  # it is 21:00 in Tokyo, which opens at 09:00
            id="closed now",
        ),
        pytest.param({"blackout_dates": (date(2026, 9, 7),)}, timedelta(hours=12), id="blackout"),
        pytest.param(
            {
                "working_hours_enforced": True,
                "timezone": "from_number",
                "fallback_timezone": "Asia/Tokyo",
            },
            timedelta(hours=12),
            id="fallback of a number that tells no zone",
        ),
        pytest.param({"holidays": "US"}, timedelta(hours=12), id="public holiday"),
    ],
)
async def test_retry_is_due_as_if_the_rules_had_always_been_these(
    house: House, rules: dict[str, Any], retry_at: timedelta
) -> None:
    waiting = await _busy(house)
    page = await _change(house, waiting, **rules)
    assert page == RescheduledPage(changed=1, last_position=None)
    expected = replace(waiting, next_retry_at=MONDAY_NOON + retry_at, updated_at=SOON)
    assert await house.contact(waiting) == expected
    again = await house.reschedules.reschedule(waiting.batch_id, 0, 10, SOON + MINUTE)
    assert again.changed == 0


@pytest.mark.parametrize(
    ("policy", "retries", "ends_as"),
    [
        pytest.param(RedialPolicy(max_retries=0), 0, ContactStatus.BUSY, id="no retries, none spent"),
        pytest.param(
            RedialPolicy(max_retries=1), 1, ContactStatus.MAX_RETRIES_REACHED, id="fewer than were spent"
        ),
        pytest.param(
            RedialPolicy(retry_on=frozenset({Outcome.FAILED})), 1, ContactStatus.BUSY, id="not this outcome"
        ),
    ],
)
async def test_contact_whose_retry_is_no_longer_allowed_is_done(
    house: House, policy: RedialPolicy, retries: int, ends_as: ContactStatus
) -> None:
    waiting = await _busy(house)
    if retries:
        record = await house.claimed(waiting, 2, AttemptKind.RETRY)
        await house.hears(record, CallStatus.BUSY)
        await house.contacts.settle(waiting.contact_id, 2, WAITS, MONDAY_NOON)
    await _change(house, waiting, retry_policy=policy)
    done = await house.contact(waiting)
    assert (done.status, done.next_retry_at, done.updated_at) == (ends_as, None, SOON)


async def test_contact_without_an_opening_before_the_batch_ends_is_done(house: House) -> None:
    waiting = await _busy(house, scheduled_end=MONDAY_NOON + timedelta(hours=8))
    await _change(house, waiting, working_hours_enforced=True, timezone="Asia/Tokyo")
    assert await house.status(waiting) is ContactStatus.BUSY


async def test_attempt_given_back_before_its_dial_is_cancelled_with_the_retry(house: House) -> None:
    waiting = await _busy(house)
    record = await house.claimed(waiting, 2, AttemptKind.RETRY)
    await house.calls.record_dial(record.execution_id, DialState.READY)
    await house.contacts.give_back(waiting.contact_id, 2, MONDAY_NOON)
    await _change(house, waiting, retry_policy=RedialPolicy(max_retries=0))
    assert await house.status(waiting) is ContactStatus.BUSY
    assert (await house.call(record)).call_status is CallStatus.CANCELLED


OVERRIDES = {
    "max_retries": ({"max_retries_override": 3}, {"retry_policy": RedialPolicy(max_retries=0)}),
    "policy": ({"retry_policy": RedialPolicy()}, {"retry_policy": RedialPolicy(max_retries=0)}),
    "hours": ({"working_hours_enforced": False}, {"working_hours_enforced": True, "timezone": "Asia/Tokyo"}),
}


@pytest.mark.parametrize(("own", "rules"), OVERRIDES.values(), ids=OVERRIDES)
async def test_what_the_batch_decides_itself_is_untouched(
    house: House, own: dict[str, Any], rules: dict[str, Any]
) -> None:
    waiting = await _busy(house, overrides=BatchOverrides(**own))
    assert (await _change(house, waiting, **rules)).changed == 0
    assert await house.contact(waiting) == waiting


async def _agreed(house: House, at: datetime) -> Contact:
    person = await house.a_person()
    record = await house.claimed(person)
    event = a_status_event(CallStatus.COMPLETED, follow_up_at=AGREED)
    await house.calls.record_event(record.execution_id, event, event_key="1", body=None)
    plan = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=at)
    await house.contacts.settle(person.contact_id, 1, plan, MONDAY_NOON)
    return await house.contact(person)


async def test_follow_up_is_planned_for_the_first_opening_after_what_was_agreed(house: House) -> None:
    waiting = await _agreed(house, AGREED)
    await _change(house, waiting, working_hours_enforced=True, timezone="Asia/Tokyo")
    assert (await house.contact(waiting)).follow_up_at == AGREED + timedelta(hours=12)
    await _change(house, waiting, working_hours_enforced=False, max_follow_ups=0)
    back = await house.contact(waiting)
    assert (back.status, back.follow_up_at) == (ContactStatus.FOLLOWUP_SCHEDULED, AGREED)


async def test_follow_up_by_request_remembers_what_was_asked_for(house: House) -> None:
    person = await house.a_person()
    await house.ended(person, CallStatus.COMPLETED, Settlement(status=ContactStatus.COMPLETED))
    planned = AGREED + timedelta(hours=12)
    await house.contacts.schedule_follow_up(
        person.batch_id, person.contact_id, planned, MONDAY_NOON, agreed_at=AGREED
    )
    await house.reschedules.reschedule(person.batch_id, 0, 10, SOON)
    assert (await house.contact(person)).follow_up_at == AGREED


async def test_unknown_ending_leaves_the_phone_alone_whatever_the_new_cooldown(house: House) -> None:
    person = await house.a_person()
    await house.ended(person, CallStatus.UNKNOWN, WAITS)
    daring = RedialPolicy(cooldown=MINUTE, retry_on=frozenset({Outcome.UNKNOWN}))
    await house.campaigns.change(
        ORGANIZATION, person.campaign_id, lambda kept: replace(kept, retry_policy=daring), SOON
    )
    await house.reschedules.reschedule(person.batch_id, 0, 10, SOON, quiet_after_unknown=40 * MINUTE)
    assert (await house.contact(person)).next_retry_at == MONDAY_NOON + 40 * MINUTE


async def test_pages_follow_one_another_and_leave_everybody_else_alone(house: House) -> None:
    batch = await house.a_kept_batch([a_new_contact(number) for number in range(1, 8)])
    people = await house.people_of(batch)
    for person in people[:5]:
        await house.ended(person, CallStatus.BUSY, WAITS)
    await house.claimed(people[5])
    policy = RedialPolicy(cooldown=45 * MINUTE)
    await house.campaigns.change(
        ORGANIZATION, batch.campaign_id, lambda rules: replace(rules, retry_policy=policy), SOON
    )
    pages, position = [], 0
    while True:
        page = await house.reschedules.reschedule(batch.batch_id, position, 2, SOON)
        pages.append(page)
        if page.last_position is None:
            break
        position = page.last_position
    assert pages == [
        RescheduledPage(changed=2, last_position=2),
        RescheduledPage(changed=2, last_position=4),
        RescheduledPage(changed=1, last_position=None),
    ]
    stand = [(each.status, each.next_retry_at) for each in await house.people_of(batch)]
    assert stand == [
        *[(ContactStatus.RETRYING, MONDAY_NOON + 45 * MINUTE)] * 5,
        (ContactStatus.DISPATCHED, None),
        (ContactStatus.PENDING, None),
    ]


async def test_batch_that_is_over_or_gone_has_nobody_to_time(house: House) -> None:
    waiting = await _busy(house)
    await house.batches.act(waiting.batch_id, Action.CANCEL, SOON)
    nobody = RescheduledPage(changed=0, last_position=None)
    assert await house.reschedules.reschedule(waiting.batch_id, 0, 10, SOON) == nobody
    assert await house.reschedules.reschedule(BatchId("btc_none"), 0, 10, SOON) == nobody


async def test_done_contact_gets_no_further_attempt(house: House) -> None:
    waiting = await _busy(house)
    await _change(house, waiting, retry_policy=RedialPolicy(max_retries=0))
    claim = a_claim(waiting.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert str(await house.calls.claim_attempt(claim, SOON)) == "contact_closed"
    assert (await house.batches.finish(waiting.batch_id, SOON)).status == "completed"
