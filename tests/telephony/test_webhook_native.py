"""Jambonz' webhooks in our words, of whole calls and odd ones."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.call import CallStatus, StatusEvent, has_ended
from domain.errors import InvalidRequest
from domain.identity import ExecutionId
from domain.ports import StatusReport
from telephony.signature import sign, verify
from telephony.status_words import BUILT_IN_WORDS
from telephony.webhook import webhook_translator
from tests.telephony.jambonz_hooks import CALL_SID, NATIVE_CALLS, WEBHOOK_SECRET, NativeCall

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
translate_webhook = webhook_translator(BUILT_IN_WORDS)
CALLS = [pytest.param(call, id=call.name) for call in NATIVE_CALLS]


def a_native_body(**fields: object) -> dict[str, object]:
    return {
        "call_sid": "5b0c-77",
        "direction": "outbound",
        "call_status": "ringing",
        "sip_status": 180,
        "sip_reason": "Trying",
        "customerData": {"attempt_id": "exec_1"},
        **fields,
    }


def translate(**fields: object) -> StatusReport:
    return translate_webhook(a_native_body(**fields), RECEIVED_AT)


def event_of(**fields: object) -> StatusEvent:
    event = translate(**fields).event
    assert event is not None
    return event


def test_the_contracts_example() -> None:
    body = {
        "call_sid": "5b0c-77",
        "direction": "outbound",
        "from": "14155550181",
        "to": "14155550104",
        "call_id": "a81",
        "sip_status": 200,
        "sip_reason": "OK",
        "call_status": "completed",
        "account_sid": "acc-1",
        "call_termination_by": "caller",
        "duration": 28,
        "customerData": {"attempt_id": "exec_01k2x4"},
    }
    assert translate_webhook(body, RECEIVED_AT) == StatusReport(
        execution_id=ExecutionId("exec_01k2x4"),
        provider_call_id="5b0c-77",
        event=StatusEvent(
            status=CallStatus.COMPLETED,
            happened_at=RECEIVED_AT,
            provider_call_id="5b0c-77",
            sip_status=200,
            duration_seconds=28,
            hangup_by="callee",
        ),
        event_id=None,
        body={name: value for name, value in body.items() if name != "customerData"},
    )


@pytest.mark.parametrize("call", CALLS)
def test_whole_calls_read_as_expected(call: NativeCall) -> None:
    reports = [translate_webhook(json.loads(raw), RECEIVED_AT) for raw in call.raw_bodies]
    events = [report.event for report in reports if report.event is not None]
    statuses = [event.status.value for event in events]
    folded = [status for at, status in enumerate(statuses) if statuses[at - 1 : at] != [status]]
    assert len(events) == len(reports)
    assert {(report.execution_id, report.provider_call_id) for report in reports} == {
        ("exec_native", CALL_SID)
    }
    assert folded == list(call.statuses)
    last = events[-1]
    assert has_ended(last.status)
    assert (last.sip_status, last.duration_seconds, last.hangup_by, last.hangup_reason) == (
        call.sip_status,
        call.duration_seconds,
        call.hangup_by,
        call.hangup_reason,
    )


@pytest.mark.parametrize("call", CALLS)
def test_signed_bodies_verify_a_little_later(call: NativeCall) -> None:
    signed_at = int(RECEIVED_AT.timestamp())
    for raw in call.raw_bodies:
        header = sign(WEBHOOK_SECRET, signed_at, raw)
        assert verify(header, raw, [WEBHOOK_SECRET], RECEIVED_AT + timedelta(seconds=3))


@pytest.mark.parametrize("call", CALLS)
def test_a_signature_is_the_hmac_of_time_dot_and_raw_body(call: NativeCall) -> None:
    for raw in call.raw_bodies:
        digest = hmac.digest(WEBHOOK_SECRET.encode(), b"1772452800." + raw, hashlib.sha256).hex()
        assert sign(WEBHOOK_SECRET, 1772452800, raw) == f"t=1772452800,v1={digest}"
        assert verify(f"t=1772452800,v1={digest}", raw, [WEBHOOK_SECRET], RECEIVED_AT)


@pytest.mark.parametrize(
    ("fields", "execution_id"),
    [
        pytest.param({"tag": {"attempt_id": "exec_2"}}, "exec_1", id="customerData comes first"),
        pytest.param({"customerData": None, "tag": {"attempt_id": "exec_2"}}, "exec_2", id="tag"),
        pytest.param(
            {"customerData": {"x": 1}, "tag": {"attempt_id": "exec_2"}}, "exec_2", id="foreign data"
        ),
        pytest.param({"customerData": "text"}, None, id="data is a text"),
        pytest.param({"customerData": {"attempt_id": 7}}, None, id="id is a number"),
        pytest.param({"customerData": {"attempt_id": ""}}, None, id="id is empty"),
        pytest.param({"customerData": {"attempt_id": "e\x00"}}, None, id="id cannot be looked up"),
        pytest.param({"customerData": None}, None, id="nothing"),
    ],
)
def test_the_attempt_is_named_by_our_tag_else_by_the_call(
    fields: Mapping[str, object], execution_id: str | None
) -> None:
    report = translate(**fields)
    assert (report.execution_id, report.provider_call_id) == (execution_id, "5b0c-77")
    assert report.event is not None


@pytest.mark.parametrize("name", ["customerData", "tag"])
@pytest.mark.parametrize("form", [{"call_sid": "5b0c-77"}, {"execution_id": "exec_1"}])
def test_what_a_dial_carried_is_read_for_ids_and_not_kept(name: str, form: Mapping[str, object]) -> None:
    tag = {"attempt_id": "exec_1", "brief": '{"variables":{"callee_name":"Ada"},"context":{}}'}
    body = {**form, "call_status": "ringing", "sip_reason": "Trying"}

    report = translate_webhook({**body, name: tag}, RECEIVED_AT)

    assert (report.execution_id, report.body) == ("exec_1", body)


def test_tag_of_ids_alone_that_an_older_dial_carried_is_read() -> None:
    older = {"attempt_id": "exec_1", "batch_id": "btc_1", "contact_id": "con_1", "campaign_id": "cmp_1"}
    assert translate(customerData=older).execution_id == "exec_1"


def test_a_child_leg_names_its_parent_and_says_nothing_of_it() -> None:
    report = translate(customerData=None, parent_call_sid="5b0c-76")
    assert (report.execution_id, report.provider_call_id, report.event) == (None, "5b0c-76", None)


def test_a_leg_that_carries_our_tag_is_ours() -> None:
    event = event_of(parent_call_sid="5b0c-76")
    assert (event.status, event.provider_call_id) == (CallStatus.RINGING, "5b0c-77")


@pytest.mark.parametrize("word", ["transferred", "", "stirred"])
def test_an_unknown_status_says_nothing(word: str) -> None:
    report = translate(call_status=word)
    assert (report.execution_id, report.event) == ("exec_1", None)


@pytest.mark.parametrize(
    ("ended_by", "hangup_by"),
    [("caller", "callee"), ("jambonz", "assistant"), ("carrier", "carrier"), (None, None)],
)
def test_jambonz_calls_the_far_end_caller(ended_by: str | None, hangup_by: str | None) -> None:
    assert event_of(call_status="completed", call_termination_by=ended_by).hangup_by == hangup_by


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("busy", "R"),
        ("no-answer", "R"),
        ("failed", "R"),
        ("ringing", None),
        ("in-progress", None),
        ("completed", None),
    ],
)
def test_the_sip_reason_counts_only_where_nobody_was_reached(word: str, reason: str | None) -> None:
    assert event_of(call_status=word, sip_reason="R").hangup_reason == reason


@pytest.mark.parametrize(
    ("fields", "loc", "kind"),
    [
        pytest.param({"call_status": None}, "call_status", "missing", id="no status"),
        pytest.param({"call_status": 3}, "call_status", "string_type", id="status is a number"),
        pytest.param({"customerData": None, "call_sid": 3}, "call_sid", "missing", id="neither id"),
        pytest.param({"customerData": None, "call_sid": ""}, "call_sid", "missing", id="blank call id"),
    ],
)
def test_event_without_call_or_status_is_refused(fields: Mapping[str, object], loc: str, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate(**fields)
    assert [(error.loc, error.type) for error in caught.value.errors] == [(("body", loc), kind)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("sip_status", "OK", id="sip status"),
        pytest.param("duration", -1, id="negative duration"),
        pytest.param("call_termination_by", 3, id="who hung up"),
        pytest.param("sip_reason", [], id="reason"),
    ],
)
def test_wrong_field_costs_itself_and_is_noted(name: str, value: object) -> None:
    expected = event_of(call_status="busy", sip_status=None, sip_reason=None)

    event = event_of(**{"call_status": "busy", "sip_status": None, "sip_reason": None, name: value})

    assert [each.split(":")[0] for each in event.unread_fields] == [name]
    assert replace(event, unread_fields=()) == expected


@pytest.mark.parametrize("call_sid", ["", 3, "c" * 256])
def test_ending_whose_call_cannot_be_named_is_that_of_the_attempt_in_our_tag(call_sid: object) -> None:
    report = translate(call_status="completed", call_sid=call_sid)

    assert (report.execution_id, report.provider_call_id) == ("exec_1", None)
    assert report.event is not None
    assert report.event.status is CallStatus.COMPLETED


def test_numbers_as_texts_are_read_and_blank_texts_are_absent() -> None:
    event = event_of(
        call_status="completed", duration="67", sip_status="200", call_termination_by="", execution_id=""
    )

    assert (event.duration_seconds, event.sip_status, event.hangup_by) == (67, 200, None)
