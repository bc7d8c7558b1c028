"""The neutral contract's status body in our words: in webhooks and in answers to look-ups alike."""

from dataclasses import replace
from datetime import datetime

from domain.call import CallStatus, EventSource, StatusEvent, has_ended
from telephony.fields import FieldReader
from telephony.status_words import StatusWords


def read_status_event(
    fields: FieldReader,
    *,
    words: StatusWords,
    received_at: datetime,
    source: EventSource,
    provider_call_id: str | None,
) -> StatusEvent:
    """Return the status event in a neutral body, with the fields that could not be read.

    Raises InvalidRequest with every error that `fields` has found in required fields.
    The event time is never later than `received_at`, which also stands in for a missing one.
    """
    status = _read_status(fields, words)
    follow_up = fields.given_time("follow_up_at") if has_ended(status) else None
    is_local = follow_up is not None and follow_up.is_local
    event = StatusEvent(
        status=status,
        happened_at=min(fields.utc("timestamp") or received_at, received_at),
        source=source,
        provider_call_id=provider_call_id,
        sip_status=fields.whole_number("sip_status"),
        duration_seconds=fields.seconds("duration_seconds"),
        hangup_by=fields.text("hangup_by"),
        hangup_reason=fields.text("hangup_reason"),
        recording_url=fields.text("recording_url"),
        transcript=fields.text("transcript"),
        summary=fields.text("summary"),
        sentiment=fields.text("sentiment"),
        total_cost=fields.amount("total_cost"),
        follow_up_at=None if follow_up is None or is_local else follow_up.instant("UTC"),
        local_follow_up=follow_up if is_local else None,
        answered_by=fields.answered_by("answered_by"),
        disposition=fields.disposition("disposition"),
        disposition_note=fields.note("disposition_note"),
        disposition_data=fields.small_object("disposition_data"),
    )
    fields.raise_for_errors()
    return replace(event, unread_fields=fields.lost)


def _read_status(fields: FieldReader, words: StatusWords) -> CallStatus:
    word = fields.required_word("call_status")
    status = None if word is None else words.status_of(word)
    if status is not None:
        return status
    if word is not None:
        fields.reject("call_status", "Not a known call status", "call_status")
    return CallStatus.QUEUED  # never used: the error is raised first
