"""Jambonz' status webhook in our words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from domain.call import CallStatus, StatusEvent
from domain.disposition import AnsweredBy
from domain.identity import ExecutionId
from domain.ports import StatusReport
from telephony.fields import FieldReader, can_be_kept
from telephony.status_words import BUILT_IN_WORDS

_TAGS = ("customerData", "tag")
_HANGUP_BY = {"caller": "callee", "jambonz": "assistant"}
"""Jambonz calls the far end of an outbound call its caller."""

_HAS_A_REASON = frozenset({CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED})
"""In other statuses `sip_reason` lags behind: it still says Trying while the phone rings."""

_ANSWERED_BY = {
    "amd_human_detected": AnsweredBy.HUMAN,
    "amd_machine_detected": AnsweredBy.MACHINE,
    "amd_machine_stopped_speaking": AnsweredBy.MACHINE,
    "amd_tone_detected": AnsweredBy.MACHINE,
    "amd_no_speech_detected": AnsweredBy.UNKNOWN,
    "amd_decision_timeout": AnsweredBy.UNKNOWN,
}
"""What each report of the detection decides; the others decide nothing."""


def translate_native(body: Mapping[str, object], received_at: datetime) -> StatusReport:
    """Return the report in a body with `call_sid`. Raises InvalidRequest when it names no call.

    Jambonz sends neither an event time nor an event id.
    A child leg reports nothing about the call itself, unless it carries our tag.
    """
    fields = FieldReader(body)
    call_sid = fields.key("call_sid")
    if _is_about_the_answerer(body):
        return _read_answerer(body, fields, call_sid, received_at)
    status = BUILT_IN_WORDS.status_of(fields.required_word("call_status") or "")
    execution_id = tagged_attempt(body)
    if call_sid is None and execution_id is None:
        fields.reject("call_sid", "Field required", "missing")
    parent_sid = fields.key("parent_call_sid") if execution_id is None else None
    event = None
    if status is not None and parent_sid is None:
        event = _read_event(fields, status, call_sid, received_at)
    fields.raise_for_errors()
    return StatusReport(
        execution_id=execution_id,
        provider_call_id=parent_sid or call_sid,
        event=event,
        event_id=None,
        body=without_tag(body),
    )


def _is_about_the_answerer(body: Mapping[str, object]) -> bool:
    """Tell whether a body comes from the detection of answering machines, which reports no status."""
    kind = body.get("type")
    return isinstance(kind, str) and kind.startswith("amd_")


def _read_answerer(
    body: Mapping[str, object], fields: FieldReader, call_sid: str | None, received_at: datetime
) -> StatusReport:
    execution_id = tagged_attempt(body)
    if call_sid is None and execution_id is None:
        fields.reject("call_sid", "Field required", "missing")
    fields.raise_for_errors()
    answered_by = _ANSWERED_BY.get(str(body["type"]))
    event = StatusEvent(
        # Only an answered call is listened to.
        status=CallStatus.IN_PROGRESS,
        happened_at=received_at,
        provider_call_id=call_sid,
        answered_by=answered_by,
    )
    return StatusReport(
        execution_id=execution_id,
        provider_call_id=call_sid,
        event=None if answered_by is None else event,
        event_id=None,
        body=without_tag(body),
    )


def _read_event(
    fields: FieldReader, status: CallStatus, call_sid: str | None, received_at: datetime
) -> StatusEvent:
    ended_by = fields.text("call_termination_by")
    reason = fields.text("sip_reason")
    event = StatusEvent(
        status=status,
        happened_at=received_at,
        provider_call_id=call_sid,
        sip_status=fields.whole_number("sip_status"),
        duration_seconds=fields.seconds("duration"),
        hangup_by=None if ended_by is None else _HANGUP_BY.get(ended_by, ended_by),
        hangup_reason=reason if status in _HAS_A_REASON else None,
    )
    return replace(event, unread_fields=fields.lost)


def tagged_attempt(body: Mapping[str, object]) -> ExecutionId | None:
    """Return our execution id from the tag that Jambonz sends back; None in a tag that is not ours."""
    for name in _TAGS:
        tag = body.get(name)
        attempt_id = tag.get("attempt_id") if isinstance(tag, Mapping) else None
        if isinstance(attempt_id, str) and attempt_id and can_be_kept(attempt_id):
            return ExecutionId(attempt_id)
    return None


def without_tag(body: Mapping[str, object]) -> Mapping[str, object]:
    """Return the body without the tag, which is read for ids only."""
    return {name: value for name, value in body.items() if name not in _TAGS}
