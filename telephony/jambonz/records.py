"""What Jambonz keeps of its calls, in our words: the live record, the list, and the detail records."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from domain.call import CallStatus, EventSource, StatusEvent
from domain.errors import InvalidRequest
from telephony.fields import FieldReader
from telephony.jambonz.translate import translate_native

_NO_DIGIT = re.compile(r"[^0-9]")
_BUSY = frozenset({486, 600, 603})
_CANCELLED = 487


def read_snapshot(call: object, now: datetime) -> StatusEvent | None:
    """Return where a call stands, None for what is no call of ours, or cannot be read.

    A record tells no time: what it says is true as of now.
    """
    if not isinstance(call, Mapping):
        return None
    try:
        event = translate_native(call, now).event
    except InvalidRequest:
        return None
    return None if event is None else replace(event, source=EventSource.POLL)


def read_calls_to(calls: Sequence[object], number: str, now: datetime) -> Sequence[StatusEvent]:
    """Return the outbound calls to a number; one that cannot be read is left out.

    The numbers are compared by their digits: a `+` goes out to some carriers and not to others.
    """
    wanted = _digits(number)
    to_number = [
        call
        for call in calls
        if isinstance(call, Mapping)
        and call.get("direction") == "outbound"
        and _digits(call.get("to")) == wanted
    ]
    events = [read_snapshot(call, now) for call in to_number]
    return [event for event in events if event is not None]


def read_detail_record(answer: object, call_sid: str, now: datetime) -> StatusEvent | None:
    """Return how a call ended from the account's recent calls, None when they do not tell."""
    rows = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(rows, list):
        return None
    endings = [_read_ending(row, call_sid, now) for row in rows]
    known = [ending for ending in endings if ending is not None]
    # A call that went to one carrier after the other has several rows: the one that answered is the call.
    known.sort(key=lambda ending: (ending.status is CallStatus.COMPLETED, ending.happened_at))
    return known[-1] if known else None


def _read_ending(row: object, call_sid: str, now: datetime) -> StatusEvent | None:
    if not isinstance(row, Mapping) or row.get("call_sid") != call_sid:
        return None
    fields = FieldReader(row)
    terminated_at = fields.instant("terminated_at")
    sip_status = fields.whole_number("sip_status")
    was_answered = row.get("answered") is True
    duration = fields.seconds("duration") if was_answered else None
    try:
        fields.raise_for_errors()
    except InvalidRequest:
        return None
    # An end that was never written reads as the year 1970.
    if terminated_at is None or terminated_at.timestamp() <= 0:
        return None
    return StatusEvent(
        status=CallStatus.COMPLETED if was_answered else _ending_of(sip_status),
        happened_at=min(terminated_at, now),
        source=EventSource.POLL,
        provider_call_id=call_sid,
        sip_status=sip_status,
        duration_seconds=duration,
    )


def _ending_of(sip_status: int | None) -> CallStatus:
    if sip_status in _BUSY:
        return CallStatus.BUSY
    return CallStatus.NO_ANSWER if sip_status == _CANCELLED else CallStatus.FAILED


def _digits(number: object) -> str | None:
    return _NO_DIGIT.sub("", number) if isinstance(number, str) else None
