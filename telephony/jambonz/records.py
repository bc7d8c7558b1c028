"""Jambonz' records of calls in our words: the live record, the listing, and the detail records."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from domain.call import CallStatus, EventSource, StatusEvent
from domain.errors import InvalidRequest
from domain.telephony import CallSearch
from telephony.fields import FieldReader, are_the_same_number
from telephony.jambonz.translate import tagged_attempt, translate_native

_BUSY = frozenset({486, 600, 603})
_CANCELLED = 487


def read_snapshot(call: object, now: datetime) -> StatusEvent | None:
    """Return the status of a call, None for a record that is not ours or cannot be read.

    A record has no time: its status holds as of now.
    """
    if not isinstance(call, Mapping):
        return None
    try:
        event = translate_native(call, now).event
    except InvalidRequest:
        return None
    if event is None or event.provider_call_id is None:
        return None
    return replace(event, source=EventSource.POLL)


def read_calls_like(
    calls: Sequence[object], search: CallSearch, applications: Collection[str | None], now: datetime
) -> Sequence[StatusEvent]:
    """Return the outbound calls that match the search; records that cannot be read are left out.

    Other clients of the account may call the same people, with another caller or application.
    """
    alike = [call for call in calls if isinstance(call, Mapping) and _is_like(call, search, applications)]
    events = [read_snapshot(call, now) for call in alike]
    return [event for event in events if event is not None]


def _is_like(call: Mapping[str, object], search: CallSearch, applications: Collection[str | None]) -> bool:
    return (
        call.get("direction") == "outbound"
        and are_the_same_number(call.get("to"), search.to_number)
        and are_the_same_number(call.get("from"), search.from_number)
        and (call.get("application_sid") or None) in applications
        and tagged_attempt(call) in (None, search.execution_id)
    )


def read_starts(answer: object) -> Mapping[str, datetime]:
    """Return when each of the account's recent calls began, by its id."""
    starts: dict[str, datetime] = {}
    for row in _rows_of(answer):
        fields = FieldReader(row)
        call_sid, began_at = fields.text("call_sid"), fields.utc("attempted_at")
        if call_sid is not None and began_at is not None:
            # A call that went to one carrier after the other has several rows.
            starts[call_sid] = min(began_at, starts.get(call_sid, began_at))
    return starts


def read_detail_record(answer: object, call_sid: str, now: datetime) -> StatusEvent | None:
    """Return how a call ended from the account's recent calls, None when they do not say."""
    endings = [_read_ending(row, call_sid, now) for row in _rows_of(answer)]
    known = [ending for ending in endings if ending is not None]
    # A call that went to one carrier after the other has several rows: the one that answered is the call.
    known.sort(key=lambda ending: (ending.status is CallStatus.COMPLETED, ending.happened_at))
    return known[-1] if known else None


def _rows_of(answer: object) -> Sequence[Mapping[str, object]]:
    rows = answer.get("data") if isinstance(answer, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _read_ending(row: Mapping[str, object], call_sid: str, now: datetime) -> StatusEvent | None:
    if row.get("call_sid") != call_sid:
        return None
    fields = FieldReader(row)
    terminated_at = fields.utc("terminated_at")
    sip_status = fields.whole_number("sip_status")
    was_answered = row.get("answered") is True
    duration = fields.seconds("duration") if was_answered else None
    if terminated_at is None:
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
