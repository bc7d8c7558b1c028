"""Jambonz' bodies with invented values: what is reported of a call, and what a look-up shows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.hostile.fault import Attempt, Form, Step, Unlike
from tests.hostile.reports import COMPLETED, TRYING

_TEN_MEGABYTES = 10_000_000
_FOREIGN_LANDS = "hostile.example"


@dataclass
class Call:
    """A call that was placed, and where it truly stands."""

    attempt_id: str
    number: str
    caller: str
    hook: str
    tag: Mapping[str, object]
    treatment: Attempt
    account_sid: str
    sid: str = field(default_factory=lambda: str(uuid4()))
    stands: Step = TRYING
    application_sid: str | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))


_LONG_AGO = timedelta(minutes=10)
_ANOTHERS_CALLER = "+13125550176"
_ANOTHERS_APPLICATION = "f0e1f0e1-0000-4000-8000-0ddba11ca11e"


def stranger_to(call: Call, unlike: Unlike) -> Call:
    """Return a call to the same number that nobody of Apollo asked for."""
    stranger = replace(call, attempt_id="", hook="", tag={}, sid=str(uuid4()), stands=TRYING)
    match unlike:
        case Unlike.NOTHING:
            return stranger
        case Unlike.CALLER:
            return replace(stranger, caller=_ANOTHERS_CALLER, stands=COMPLETED)
        case Unlike.APPLICATION:
            return replace(stranger, application_sid=_ANOTHERS_APPLICATION, stands=COMPLETED)
        case Unlike.TIME:
            return replace(stranger, began_at=call.began_at - _LONG_AGO, stands=COMPLETED)


def report(call: Call, step: Step, victim: Call | None) -> bytes:
    """Return the webhook for a step, in the form the step asks for."""
    body = {**_told(call, step), "customerData": dict(call.tag)}
    match step.form:
        case Form.UNTAGGED:
            del body["customerData"]
        case Form.GARBLED_TAG:
            body["customerData"] = "[object Object]"
        case Form.CHILD_LEG:
            del body["customerData"]
            body |= {"call_sid": str(uuid4()), "parent_call_sid": call.sid}
        case Form.OTHERS_ATTEMPT if victim is not None:
            body["customerData"] = dict(victim.tag)
        case Form.OTHERS_CALL if victim is not None:
            body["call_sid"] = victim.sid
        case Form.HUGE:
            body["headers"] = {"X-Padding": "x" * _TEN_MEGABYTES}
    return json.dumps(body, separators=(",", ":")).encode()


def snapshot(call: Call) -> Mapping[str, object]:
    """Return what a look-up shows: everything but the tag, and no time at all."""
    return {**_told(call, call.stands), "service_url": f"http://fs.{_FOREIGN_LANDS}:3000"}


def detail_record(call: Call) -> Mapping[str, object]:
    """Return what is kept of a call for months; one that goes on has no end yet."""
    has_ended = call.stands.word == "completed"
    ended_at = datetime.now(UTC) if has_ended else datetime.fromtimestamp(0, UTC)
    return {
        "call_sid": call.sid,
        "from": call.caller,
        "to": call.number,
        "answered": has_ended,
        "sip_status": call.stands.sip,
        "attempted_at": call.began_at.isoformat(),
        "duration": 3 if has_ended else 0,
        "terminated_at": ended_at.isoformat(),
        "termination_reason": "caller hungup",
        "direction": "outbound",
        "trunk": "carrier-of-the-test",
    }


def _told(call: Call, step: Step) -> dict[str, object]:
    body: dict[str, object] = {
        "call_sid": call.sid,
        "direction": "outbound",
        "from": call.caller,
        "to": call.number,
        "call_id": f"{call.sid[:8]}@sip.{_FOREIGN_LANDS}",
        "sip_status": step.sip,
        "sip_reason": step.reason,
        "call_status": step.word,
        "account_sid": call.account_sid,
        "trace_id": "c0ffee00c0ffee00c0ffee00c0ffee00",
        "fs_sip_address": "203.0.113.9:5060",
    }
    if call.application_sid is not None:
        body["application_sid"] = call.application_sid
    if step.sip > 100:
        body["sbc_callid"] = f"{call.sid[-8:]}@sbc.{_FOREIGN_LANDS}"
    if step.word == "completed":
        body |= {"duration": 3, "call_termination_by": "caller"}
    return body
