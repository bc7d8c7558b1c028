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
from tests.store.scenes import World

pytestmark = pytest.mark.store

MINUTE = timedelta(minutes=1)
SOON = MONDAY_NOON + 5 * MINUTE
WAITS = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + 30 * MINUTE)
AGREED = MONDAY_NOON + timedelta(days=1)


async def _busy(world: World, **batch: Any) -> Contact:
    """Somebody who was busy at noon and waits for half past."""
    person = await world.a_person(**batch)
    await world.ended(person, CallStatus.BUSY, WAITS)
    return await world.contact(person)


async def _change(world: World, contact: Contact, **rules: Any) -> RescheduledPage:
    await world.campaigns.change(ORGANIZATION, contact.campaign_id, lambda kept: replace(kept, **rules), SOON)
    return await world.reschedules.reschedule(contact.batch_id, 0, 10, SOON)


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
    world: World, rules: dict[str, Any], retry_at: timedelta
) -> None:
    waiting = await _busy(world)
    page = await _change(world, waiting, **rules)
    assert page == RescheduledPage(changed=1, last_position=None)
    expected = replace(waiting, next_retry_at=MONDAY_NOON + retry_at, updated_at=SOON)
    assert await world.contact(waiting) == expected
    again = await world.reschedules.reschedule(waiting.batch_id, 0, 10, SOON + MINUTE)
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
    world: World, policy: RedialPolicy, retries: int, ends_as: ContactStatus
) -> None:
    waiting = await _busy(world)
    if retries:
        record = await world.claimed(waiting, 2, AttemptKind.RETRY)
        await world.hears(record, CallStatus.BUSY)
        await world.contacts.settle(waiting.contact_id, 2, WAITS, MONDAY_NOON)
    await _change(world, waiting, retry_policy=policy)
    done = await world.contact(waiting)
    assert (done.status, done.next_retry_at, done.updated_at) == (ends_as, None, SOON)


async def test_contact_without_an_opening_before_the_batch_ends_is_done(world: World) -> None:
    waiting = await _busy(world, scheduled_end=MONDAY_NOON + timedelta(hours=8))
    await _change(world, waiting, working_hours_enforced=True, timezone="Asia/Tokyo")
    assert await world.status(waiting) is ContactStatus.BUSY


async def test_attempt_given_back_before_its_dial_is_cancelled_with_the_retry(world: World) -> None:
    waiting = await _busy(world)
    record = await world.claimed(waiting, 2, AttemptKind.RETRY)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    await world.contacts.give_back(waiting.contact_id, 2, MONDAY_NOON)
    await _change(world, waiting, retry_policy=RedialPolicy(max_retries=0))
    assert await world.status(waiting) is ContactStatus.BUSY
    assert (await world.call(record)).call_status is CallStatus.CANCELLED


OVERRIDES = {
    "max_retries": ({"max_retries_override": 3}, {"retry_policy": RedialPolicy(max_retries=0)}),
    "policy": ({"retry_policy": RedialPolicy()}, {"retry_policy": RedialPolicy(max_retries=0)}),
    "hours": ({"working_hours_enforced": False}, {"working_hours_enforced": True, "timezone": "Asia/Tokyo"}),
}


@pytest.mark.parametrize(("own", "rules"), OVERRIDES.values(), ids=OVERRIDES)
async def test_what_the_batch_decides_itself_is_untouched(
    world: World, own: dict[str, Any], rules: dict[str, Any]
) -> None:
    waiting = await _busy(world, overrides=BatchOverrides(**own))
    assert (await _change(world, waiting, **rules)).changed == 0
    assert await world.contact(waiting) == waiting


async def _agreed(world: World, at: datetime) -> Contact:
    person = await world.a_person()
    record = await world.claimed(person)
    event = a_status_event(CallStatus.COMPLETED, follow_up_at=AGREED)
    await world.calls.record_event(record.execution_id, event, event_key="1", body=None)
    plan = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=at)
    await world.contacts.settle(person.contact_id, 1, plan, MONDAY_NOON)
    return await world.contact(person)


