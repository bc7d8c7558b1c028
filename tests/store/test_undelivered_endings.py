"""What waits to be delivered is exactly what a workflow has to be told."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.call import CallRecord, CallStatus, EventSource
from domain.contact import ContactStatus
from domain.errors import StoreUnavailable
from domain.ports import Backlog, UndeliveredEvent
from domain.settlement import Settlement
from store.database.engine import transaction
from tests.builders import MONDAY_NOON, a_status_event
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

EMPTY = Backlog(events=0, oldest_at=None)


async def _hears(
    world: World, record: CallRecord, status: CallStatus, source: EventSource = EventSource.WEBHOOK
) -> int:
    """The number of an event that comes."""
    key = f"{source}:{status}"
    recorded = await world.calls.record_event(
        record.execution_id, a_status_event(status, source=source), event_key=key, body=None
    )
    assert recorded.event_number is not None
    return recorded.event_number


async def _waiting(world: World, *, after: int = 0, limit: int = 100) -> list[UndeliveredEvent]:
    return list(await world.endings.undelivered(after=after, limit=limit))


async def _numbers(world: World, *, after: int = 0, limit: int = 100) -> list[int]:
    return [each.event_number for each in await _waiting(world, after=after, limit=limit)]


async def test_ending_waits_until_it_is_delivered(world: World) -> None:
    record = await world.claimed(await world.a_person())
    number = await _hears(world, record, CallStatus.COMPLETED)
    (event,) = await _waiting(world)
    assert (event.event_number, event.record) == (number, await world.call(record))
    assert await world.endings.backlog() == Backlog(events=1, oldest_at=event.received_at)
    await world.endings.mark_delivered([number], MONDAY_NOON)
    assert (await _waiting(world), await world.endings.backlog()) == ([], EMPTY)


@pytest.mark.parametrize("source", [EventSource.POLL, EventSource.DIAL])
@pytest.mark.parametrize("status", [CallStatus.COMPLETED, CallStatus.UNKNOWN])
async def test_ending_that_was_not_reported_to_us_does_not_wait(
    world: World, status: CallStatus, source: EventSource
) -> None:
    await _hears(world, await world.claimed(await world.a_person()), status, source)
    assert (await _waiting(world), await world.endings.backlog()) == ([], EMPTY)


async def test_ringing_answered_and_reports_without_a_status_do_not_wait(world: World) -> None:
    record = await world.claimed(await world.a_person())
    for status in (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS):
        await _hears(world, record, status)
    await world.calls.keep_event(record.execution_id, event_key="a", body={}, received_at=MONDAY_NOON)
    assert (await _waiting(world), await world.endings.backlog()) == ([], EMPTY)


async def test_ending_after_the_one_that_stands_does_not_wait(world: World) -> None:
    record = await world.claimed(await world.a_person())
    first = await _hears(world, record, CallStatus.COMPLETED)
    await _hears(world, record, CallStatus.BUSY)
    await world.calls.record_event(
        record.execution_id, a_status_event(CallStatus.COMPLETED), event_key="again", body=None
    )
    assert await _numbers(world) == [first]


async def test_late_ending_after_unknown_waits(world: World) -> None:
    person = await world.a_person()
    record = await world.claimed(person)
    await _hears(world, record, CallStatus.UNKNOWN, EventSource.DIAL)
    await world.contacts.settle(person.contact_id, 1, Settlement(status=ContactStatus.FAILED), MONDAY_NOON)
    number = await _hears(world, record, CallStatus.BUSY)
    assert await _numbers(world) == [number]


async def test_waiting_endings_are_read_oldest_first_and_page_by_page(world: World) -> None:
    batch = await world.a_kept_batch(5)
    records = [await world.claimed(person) for person in await world.people_of(batch)]
    for record in records:
        await _hears(world, record, CallStatus.RINGING)
    numbers = [await _hears(world, record, CallStatus.BUSY) for record in reversed(records)]
    await world.endings.mark_delivered([numbers[1]], MONDAY_NOON)
    waiting = [numbers[0], *numbers[2:]]
    assert await _numbers(world) == waiting == sorted(waiting)
    assert await _numbers(world, limit=2) == waiting[:2]
    assert await _numbers(world, after=waiting[1], limit=2) == waiting[2:]
    assert (await world.endings.backlog()).events == 4


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


A_WHILE = timedelta(seconds=5)


async def test_listener_hears_of_an_ending_as_soon_as_it_is_stored(stores: Stores) -> None:
    first, second = [
        await stores.claimed(each) for each in await stores.people_of(await stores.a_kept_batch(2))
    ]
    async with stores.endings.listening() as wait:
        for record in (first, second):
            waiting = asyncio.ensure_future(wait(A_WHILE))
            await asyncio.sleep(0.05)
            await _hears(stores, record, CallStatus.RINGING)
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await _hears(stores, record, CallStatus.BUSY)
            async with asyncio.timeout(1):
                await waiting


async def test_ending_stored_while_nobody_waited_is_heard_at_once(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    async with stores.endings.listening() as wait:
        await _hears(stores, record, CallStatus.BUSY)
        async with asyncio.timeout(1):
            await wait(A_WHILE)


async def test_listener_that_hears_nothing_returns_after_a_while_and_hears_on(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    async with stores.endings.listening() as wait:
        for _ in range(2):
            await wait(timedelta(milliseconds=20))
        await _hears(stores, record, CallStatus.BUSY)
        async with asyncio.timeout(1):
            await wait(A_WHILE)


async def test_listener_whose_connection_is_cut_says_so(stores: Stores) -> None:
    async with stores.endings.listening() as wait:
        async with transaction(stores.engine) as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE query = 'LISTEN apollo_endings' AND datname = current_database()"
                )
            )
        with pytest.raises(StoreUnavailable):
            await wait(A_WHILE)


async def test_connection_that_listened_goes_to_nobody_else(stores: Stores) -> None:
    async with stores.endings.listening():
        pass
    async with transaction(stores.engine) as connection:
        assert (await connection.execute(text("SELECT pg_listening_channels()"))).all() == []
