"""Webhooks in our words: the neutral form and what is wrong with it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.call import CallStatus, StatusEvent
from domain.errors import FieldError, InvalidRequest
from domain.identity import ExecutionId
from domain.ports import StatusReport, WebhookTranslator
from telephony.status_words import BUILT_IN_WORDS, StatusWords
from telephony.webhook import webhook_translator

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 3, 2, 11, 59, 30, tzinfo=UTC)

translate: WebhookTranslator = webhook_translator(BUILT_IN_WORDS)


def a_body(**fields: object) -> Mapping[str, object]:
    return {"execution_id": "exec_1", "call_status": "completed", **fields}


def event_of(body: Mapping[str, object]) -> StatusEvent:
    event = translate(body, RECEIVED_AT).event
    assert event is not None
    return event


def errors_of(body: Mapping[str, object]) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidRequest) as caught:
        translate(body, RECEIVED_AT)
    return caught.value.errors


def test_two_fields_are_enough() -> None:
    assert translate({"execution_id": "exec_1", "call_status": "ringing"}, RECEIVED_AT) == StatusReport(
        execution_id=ExecutionId("exec_1"),
        provider_call_id=None,
        event=StatusEvent(status=CallStatus.RINGING, happened_at=RECEIVED_AT),
        event_id=None,
    )


def test_every_field_of_the_contract_is_kept() -> None:
    body = a_body(
        call_status="Completed",
        timestamp="2026-03-02T11:59:30Z",
        provider_call_id="CA-1",
        recording_url="https://example.test/r",
        transcript="hello",
        summary="a greeting",
        sentiment="positive",
        hangup_by="callee",
        hangup_reason="done",
        sip_status=200,
        duration_seconds=28.9,
        total_cost=0.25,
        follow_up_at="2026-03-03T09:00:00+01:00",
        event_id="evt-1",
        surprise={"kept": "elsewhere"},
    )
    assert translate(body, RECEIVED_AT) == StatusReport(
        execution_id=ExecutionId("exec_1"),
        provider_call_id="CA-1",
        event_id="evt-1",
        event=StatusEvent(
            status=CallStatus.COMPLETED,
            happened_at=EARLIER,
            provider_call_id="CA-1",
            recording_url="https://example.test/r",
            transcript="hello",
            summary="a greeting",
            sentiment="positive",
            hangup_by="callee",
            hangup_reason="done",
            sip_status=200,
            duration_seconds=28,
            total_cost=0.25,
            follow_up_at=datetime(2026, 3, 3, 8, 0, tzinfo=UTC),
        ),
    )


def test_null_counts_as_absent() -> None:
    body = a_body(
        timestamp=None, sip_status=None, summary=None, follow_up_at=None, event_id=None, call_sid=None
    )
    assert translate(body, RECEIVED_AT) == translate(a_body(), RECEIVED_AT)


def test_a_body_with_both_ids_is_neutral() -> None:
    report = translate(a_body(call_sid="CA-1", duration=5), RECEIVED_AT)
    assert (report.execution_id, report.provider_call_id) == ("exec_1", None)


@pytest.mark.parametrize(
    ("timestamp", "happened_at"),
    [
        pytest.param("2026-03-02T11:59:30Z", EARLIER, id="utc"),
        pytest.param("2026-03-02t11:59:30z", EARLIER, id="lower case"),
        pytest.param("2026-03-02 11:59:30", EARLIER, id="without an offset it is UTC"),
        pytest.param("2026-03-02T13:29:30+01:30", EARLIER, id="offset"),
        pytest.param("2026-03-02T11:59", EARLIER.replace(second=0), id="without seconds"),
        pytest.param("2026-03-02T11:59:30.250Z", EARLIER + timedelta(milliseconds=250), id="milliseconds"),
        pytest.param("2026-03-02T12:00:01Z", RECEIVED_AT, id="never later than its receipt"),
        pytest.param("2026-03-02T12:00:00-05:00", RECEIVED_AT, id="never later, whatever the offset"),
    ],
)
def test_the_event_time(timestamp: str, happened_at: datetime) -> None:
    event = event_of(a_body(timestamp=timestamp))
    assert (event.happened_at, event.happened_at.tzinfo) == (happened_at, UTC)


def test_the_time_of_receipt_may_come_in_any_zone() -> None:
    received_at = RECEIVED_AT.astimezone(timezone(timedelta(hours=5)))
    event = translate(a_body(), received_at).event
    assert event is not None
    assert event.happened_at == RECEIVED_AT


@pytest.mark.parametrize("status", ["completed", "busy", "no_answer", "failed", "cancelled"])
def test_a_follow_up_is_kept_on_an_ending(status: str) -> None:
    event = event_of(a_body(call_status=status, follow_up_at="2026-03-03T09:00:00Z"))
    assert event.follow_up_at == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", ["queued", "ringing", "in_progress"])
def test_a_follow_up_before_the_ending_is_dropped(status: str) -> None:
    assert event_of(a_body(call_status=status, follow_up_at="2026-03-03T09:00:00Z")).follow_up_at is None


@pytest.mark.parametrize(
    ("duration", "seconds"), [(0, 0), (0.99, 0), (28, 28), (28.999, 28), (2147483647, 2**31 - 1)]
)
def test_durations_are_cut_to_whole_seconds(duration: float, seconds: int) -> None:
    assert event_of(a_body(duration_seconds=duration)).duration_seconds == seconds


@pytest.mark.parametrize("event_id", ["e", "e" * 255])
def test_event_ids_of_1_to_255_characters_are_kept(event_id: str) -> None:
    assert translate(a_body(event_id=event_id), RECEIVED_AT).event_id == event_id


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        pytest.param({}, "execution_id", "missing", id="neither id"),
        pytest.param({"call_status": "ringing"}, "execution_id", "missing", id="status without id"),
        pytest.param(a_body(execution_id=7), "execution_id", "string_type", id="id is a number"),
        pytest.param(a_body(execution_id="exec\x00"), "execution_id", "string_unicode", id="null character"),
        pytest.param(a_body(call_status=None), "call_status", "missing", id="no status"),
        pytest.param(a_body(call_status=1), "call_status", "string_type", id="status is a number"),
        pytest.param(a_body(call_status=""), "call_status", "call_status", id="empty status"),
        pytest.param(a_body(call_status="gone"), "call_status", "call_status", id="unknown status"),
        pytest.param(a_body(timestamp=1785000000), "timestamp", "datetime_parsing", id="unix time"),
        pytest.param(a_body(timestamp="2026-03-02"), "timestamp", "datetime_parsing", id="date only"),
        pytest.param(a_body(timestamp="2026-13-02T00:00Z"), "timestamp", "datetime_parsing", id="month 13"),
        pytest.param(
            a_body(timestamp="0001-01-01T00:00+23:59"), "timestamp", "datetime_parsing", id="before year one"
        ),
        pytest.param(
            a_body(follow_up_at="tomorrow"), "follow_up_at", "datetime_parsing", id="no time at all"
        ),
        pytest.param(a_body(sip_status="200"), "sip_status", "int_type", id="integer as text"),
        pytest.param(a_body(sip_status=True), "sip_status", "int_type", id="boolean as integer"),
        pytest.param(a_body(sip_status=200.0), "sip_status", "int_type", id="fraction as integer"),
        pytest.param(a_body(sip_status=2**31), "sip_status", "less_than_equal", id="integer no column holds"),
        pytest.param(a_body(duration_seconds="28"), "duration_seconds", "float_type", id="number as text"),
        pytest.param(a_body(duration_seconds=True), "duration_seconds", "float_type", id="boolean as number"),
        pytest.param(a_body(duration_seconds=-1), "duration_seconds", "greater_than_equal", id="negative"),
        pytest.param(
            a_body(duration_seconds=float("nan")), "duration_seconds", "less_than_equal", id="not a number"
        ),
        pytest.param(a_body(duration_seconds=10**400), "duration_seconds", "less_than_equal", id="huge"),
        pytest.param(a_body(total_cost=float("inf")), "total_cost", "less_than_equal", id="infinite cost"),
        pytest.param(a_body(total_cost=-0.01), "total_cost", "greater_than_equal", id="negative cost"),
        pytest.param(a_body(provider_call_id=5), "provider_call_id", "string_type", id="call id is a number"),
        pytest.param(
            a_body(provider_call_id="c" * 256), "provider_call_id", "string_too_long", id="call id too long"
        ),
        pytest.param(a_body(recording_url=[]), "recording_url", "string_type", id="url is a list"),
        pytest.param(a_body(transcript={}), "transcript", "string_type", id="transcript is an object"),
        pytest.param(a_body(transcript="\ud800"), "transcript", "string_unicode", id="lone surrogate"),
        pytest.param(a_body(summary=1), "summary", "string_type", id="summary"),
        pytest.param(a_body(sentiment=1), "sentiment", "string_type", id="sentiment"),
        pytest.param(a_body(hangup_by=1), "hangup_by", "string_type", id="hangup_by"),
        pytest.param(a_body(hangup_reason=1), "hangup_reason", "string_type", id="hangup_reason"),
        pytest.param(a_body(event_id=""), "event_id", "string_too_short", id="empty event id"),
        pytest.param(a_body(event_id="e" * 256), "event_id", "string_too_long", id="event id too long"),
        pytest.param(a_body(event_id=1), "event_id", "string_type", id="event id is a number"),
    ],
)
def test_a_wrong_field_is_named(body: Mapping[str, object], loc: str, kind: str) -> None:
    assert (("body", loc), kind) in [(error.loc, error.type) for error in errors_of(body)]


def test_every_wrong_field_is_named_at_once() -> None:
    body = {"call_status": "gone", "sip_status": "x", "event_id": "", "timestamp": "x"}
    named = {error.loc[1] for error in errors_of(body)}
    assert named == {"execution_id", "call_status", "sip_status", "event_id", "timestamp"}


def test_no_error_repeats_what_was_sent() -> None:
    errors = errors_of(a_body(call_status="+14155550104", transcript=["Ada"], timestamp="+14155550104"))
    assert not [error for error in errors if "1415" in error.msg or "Ada" in error.msg]


def test_operators_words_are_understood_in_the_neutral_form_and_jambonz_keeps_its_own() -> None:
    translate = webhook_translator(StatusWords({"ring-out": CallStatus.NO_ANSWER}))

    neutral = translate(a_body(call_status="Ring_Out"), RECEIVED_AT).event
    native = translate({"call_sid": "CA-1", "call_status": "ring-out"}, RECEIVED_AT).event

    assert neutral == StatusEvent(status=CallStatus.NO_ANSWER, happened_at=RECEIVED_AT)
    assert native is None