async def test_follow_up_is_planned_for_the_first_opening_after_what_was_agreed(world: World) -> None:
    waiting = await _agreed(world, AGREED)
    await _change(world, waiting, working_hours_enforced=True, timezone="Asia/Tokyo")
    assert (await world.contact(waiting)).follow_up_at == AGREED + timedelta(hours=12)
    await _change(world, waiting, working_hours_enforced=False, max_follow_ups=0)
    back = await world.contact(waiting)
    assert (back.status, back.follow_up_at) == (ContactStatus.FOLLOWUP_SCHEDULED, AGREED)


async def test_follow_up_by_request_remembers_what_was_asked_for(world: World) -> None:
    person = await world.a_person()
    await world.ended(person, CallStatus.COMPLETED, Settlement(status=ContactStatus.COMPLETED))
    planned = AGREED + timedelta(hours=12)
    await world.contacts.schedule_follow_up(
        person.batch_id, person.contact_id, planned, MONDAY_NOON, agreed_at=AGREED
    )
    await world.reschedules.reschedule(person.batch_id, 0, 10, SOON)
    assert (await world.contact(person)).follow_up_at == AGREED


async def test_unknown_ending_leaves_the_phone_alone_whatever_the_new_cooldown(world: World) -> None:
    person = await world.a_person()
    await world.ended(person, CallStatus.UNKNOWN, WAITS)
    daring = RedialPolicy(cooldown=MINUTE, retry_on=frozenset({Outcome.UNKNOWN}))
    await world.campaigns.change(
        ORGANIZATION, person.campaign_id, lambda kept: replace(kept, retry_policy=daring), SOON
    )
    await world.reschedules.reschedule(person.batch_id, 0, 10, SOON, quiet_after_unknown=40 * MINUTE)
    assert (await world.contact(person)).next_retry_at == MONDAY_NOON + 40 * MINUTE


async def test_pages_follow_one_another_and_leave_everybody_else_alone(world: World) -> None:
    batch = await world.a_kept_batch([a_new_contact(number) for number in range(1, 8)])
    people = await world.people_of(batch)
    for person in people[:5]:
        await world.ended(person, CallStatus.BUSY, WAITS)
    await world.claimed(people[5])
    policy = RedialPolicy(cooldown=45 * MINUTE)
    await world.campaigns.change(
        ORGANIZATION, batch.campaign_id, lambda rules: replace(rules, retry_policy=policy), SOON
    )
    pages, position = [], 0
    while True:
        page = await world.reschedules.reschedule(batch.batch_id, position, 2, SOON)
        pages.append(page)
        if page.last_position is None:
            break
        position = page.last_position
    assert pages == [
        RescheduledPage(changed=2, last_position=2),
        RescheduledPage(changed=2, last_position=4),
        RescheduledPage(changed=1, last_position=None),
    ]
    stand = [(each.status, each.next_retry_at) for each in await world.people_of(batch)]
    assert stand == [
        *[(ContactStatus.RETRYING, MONDAY_NOON + 45 * MINUTE)] * 5,
        (ContactStatus.DISPATCHED, None),
        (ContactStatus.PENDING, None),
    ]


async def test_batch_that_is_over_or_gone_has_nobody_to_time(world: World) -> None:
    waiting = await _busy(world)
    await world.batches.act(waiting.batch_id, Action.CANCEL, SOON)
    nobody = RescheduledPage(changed=0, last_position=None)
    assert await world.reschedules.reschedule(waiting.batch_id, 0, 10, SOON) == nobody
    assert await world.reschedules.reschedule(BatchId("btc_none"), 0, 10, SOON) == nobody


async def test_done_contact_gets_no_further_attempt(world: World) -> None:
    waiting = await _busy(world)
    await _change(world, waiting, retry_policy=RedialPolicy(max_retries=0))
    claim = a_claim(waiting.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert str(await world.calls.claim_attempt(claim, SOON)) == "contact_closed"
    assert (await world.batches.finish(waiting.batch_id, SOON)).status == "completed"
