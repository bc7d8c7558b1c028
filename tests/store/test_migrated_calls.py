"""Databases from before each number had one open attempt become like any other."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.call import CallRecord, CallStatus
from domain.contact import ContactStatus
from domain.gates import Gate
from store.database.engine import single_statement
from store.migrations import downgrade, upgrade
from tests.builders import MONDAY_NOON, a_claim, a_status_event
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

BEFORE = "0002"


async def _run(stores: Stores, statement: str, **values: object) -> None:
    async with single_statement(stores.engine) as connection:
        await connection.execute(text(statement), values)


async def _on_one_number(stores: Stores, database_url: str, attempts: int) -> list[CallRecord]:
    """Open attempts at one number, each begun a minute after the one before, in the older schema."""
    records = []
    for _ in range(attempts):
        record = await stores.claimed(await stores.a_person())
        await stores.hears(record, CallStatus.UNKNOWN)
        records.append(record)
    await stores.engine.dispose()
    await asyncio.to_thread(downgrade, database_url, BEFORE)
    await _run(stores, "UPDATE calls SET call_status = 'ringing', ended_at = NULL")
    for turn, record in enumerate(records):
        await _run(
            stores,
            "UPDATE calls SET started_at = :at WHERE execution_id = :id",
            at=MONDAY_NOON + timedelta(minutes=turn),
            id=record.execution_id,
        )
    return records


async def test_of_several_open_attempts_at_a_number_the_newest_stays_open(
    stores: Stores, database_url: str
) -> None:
    records = await _on_one_number(stores, database_url, 3)
    await asyncio.to_thread(upgrade, database_url)
    *older, newest = [await stores.call(record) for record in records]
    assert [each.call_status for each in older] == [CallStatus.UNKNOWN] * 2
    assert all(each.ended_at is not None and each.error is not None for each in older)
    assert not any(each.to_number in (each.error or "") for each in older)
    assert (newest.call_status, newest.ended_at) == (CallStatus.RINGING, None)
    another = await stores.a_person()
    claimed = await stores.calls.claim_attempt(a_claim(another.contact_id), MONDAY_NOON)
    assert claimed is Gate.NUMBER_BUSY


async def test_attempt_ended_by_the_migration_is_corrected_by_what_is_still_heard(
    stores: Stores, database_url: str
) -> None:
    first, _ = await _on_one_number(stores, database_url, 2)
    await asyncio.to_thread(upgrade, database_url)
    await stores.force("contacts", status=ContactStatus.FAILED)
    await stores.hears(first, CallStatus.COMPLETED)
    stands = await stores.call(first)
    (person,) = await stores.people_of((await stores.batches.load(first.batch_id))[0])
    assert (stands.call_status, stands.error) == (CallStatus.COMPLETED, None)
    assert person.status is ContactStatus.COMPLETED


async def test_only_endings_that_stand_wait_to_be_delivered_after_the_migration(
    stores: Stores, database_url: str
) -> None:
    record = await stores.claimed(await stores.a_person())
    heard = (CallStatus.RINGING, CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.COMPLETED)
    numbers = []
    for place, status in enumerate(heard):
        recorded = await stores.calls.record_event(
            record.execution_id, a_status_event(status), event_key=str(place), body=None
        )
        numbers.append(recorded.event_number)
    await stores.calls.keep_event(record.execution_id, event_key="a", body={}, received_at=MONDAY_NOON)
    await stores.engine.dispose()
    await asyncio.to_thread(downgrade, database_url, BEFORE)
    await _run(stores, "UPDATE call_events SET delivered_at = NULL")
    await asyncio.to_thread(upgrade, database_url)
    undelivered = await stores.endings.undelivered(after=0, limit=9)
    assert [each.event_number for each in undelivered] == [numbers[1]]


async def test_way_back_keeps_calls_and_events(stores: Stores, database_url: str) -> None:
    record = await stores.claimed(await stores.a_person())
    await stores.hears(record, CallStatus.RINGING)
    await stores.engine.dispose()
    await asyncio.to_thread(downgrade, database_url, BEFORE)
    async with single_statement(stores.engine) as connection:
        kept = await connection.execute(
            text("SELECT calls.call_status, event_key FROM calls JOIN call_events USING (execution_id)")
        )
        table = await connection.scalar(text("SELECT to_regclass('provider_routes')"))
    assert ([tuple(row) for row in kept], table) == ([("ringing", "webhook:ringing")], None)
