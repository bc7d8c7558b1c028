"""Webhooks come doubled, shuffled and late; the call record and its contact move forward once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallStatus, DialState, EventEffect, apply_event
from domain.contact import ContactStatus
from domain.errors import ExecutionNotFound
from domain.given_time import parse_given_time
from domain.identity import ExecutionId
from domain.ports import RecordedEvent
from domain.settlement import Settlement
from store.database.engine import transaction
from store.database.text import LONGEST_TEXT
from store.migrations import downgrade
from store.schema.tables import call_events
from tests.builders import MONDAY_NOON, a_campaign_rules, a_status_event
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(seconds=20)


async def test_event_moves_the_call_record_and_is_numbered(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(CallStatus.IN_PROGRESS, happened_at=SOON, provider_call_id="5b0c-77")
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="a", body={"x": [1]})
    after, _ = apply_event(record, event)
    assert recorded == RecordedEvent(
        effect=EventEffect.ACCEPTED, record=after, event_number=recorded.event_number
    )
    assert recorded.event_number is not None
    assert await stores.call(record) == after


async def test_event_is_stored_as_it_came(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(CallStatus.BUSY, happened_at=SOON)
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="a", body={"x": [1]})
    assert recorded.event_number is not None
    await stores.endings.mark_delivered([recorded.event_number], SOON)
    await stores.endings.mark_delivered([recorded.event_number], SOON + timedelta(days=1))
    async with transaction(stores.engine) as connection:
        row = (await connection.execute(select(call_events))).mappings().one()
    assert {name: value for name, value in row.items() if name != "received_at"} == {
        "event_number": recorded.event_number,
        "execution_id": record.execution_id,
        "event_key": "a",
        "source": "webhook",
        "call_status": "busy",
        "happened_at": SOON,
        "body": {"x": [1]},
        "delivered_at": SOON,
        "unread_fields": None,
    }


async def test_doubled_event_is_applied_once(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(CallStatus.COMPLETED, duration_seconds=28)
    first = await stores.calls.record_event(record.execution_id, event, event_key="a", body=None)
    doubled = await stores.calls.record_event(
        record.execution_id, replace(event, summary="another"), event_key="a", body=None
    )
    assert doubled == RecordedEvent(
        effect=EventEffect.DUPLICATE, record=first.record, event_number=None, is_late=True
    )
    assert await stores.call(record) == first.record


async def test_event_doubled_at_the_same_moment_is_applied_once(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(CallStatus.RINGING)
    recorded = await asyncio.gather(
        *(stores.calls.record_event(record.execution_id, event, event_key="a", body=None) for _ in range(6))
    )
    effects = sorted(each.effect for each in recorded)
    assert effects == [EventEffect.ACCEPTED] + [EventEffect.DUPLICATE] * 5


async def test_one_key_may_be_used_by_two_calls(stores: Stores) -> None:
    batch = await stores.a_kept_batch(2)
    records = [await stores.claimed(person) for person in await stores.people_of(batch)]
    recorded = [
        await stores.calls.record_event(each.execution_id, a_status_event(), event_key="a", body=None)
        for each in records
    ]
    assert [each.effect for each in recorded] == [EventEffect.ACCEPTED, EventEffect.ACCEPTED]


async def test_shuffled_events_leave_the_same_record_as_ordered_ones(stores: Stores) -> None:
    batch = await stores.a_kept_batch(2)
    ordered, shuffled = [await stores.claimed(person) for person in await stores.people_of(batch)]
    ringing, answered, ended = CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED
    await stores.hears(ordered, ringing, answered, ended)
    await stores.hears(shuffled, ended, ringing, answered)
    left, right = await stores.call(ordered), await stores.call(shuffled)
    assert (left.call_status, left.ended_at) == (right.call_status, right.ended_at)
    assert right.call_status is ended


async def test_first_ending_wins_also_between_events_at_the_same_moment(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    endings = (CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.FAILED)
    recorded = await asyncio.gather(
        *(
            stores.calls.record_event(
                record.execution_id, a_status_event(status), event_key=status, body=None
            )
            for status in endings
        )
    )
    accepted = [each.record for each in recorded if each.effect is EventEffect.ACCEPTED]
    assert accepted == [await stores.call(record)]


async def test_ringing_call_moves_its_dispatched_contact_to_in_progress(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.hears(await stores.claimed(person), CallStatus.RINGING)
    assert await stores.status(person) is ContactStatus.IN_PROGRESS


async def test_answered_call_moves_its_contact_when_the_ringing_was_lost(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.hears(await stores.claimed(person), CallStatus.IN_PROGRESS)
    assert await stores.status(person) is ContactStatus.IN_PROGRESS


async def test_ended_call_leaves_the_contact_to_the_settlement(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.hears(await stores.claimed(person), CallStatus.BUSY)
    assert await stores.status(person) is ContactStatus.DISPATCHED


async def test_late_ringing_of_an_older_attempt_does_not_move_the_contact(stores: Stores) -> None:
    person = await stores.a_person()
    first = await stores.claimed(person)
    await stores.calls.record_dial(first.execution_id, DialState.READY)
    retry = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    await stores.contacts.settle(person.contact_id, 1, retry, MONDAY_NOON)
    await stores.claimed(person, 2, AttemptKind.RETRY)
    await stores.hears(first, CallStatus.RINGING)
    assert await stores.status(person) is ContactStatus.DISPATCHED


async def test_event_of_a_deleted_campaign_is_still_recorded(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    await stores.force("campaigns", deleted_at=MONDAY_NOON)
    await stores.hears(record, CallStatus.COMPLETED)
    assert (await stores.call(record)).call_status is CallStatus.COMPLETED


async def test_event_of_an_unknown_execution_is_refused(stores: Stores) -> None:
    with pytest.raises(ExecutionNotFound):
        await stores.calls.record_event(
            ExecutionId("exec_nothing"), a_status_event(), event_key="a", body=None
        )


async def test_report_with_bytes_postgres_cannot_keep_is_recorded_without_them(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(CallStatus.COMPLETED, transcript="hel\x00lo", summary="half \ud83d of a pair")
    body = {"na\x00me": ["a\x00", {"deep": "\udc00"}], "cost": float("nan")}
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="\x00k", body=body)
    assert (recorded.record.transcript, recorded.record.summary) == ("hello", "half ? of a pair")
    async with transaction(stores.engine) as connection:
        kept = await connection.scalar(select(call_events.c.body))
    assert kept == {"name": ["a", {"deep": "?"}], "cost": None}


async def test_report_without_a_status_is_stored_once_and_moves_nothing(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    before = await stores.contact(person)
    for body in ({"call_status": "singing"}, {"call_status": "humming"}):
        await stores.calls.keep_event(record.execution_id, event_key="a", body=body, received_at=SOON)
    async with transaction(stores.engine) as connection:
        rows = (await connection.execute(select(call_events))).mappings().all()
    assert [{name: value for name, value in row.items() if name != "event_number"} for row in rows] == [
        {
            "execution_id": record.execution_id,
            "event_key": "a",
            "source": "webhook",
            "call_status": None,
            "received_at": SOON,
            "happened_at": SOON,
            "body": {"call_status": "singing"},
            "delivered_at": SOON,
            "unread_fields": None,
        }
    ]
    assert (await stores.call(record), await stores.contact(person)) == (record, before)


async def test_report_without_a_status_of_an_unknown_execution_is_not_stored(stores: Stores) -> None:
    await stores.calls.keep_event(ExecutionId("exec_nothing"), event_key="a", body={}, received_at=SOON)
    async with transaction(stores.engine) as connection:
        assert (await connection.scalars(select(call_events.c.event_number))).all() == []


async def test_report_without_a_status_is_stored_without_bytes_postgres_cannot_keep(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    body = {"no\x00te": ["a\x00", "\ud83d"]}
    await stores.calls.keep_event(record.execution_id, event_key="\x00k", body=body, received_at=SOON)
    async with transaction(stores.engine) as connection:
        assert await connection.scalar(select(call_events.c.body)) == {"note": ["a", "?"]}


async def test_reports_without_a_status_go_where_the_schema_has_no_place_for_them(
    stores: Stores, database_url: str
) -> None:
    record = await stores.claimed(await stores.a_person())
    await stores.calls.keep_event(record.execution_id, event_key="a", body={}, received_at=SOON)
    await stores.hears(record, CallStatus.RINGING)
    await asyncio.to_thread(downgrade, database_url, "0001")
    async with transaction(stores.engine) as connection:
        assert (await connection.scalars(select(call_events.c.call_status))).all() == ["ringing"]


async def test_text_that_is_too_long_is_cut_and_its_event_says_so(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    long = "é" * LONGEST_TEXT
    event = a_status_event(CallStatus.COMPLETED, transcript=f"x{long}", summary="short")
    body = {"transcript": f"x{long}", "parts": [{"text": long}], "summary": "y" * LONGEST_TEXT}

    recorded = await stores.calls.record_event(record.execution_id, event, event_key="k", body=body)

    kept = (await stores.call(record)).transcript
    assert kept == recorded.record.transcript == f"x{long}"[: LONGEST_TEXT // 2]
    async with transaction(stores.engine) as connection:
        stored = await connection.scalar(select(call_events.c.body))
    assert stored == {
        "transcript": kept,
        "parts": [{"text": long[: LONGEST_TEXT // 2]}],
        "summary": "y" * LONGEST_TEXT,
        "apollo_cut": {"transcript": 2 * LONGEST_TEXT + 1, "parts.0.text": 2 * LONGEST_TEXT},
    }


async def test_what_could_not_be_read_of_an_event_is_kept_beside_it(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(CallStatus.BUSY, unread_fields=("sip_status: Input should be a valid number",))
    await stores.calls.record_event(record.execution_id, event, event_key="a", body={"sip_status": "OK"})
    async with transaction(stores.engine) as connection:
        row = (await connection.execute(select(call_events))).mappings().one()
    assert row["unread_fields"] == ["sip_status: Input should be a valid number"]


@pytest.mark.parametrize(("own", "hour"), [(None, 9), ("America/New_York", 20)])
async def test_follow_up_without_an_offset_is_meant_in_the_zone_of_batch_or_campaign(
    stores: Stores, own: str | None, hour: int
) -> None:
    campaign = await stores.a_kept_campaign(a_campaign_rules(timezone="Asia/Kolkata"))
    person = await stores.a_person(campaign=campaign, overrides=BatchOverrides(timezone=own))
    record = await stores.claimed(person)
    event = a_status_event(CallStatus.COMPLETED, local_follow_up=parse_given_time("2026-12-03T15:00:00"))
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="a", body=None)
    minute = 30 if own is None else 0  # 15:00 - 5:30 is 9:30
    agreed_at = datetime(2026, 12, 3, hour, minute, tzinfo=UTC)
    assert (recorded.record.follow_up_at, (await stores.call(record)).follow_up_at) == (agreed_at, agreed_at)


@pytest.mark.parametrize(
    ("campaign_zone", "own"),
    [
        pytest.param("from_number", None, id="campaign"),
        pytest.param("America/New_York", "from_number", id="batch"),
    ],
)
async def test_follow_up_without_an_offset_is_meant_in_the_fallback_of_zones_of_numbers(
    stores: Stores, campaign_zone: str, own: str | None
) -> None:
    rules = a_campaign_rules(timezone=campaign_zone, fallback_timezone="Asia/Tokyo")
    campaign = await stores.a_kept_campaign(rules)
    person = await stores.a_person(campaign=campaign, overrides=BatchOverrides(timezone=own))
    record = await stores.claimed(person)
    event = a_status_event(CallStatus.COMPLETED, local_follow_up=parse_given_time("2026-12-03T15:00:00"))
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="a", body=None)
    assert recorded.record.follow_up_at == datetime(2026, 12, 3, 6, tzinfo=UTC)


async def test_what_postgres_cannot_hold_of_a_report_goes_and_the_rest_stays(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    body = {"no\x00te": ["a\x00b", "\ud83d"], "execution_id": record.execution_id}
    event = a_status_event(CallStatus.COMPLETED, transcript="Hel\x00lo.")
    await stores.calls.record_event(record.execution_id, event, event_key="a", body=body)
    await stores.calls.keep_event(record.execution_id, event_key="b", body=body, received_at=SOON)
    async with transaction(stores.engine) as connection:
        bodies = (await connection.scalars(select(call_events.c.body))).all()
    kept = {"note": ["ab", "?"], "execution_id": record.execution_id}
    assert (bodies, (await stores.call(record)).transcript) == ([kept, kept], "Hello.")
