"""What an event does to a call record: forward only, the first ending wins, gaps may be filled."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.call import (
    RANK,
    AttemptKind,
    CallRecord,
    CallStatus,
    EventEffect,
    StatusEvent,
    apply_event,
    has_ended,
)
from domain.given_time import parse_given_time
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId

STARTED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RECORD = CallRecord(
    execution_id=ExecutionId("exec_1"),
    contact_id=ContactId("con_1"),
    batch_id=BatchId("btc_1"),
    campaign_id=CampaignId("cmp_1"),
    attempt=1,
    kind=AttemptKind.INITIAL,
    to_number="+14155550100",
    started_at=STARTED_AT,
)


def after(seconds: float) -> datetime:
    return STARTED_AT + timedelta(seconds=seconds)


def event(status: CallStatus, seconds: float = 1) -> StatusEvent:
    return StatusEvent(status=status, happened_at=after(seconds))


def test_answered_call_keeps_when_it_was_answered_and_when_it_ended() -> None:
    record = RECORD
    for status, seconds in [
        (CallStatus.RINGING, 1),
        (CallStatus.IN_PROGRESS, 4),
        (CallStatus.COMPLETED, 34),
    ]:
        record, effect = apply_event(record, event(status, seconds))
        assert effect is EventEffect.ACCEPTED

    assert record == replace(
        RECORD, call_status=CallStatus.COMPLETED, answered_at=after(4), ended_at=after(34)
    )


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, id="-".join(order))
        for order in itertools.permutations(["queued", "ringing", "in_progress", "completed"])
    ],
)
def test_every_order_of_events_ends_completed(order: tuple[str, ...]) -> None:
    record = RECORD
    for status in order:
        record, _ = apply_event(record, event(CallStatus(status)))

    assert record.call_status is CallStatus.COMPLETED
    assert record.answered_at is not None
    assert record.ended_at is not None


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (known, told)
        for known in CallStatus
        for told in CallStatus
        if RANK[told] < RANK[known] or (has_ended(known) and RANK[known] == RANK[told] and known != told)
    ],
)
def test_status_never_moves_backwards_and_the_first_ending_wins(known: CallStatus, told: CallStatus) -> None:
    record = replace(RECORD, call_status=known)

    assert apply_event(record, event(told)) == (record, EventEffect.STALE)


def test_repeated_ending_fills_what_is_empty_and_overwrites_nothing() -> None:
    ended, _ = apply_event(RECORD, replace(event(CallStatus.COMPLETED, 30), recording_url="https://a/1"))

    late = replace(
        event(CallStatus.COMPLETED, 90), recording_url="https://a/2", transcript="Hello.", total_cost=0.03
    )
    filled, effect = apply_event(ended, late)

    assert effect is EventEffect.STALE
    assert filled == replace(ended, transcript="Hello.", total_cost=0.03)


def test_unknown_is_corrected_by_a_late_real_ending() -> None:
    lost, _ = apply_event(RECORD, replace(event(CallStatus.UNKNOWN, 90), error="nobody knows"))

    found, effect = apply_event(lost, event(CallStatus.BUSY, 100))

    assert effect is EventEffect.ACCEPTED
    assert (found.call_status, found.error) == (CallStatus.BUSY, None)


def test_lost_answer_is_reckoned_from_the_duration() -> None:
    ended, _ = apply_event(RECORD, replace(event(CallStatus.COMPLETED, 60), duration_seconds=28))

    assert ended.answered_at == after(32)  # 60 - 28


@pytest.mark.parametrize("status", [CallStatus.RINGING, CallStatus.BUSY])
def test_event_from_before_the_dial_is_held_at_its_start(status: CallStatus) -> None:
    record, _ = apply_event(RECORD, event(status, -30))

    assert record.ended_at == (STARTED_AT if has_ended(status) else None)


def test_event_before_any_known_start_is_taken_at_its_own_time() -> None:
    early, _ = apply_event(replace(RECORD, started_at=None), event(CallStatus.BUSY, -30))

    assert early == replace(RECORD, started_at=None, call_status=CallStatus.BUSY, ended_at=after(-30))


def test_follow_up_is_taken_only_from_the_ending() -> None:
    asked = after(3600)
    ringing, _ = apply_event(RECORD, replace(event(CallStatus.RINGING), follow_up_at=asked))
    ended, _ = apply_event(RECORD, replace(event(CallStatus.COMPLETED), follow_up_at=asked))

    assert (ringing.follow_up_at, ended.follow_up_at) == (None, asked)


@pytest.mark.parametrize("clock", [-30.0, 1.0])
def test_call_never_ends_before_it_was_answered(clock: float) -> None:
    answered, _ = apply_event(RECORD, event(CallStatus.IN_PROGRESS, 4))

    ended, _ = apply_event(answered, event(CallStatus.COMPLETED, clock))

    assert (ended.answered_at, ended.ended_at) == (after(4), after(4))


def test_empty_text_blocks_no_later_one() -> None:
    ended, _ = apply_event(RECORD, replace(event(CallStatus.COMPLETED, 30), transcript="", summary="Short."))

    filled, _ = apply_event(ended, replace(event(CallStatus.COMPLETED, 90), transcript="Hello.", summary=""))

    assert (filled.transcript, filled.summary) == ("Hello.", "Short.")


def local_follow_up(written: str) -> StatusEvent:
    return replace(event(CallStatus.COMPLETED), local_follow_up=parse_given_time(written))


def test_local_follow_up_is_an_instant_once_its_zone_is_known() -> None:
    asked = local_follow_up("2026-12-03T15:00:00")

    with pytest.raises(ValueError, match="zone"):
        apply_event(RECORD, asked)
    ended, _ = apply_event(RECORD, asked.in_zone("America/New_York"))

    assert ended.follow_up_at == datetime(2026, 12, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "timezone"),
    [("9999-12-31T23:00:00", "America/New_York"), ("2026-12-03T15:00:00", "Mars/Base")],
)
def test_follow_up_beyond_the_calendar_or_in_no_zone_is_none_and_noted(written: str, timezone: str) -> None:
    read = local_follow_up(written).in_zone(timezone)

    assert (read.follow_up_at, read.local_follow_up) == (None, None)
    assert [each.split(":")[0] for each in read.unread_fields] == ["follow_up_at"]
