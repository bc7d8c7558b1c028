"""What waits to be delivered is exactly what a workflow has to be told."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from domain.call import CallRecord, CallStatus, EventSource
from domain.contact import ContactStatus
from domain.ports import Backlog, UndeliveredEvent
from domain.settlement import Settlement
from store.database.engine import transaction
from tests.builders import MONDAY_NOON, a_status_event
from tests.store.scenes import House, Stores

pytestmark = pytest.mark.store

ALWAYS = datetime.max.replace(tzinfo=MONDAY_NOON.tzinfo) - timedelta(days=1)
NEVER = MONDAY_NOON - timedelta(days=20_000)
EMPTY = Backlog(events=0, oldest_at=None)


async def _hears(
    house: House, record: CallRecord, status: CallStatus, source: EventSource = EventSource.WEBHOOK
) -> int:
    """The number of an event that comes."""
    key = f"{source}:{status}"
    recorded = await house.calls.record_event(
        record.execution_id, a_status_event(status, source=source), event_key=key, body=None
    )
    assert recorded.event_number is not None
    return recorded.event_number


async def _waiting(house: House, *, after: int = 0, limit: int = 100) -> list[UndeliveredEvent]:
    return list(await house.calls.undelivered(after=after, before=ALWAYS, limit=limit))


async def _numbers(house: House, *, after: int = 0, limit: int = 100) -> list[int]:
    return [each.event_number for each in await _waiting(house, after=after, limit=limit)]


async def test_ending_waits_until_it_is_delivered(house: House) -> None:
    record = await house.claimed(await house.a_person())
    number = await _hears(house, record, CallStatus.COMPLETED)
    (event,) = await _waiting(house)
    assert (event.event_number, event.record) == (number, await house.call(record))
    assert await house.calls.backlog() == Backlog(events=1, oldest_at=event.received_at)
    await house.calls.mark_delivered(number, MONDAY_NOON)
    assert (await _waiting(house), await house.calls.backlog()) == ([], EMPTY)


@pytest.mark.parametrize("source", [EventSource.POLL, EventSource.DIAL])
@pytest.mark.parametrize("status", [CallStatus.COMPLETED, CallStatus.UNKNOWN])
async def test_ending_that_was_not_reported_to_us_does_not_wait(
    house: House, status: CallStatus, source: EventSource
) -> None:
    await _hears(house, await house.claimed(await house.a_person()), status, source)
    assert (await _waiting(house), await house.calls.backlog()) == ([], EMPTY)


async def test_ringing_answered_and_reports_without_a_status_do_not_wait(house: House) -> None:
    record = await house.claimed(await house.a_person())
    for status in (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS):
        await _hears(house, record, status)
    await house.calls.keep_event(record.execution_id, event_key="a", body={}, received_at=MONDAY_NOON)
    assert (await _waiting(house), await house.calls.backlog()) == ([], EMPTY)


async def test_ending_after_the_one_that_stands_does_not_wait(house: House) -> None:
    record = await house.claimed(await house.a_person())
    first = await _hears(house, record, CallStatus.COMPLETED)
    await _hears(house, record, CallStatus.BUSY)
    await house.calls.record_event(
        record.execution_id, a_status_event(CallStatus.COMPLETED), event_key="again", body=None
    )
    assert await _numbers(house) == [first]


async def test_late_ending_after_unknown_waits(house: House) -> None:
    person = await house.a_person()
    record = await house.claimed(person)
    await _hears(house, record, CallStatus.UNKNOWN, EventSource.DIAL)
    await house.contacts.settle(person.contact_id, 1, Settlement(status=ContactStatus.FAILED), MONDAY_NOON)
    number = await _hears(house, record, CallStatus.BUSY)
    assert await _numbers(house) == [number]


async def test_waiting_endings_are_read_oldest_first_and_page_by_page(house: House) -> None:
    batch = await house.a_kept_batch(5)
    records = [await house.claimed(person) for person in await house.people_of(batch)]
    for record in records:
        await _hears(house, record, CallStatus.RINGING)
    numbers = [await _hears(house, record, CallStatus.BUSY) for record in reversed(records)]
    await house.calls.mark_delivered(numbers[1], MONDAY_NOON)
    waiting = [numbers[0], *numbers[2:]]
    assert await _numbers(house) == waiting == sorted(waiting)
    assert await _numbers(house, limit=2) == waiting[:2]
    assert await _numbers(house, after=waiting[1], limit=2) == waiting[2:]
    assert (await house.calls.backlog()).events == 4


async def test_ending_received_too_lately_is_left_to_whoever_took_it_in(house: House) -> None:
    record = await house.claimed(await house.a_person())
    await _hears(house, record, CallStatus.COMPLETED)
    assert await house.calls.undelivered(after=0, before=NEVER, limit=9) == []
    (event,) = await _waiting(house)
    assert await house.calls.undelivered(after=0, before=event.received_at, limit=9) == []
    soon_after = event.received_at + timedelta(microseconds=1)
    assert await house.calls.undelivered(after=0, before=soon_after, limit=9) == [event]


async def test_index_of_undelivered_events_holds_the_backlog_and_nothing_else(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    for status in (CallStatus.RINGING, CallStatus.COMPLETED, CallStatus.BUSY):
        await _hears(stores, record, status)
    await stores.calls.keep_event(record.execution_id, event_key="a", body={}, received_at=MONDAY_NOON)
    async with transaction(stores.engine) as connection:
        indexed = await connection.scalar(
            text("SELECT count(*) FROM call_events WHERE source = 'webhook' AND delivered_at IS NULL")
        )
        never_marked = await connection.scalar(
            text("SELECT count(*) FROM call_events WHERE delivered_at IS NULL")
        )
    assert (indexed, never_marked) == (1, 1)
