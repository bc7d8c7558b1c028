"""What a batch did lately, as its rows tell it; the fakes say the same."""

from collections import Counter
from datetime import timedelta

import pytest

from domain.call import CallStatus, DialState
from domain.contact import Contact
from domain.ports import AnswersInHour
from tests.builders import MONDAY_NOON, a_new_contact, a_status_event
from tests.store.scenes import World

pytestmark = pytest.mark.store

HOUR = timedelta(hours=1)


async def call(world: World, contact: Contact, outcome: CallStatus) -> None:
    """Place a call at noon that ends at once."""
    record = await world.claimed(contact)
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    event = a_status_event(outcome, happened_at=MONDAY_NOON)
    await world.calls.record_event(record.execution_id, event, event_key="ended", body=None)


async def test_activity_tells_minutes_hours_and_the_newest_calls(world: World) -> None:
    zones = ("America/Denver", None, "Asia/Kathmandu", None)
    people = [a_new_contact(each, timezone=zone) for each, zone in enumerate(zones, start=1)]
    batch = await world.a_kept_batch(people)
    answered, busy, unanswered, live = await world.people_of(batch)
    await call(world, answered, CallStatus.COMPLETED)
    await call(world, busy, CallStatus.BUSY)
    await call(world, unanswered, CallStatus.NO_ANSWER)
    await world.claimed(live)

    told = await world.diagnostics.activity(
        batch.batch_id, "America/Chicago", MONDAY_NOON - HOUR, newest=3, judged=10
    )

    # Noon in UTC: UTC-6 for Denver, UTC-5 for the batch, UTC+5:45 for Kathmandu.
    assert told.calls_by_hour == {
        "06": AnswersInHour(ended=1, answered=1),
        "07": AnswersInHour(ended=1, answered=0),
        "17": AnswersInHour(ended=1, answered=0),
    }
    counts: Counter[CallStatus] = Counter()
    for minute in told.calls_by_minute.values():
        counts.update(minute)
    assert counts == {CallStatus.COMPLETED: 1, CallStatus.BUSY: 1, CallStatus.NO_ANSWER: 1}
    assert all(each.second == 0 for each in told.calls_by_minute)
    assert len(told.newest_calls) == 3
    assert told.newest_calls[0].contact_id == live.contact_id


async def test_activity_looks_no_further_back_than_it_was_asked(world: World) -> None:
    batch = await world.a_kept_batch(2)
    for contact in await world.people_of(batch):
        await call(world, contact, CallStatus.COMPLETED)

    told = await world.diagnostics.activity(batch.batch_id, "UTC", MONDAY_NOON + HOUR, newest=1, judged=1)

    assert told.calls_by_minute == {}
    assert sum(each.ended for each in told.calls_by_hour.values()) == 1
    assert len(told.newest_calls) == 1
