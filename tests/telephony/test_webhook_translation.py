"""Webhooks in our words: the neutral form and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.webhooks.schemas import StatusWebhook
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
    body = {"execution_id": "exec_1", "call_status": "ringing"}
    assert translate(body, RECEIVED_AT) == StatusReport(
        execution_id=ExecutionId("exec_1"),
        provider_call_id=None,
        event=StatusEvent(status=CallStatus.RINGING, happened_at=RECEIVED_AT),
        event_id=None,
        body=body,
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
        body=body,
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
        pytest.param(a_body(execution_id=""), "execution_id", "missing", id="blank id"),
        pytest.param(a_body(execution_id=7), "execution_id", "string_type", id="id is a number"),
        pytest.param(a_body(call_status=None), "call_status", "missing", id="no status"),
        pytest.param(a_body(call_status=1), "call_status", "string_type", id="status is a number"),
        pytest.param(a_body(call_status=""), "call_status", "call_status", id="blank status"),
        pytest.param(a_body(call_status="gone"), "call_status", "call_status", id="unknown status"),
    ],
)
def test_event_without_call_or_status_is_refused(body: Mapping[str, object], loc: str, kind: str) -> None:
    assert [(error.loc, error.type) for error in errors_of(body)] == [(("body", loc), kind)] + [
        (("body", "call_status"), "missing") for _ in [loc] if "call_status" not in body
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("timestamp", 1785000000, id="unix time"),
        pytest.param("timestamp", "2026-03-02", id="date only"),
        pytest.param("timestamp", "2026-13-02T00:00Z", id="month 13"),
        pytest.param("timestamp", "1969-12-31T23:59:59Z", id="before the years"),
        pytest.param("timestamp", "9999-12-31T23:59:59-01:00", id="after the years"),
        pytest.param("follow_up_at", "tomorrow", id="no time at all"),
        pytest.param("follow_up_at", "1969-01-01T09:00:00Z", id="follow-up before the years"),
        pytest.param("sip_status", True, id="boolean as integer"),
        pytest.param("sip_status", 200.5, id="fraction as integer"),
        pytest.param("sip_status", "OK", id="word as integer"),
        pytest.param("sip_status", 2**31, id="integer no column holds"),
        pytest.param("duration_seconds", "1:07", id="clock as number"),
        pytest.param("duration_seconds", "1_0", id="number of a programmer"),
        pytest.param("duration_seconds", [67], id="list"),
        pytest.param("duration_seconds", True, id="boolean as number"),
        pytest.param("duration_seconds", -1, id="negative"),
        pytest.param("duration_seconds", float("nan"), id="not a number"),
        pytest.param("duration_seconds", 10**400, id="huge"),
        pytest.param("total_cost", float("inf"), id="infinite cost"),
        pytest.param("total_cost", -0.01, id="negative cost"),
        pytest.param("total_cost", "0,04", id="cost with a comma"),
        pytest.param("provider_call_id", 5, id="call id is a number"),
        pytest.param("provider_call_id", "c" * 256, id="call id too long"),
        pytest.param("recording_url", [], id="url is a list"),
        pytest.param("transcript", {}, id="transcript is an object"),
        pytest.param("summary", 1, id="summary"),
        pytest.param("sentiment", 0.5, id="sentiment"),
        pytest.param("hangup_by", False, id="hangup_by"),
        pytest.param("hangup_reason", 16, id="hangup_reason"),
        pytest.param("event_id", "e" * 256, id="event id too long"),
        pytest.param("event_id", 1, id="event id is a number"),
        pytest.param("provider_call_id", "CA\x001", id="call id nobody can look up"),
        pytest.param("opted_out", "perhaps", id="no boolean"),
        pytest.param("opted_out", [], id="list as boolean"),
    ],
)
def test_wrong_field_costs_itself_and_is_noted(name: str, value: object) -> None:
    report = translate(a_body(**{name: value}), RECEIVED_AT)

    assert report.event is not None
    [noted] = report.event.unread_fields
    assert noted.startswith(f"{name}: ")
    kept = replace(report, event=replace(report.event, unread_fields=()))
    assert kept == translate(a_body(), RECEIVED_AT)


def test_every_field_that_the_api_documents_is_read() -> None:
    optional = {name for name, field in StatusWebhook.model_fields.items() if not field.is_required()}

    unreadable: dict[str, object] = dict.fromkeys(optional, object())
    event = event_of({**a_body(), **unreadable})

    lost = {note.partition(":")[0] for note in event.unread_fields}
    assert lost == optional


@pytest.mark.parametrize(
    "name",
    [
        *("provider_call_id", "event_id", "timestamp", "sip_status", "duration_seconds", "hangup_by"),
        *("hangup_reason", "recording_url", "transcript", "summary", "sentiment", "total_cost"),
        *("follow_up_at", "opted_out"),
    ],
)
@pytest.mark.parametrize("blank", ["", "  ", "\x00", "\n"])
def test_blank_text_counts_as_absent(name: str, blank: str) -> None:
    assert translate(a_body(**{name: blank}), RECEIVED_AT) == translate(a_body(), RECEIVED_AT)


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("duration_seconds", "67", 67),
        ("duration_seconds", " 67.9 ", 67),
        ("total_cost", "0.042", 0.042),
        ("total_cost", "3", 3.0),
        ("sip_status", "486", 486),
        ("sip_status", 486.0, 486),
    ],
)
def test_number_written_as_text_is_that_number(name: str, written: object, read: float) -> None:
    event = event_of(a_body(**{name: written}))

    assert (getattr(event, name), event.unread_fields) == (read, ())


@pytest.mark.parametrize("yes", [True, "true", "True", 1, "1"])
def test_wish_not_to_be_called_again_is_heard_however_it_is_written(yes: object) -> None:
    assert translate(a_body(opted_out=yes), RECEIVED_AT).opted_out


@pytest.mark.parametrize("no", [False, "false", 0, "0", None])
def test_who_did_not_opt_out_did_not(no: object) -> None:
    report = translate(a_body(opted_out=no), RECEIVED_AT)

    assert (report.opted_out, report.event and report.event.unread_fields) == (False, ())


def test_of_texts_only_goes_what_no_database_holds() -> None:
    event = event_of(a_body(transcript="Hel\x00lo \ud83d", summary="\U0001f642"))

    assert (event.transcript, event.summary, event.unread_fields) == ("Hello ?", "\U0001f642", ())


@pytest.mark.parametrize("name", ["timestamp", "follow_up_at"])
@pytest.mark.parametrize(
    "zero",
    [
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00+23:59",
        "1601-01-01T00:00:00Z",
        "1899-12-30T00:00:00.000Z",
        "1900-01-01T00:00:00",
        "1970-01-01T00:00:00Z",
        "1970-01-01T01:00:00+01:00",
        "1970-01-01 00:00",
    ],
)
def test_dates_that_mean_no_date_count_as_absent(name: str, zero: str) -> None:
    assert translate(a_body(**{name: zero}), RECEIVED_AT) == translate(a_body(), RECEIVED_AT)


def test_follow_up_without_an_offset_waits_for_its_zone() -> None:
    event = event_of(a_body(follow_up_at="2026-12-03T15:00:00"))
    assert (event.follow_up_at, event.local_follow_up is not None) == (None, True)

    assert event.in_zone("America/New_York").follow_up_at == datetime(2026, 12, 3, 20, tzinfo=UTC)


def test_every_fault_is_named_at_once() -> None:
    body = {"call_status": "gone", "sip_status": "x", "event_id": "", "timestamp": "x"}
    assert {error.loc[1] for error in errors_of(body)} == {"execution_id", "call_status"}


def test_no_error_repeats_what_was_sent() -> None:
    errors = errors_of(a_body(call_status="+14155550104"))
    event = event_of(a_body(transcript=["Ada"], timestamp="+14155550104", event_id="+14155550104" * 30))
    told = [*(error.msg for error in errors), *event.unread_fields]
    assert (len(told), [each for each in told if "1415" in each or "Ada" in each]) == (4, [])


def test_operators_words_are_understood_in_the_neutral_form_and_jambonz_keeps_its_own() -> None:
    translate = webhook_translator(StatusWords({"ring-out": CallStatus.NO_ANSWER}))

    neutral = translate(a_body(call_status="Ring_Out"), RECEIVED_AT).event
    native = translate({"call_sid": "CA-1", "call_status": "ring-out"}, RECEIVED_AT).event

    assert neutral == StatusEvent(status=CallStatus.NO_ANSWER, happened_at=RECEIVED_AT)
    assert native is None
