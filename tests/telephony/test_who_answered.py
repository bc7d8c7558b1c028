"""Who answered and what came of it in webhooks: the neutral fields, and Jambonz' answering-machine events."""

import json
from datetime import UTC, datetime

import pytest

from domain.call import CallStatus, StatusEvent
from domain.disposition import AnsweredBy
from domain.errors import InvalidRequest
from domain.identity import ExecutionId
from domain.ports import StatusReport
from telephony.status_words import BUILT_IN_WORDS
from telephony.webhook import webhook_translator
from tests.telephony.jambonz_server import STATUS_URL
from tests.telephony.test_jambonz_client import dialled

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
translate = webhook_translator(BUILT_IN_WORDS)


def neutral(**fields: object) -> StatusEvent:
    event = translate({"execution_id": "exec_1", "call_status": "completed", **fields}, RECEIVED_AT).event
    assert event is not None
    return event


def an_amd_body(kind: str, **fields: object) -> dict[str, object]:
    """What Jambonz posts: the call as it stands, and the report in its midst."""
    return {
        "call_sid": "5b0c-77",
        "direction": "outbound",
        "call_status": "in-progress",
        "sip_status": 200,
        "sip_reason": "OK",
        "customerData": {"attempt_id": "exec_1"},
        "type": kind,
        **fields,
    }


def test_neutral_fields_are_read() -> None:
    event = neutral(
        answered_by=" Machine ",
        disposition="left_message",
        disposition_note="after the beep",
        disposition_data={"seconds": 4, "tags": ["a", None]},
    )
    assert (event.answered_by, event.disposition) == (AnsweredBy.MACHINE, "left_message")
    assert event.disposition_note == "after the beep"
    assert event.disposition_data == {"seconds": 4, "tags": ["a", None]}
    assert event.unread_fields == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("answered_by", "robot", id="unknown answerer"),
        pytest.param("answered_by", 1, id="answerer is a number"),
        pytest.param("disposition", "Wrong Number", id="disposition in capitals"),
        pytest.param("disposition", "a" * 65, id="long disposition"),
        pytest.param("disposition", ["refused"], id="disposition is a list"),
        pytest.param("disposition_note", "x" * 2001, id="long note"),
        pytest.param("disposition_note", {"a": 1}, id="note is an object"),
        pytest.param("disposition_data", "refused", id="data is a text"),
        pytest.param("disposition_data", [1], id="data is a list"),
        pytest.param("disposition_data", {"a": "é" * 8200}, id="data over 16 KB"),
    ],
)
def test_bad_field_is_read_as_null_and_the_event_counts(field: str, value: object) -> None:
    event = neutral(**{field: value})
    assert getattr(event, field) is None
    assert event.status is CallStatus.COMPLETED
    assert [lost.split(":")[0] for lost in event.unread_fields] == [field]
    assert json.dumps(value) not in event.unread_fields[0]


@pytest.mark.parametrize(
    ("kind", "answered_by"),
    [
        pytest.param("amd_human_detected", AnsweredBy.HUMAN, id="human"),
        pytest.param("amd_machine_detected", AnsweredBy.MACHINE, id="machine"),
        pytest.param("amd_machine_stopped_speaking", AnsweredBy.MACHINE, id="machine fell silent"),
        pytest.param("amd_tone_detected", AnsweredBy.MACHINE, id="tone"),
        pytest.param("amd_no_speech_detected", AnsweredBy.UNKNOWN, id="no speech"),
        pytest.param("amd_decision_timeout", AnsweredBy.UNKNOWN, id="no decision"),
    ],
)
def test_answering_machine_event_tells_who_answered(kind: str, answered_by: AnsweredBy) -> None:
    body = an_amd_body(kind, reason="long greeting", greeting="You have reached", language="en-US")
    assert translate(body, RECEIVED_AT) == StatusReport(
        execution_id=ExecutionId("exec_1"),
        provider_call_id="5b0c-77",
        event=StatusEvent(
            status=CallStatus.IN_PROGRESS,
            happened_at=RECEIVED_AT,
            provider_call_id="5b0c-77",
            answered_by=answered_by,
        ),
        event_id=None,
        body={},
    )


@pytest.mark.parametrize("kind", ["amd_tone_timeout", "amd_error", "amd_stopped", "amd_of_a_later_version"])
def test_other_answering_machine_events_are_ignored(kind: str) -> None:
    report = translate(an_amd_body(kind, call_status="completed"), RECEIVED_AT)
    assert (report.execution_id, report.event) == (ExecutionId("exec_1"), None)


def test_answering_machine_event_ends_no_call_whatever_status_it_carries() -> None:
    event = translate(an_amd_body("amd_machine_detected", call_status="completed"), RECEIVED_AT).event
    assert event is not None
    assert event.status is CallStatus.IN_PROGRESS


def test_answering_machine_event_of_no_call_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        translate({"type": "amd_human_detected", "call_sid": 5}, RECEIVED_AT)


def test_a_type_of_another_kind_is_a_status_like_any() -> None:
    event = translate(an_amd_body("verb:hook", call_status="ringing"), RECEIVED_AT).event
    assert event is not None
    assert (event.status, event.answered_by) == (CallStatus.RINGING, None)


async def test_answering_machines_are_reported_to_apollo_where_the_setting_says_so() -> None:
    [body] = (await dialled(amd=True)).bodies
    assert body["amd"] == {"actionHook": f"{STATUS_URL}#rc=3&rp=all"}


async def test_two_places_to_report_answering_machines_to_are_refused() -> None:
    with pytest.raises(ValueError, match="APOLLO_JAMBONZ_AMD, APOLLO_JAMBONZ_AMD_HOOK"):
        await dialled(amd=True, amd_hook="https://agent.test/amd")
