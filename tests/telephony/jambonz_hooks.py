"""Status webhooks in Jambonz' form.

Every value is invented; which fields come, and when, is how Jambonz does it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CALL_SID = "e1a5c0de-5ca1-4b1e-9a11-0ddba11c0ffe"
WEBHOOK_SECRET = "sesame-for-tests"

Hook = Mapping[str, object]


def a_hook(call_status: str, sip_status: int, sip_reason: str = "Trying", **fields: object) -> Hook:
    """Return one webhook of an outbound call; `sip_reason` lags behind until somebody answers."""
    return {
        "call_sid": CALL_SID,
        "direction": "outbound",
        "from": "13125550176",
        "to": "16465550139",
        "call_id": "9f4e77b2@sip.example",
        "sip_status": sip_status,
        "sip_reason": sip_reason,
        "call_status": call_status,
        "account_sid": "acc0a11d-7e57-4e57-8e57-7e577e577e57",
        "trace_id": "5eed5eed5eed5eed5eed5eed5eed5eed",
        "fs_sip_address": "198.51.100.23:5060",
        "customerData": {"attempt_id": "exec_native"},
        **fields,
    }


def a_routed_hook(call_status: str, sip_status: int, sip_reason: str = "Trying", **fields: object) -> Hook:
    """Return one webhook from the carrier's first provisional answer on, when its leg has an id too."""
    return a_hook(call_status, sip_status, sip_reason, sbc_callid="b2b-60d1@sbc.example", **fields)


TRYING = a_hook("trying", 100)
RINGING = a_routed_hook("ringing", 180)
EARLY_MEDIA = a_routed_hook("early-media", 183)
ANSWERED = a_routed_hook("in-progress", 200, "OK")


@dataclass(frozen=True, kw_only=True)
class NativeCall:
    """A whole call, and how it reads in our words."""

    name: str
    hooks: Sequence[Hook]
    statuses: Sequence[str]
    """Equal neighbours told once."""
    sip_status: int
    duration_seconds: int | None = None
    hangup_by: str | None = None
    hangup_reason: str | None = None

    @property
    def raw_bodies(self) -> Sequence[bytes]:
        """The bodies as they travel."""
        return [json.dumps(hook, separators=(",", ":")).encode() for hook in self.hooks]


def an_answered_call(name: str, *, ended_by: str, hangup_by: str, seconds: int) -> NativeCall:
    """Return a call that rang, was answered and ended; Jambonz calls the far end `caller`."""
    ended = a_routed_hook("completed", 200, "OK", call_termination_by=ended_by, duration=seconds)
    return NativeCall(
        name=name,
        hooks=(TRYING, RINGING, EARLY_MEDIA, ANSWERED, ended),
        statuses=("queued", "ringing", "in_progress", "completed"),
        sip_status=200,
        duration_seconds=seconds,
        hangup_by=hangup_by,
    )


def an_unanswered_call(
    name: str, call_status: str, sip_status: int, reason: str, *, ends_as: str
) -> NativeCall:
    """Return a call that rang and was not answered."""
    return NativeCall(
        name=name,
        hooks=(TRYING, RINGING, a_routed_hook(call_status, sip_status, reason)),
        statuses=("queued", "ringing", ends_as),
        sip_status=sip_status,
        hangup_reason=reason,
    )


def a_call_that_never_rang(
    name: str, call_status: str, sip_status: int, reason: str, *, ends_as: str
) -> NativeCall:
    """Return a call that was turned down before any phone rang."""
    return NativeCall(
        name=name,
        hooks=(TRYING, a_hook(call_status, sip_status, reason)),
        statuses=("queued", ends_as),
        sip_status=sip_status,
        hangup_reason=reason,
    )


NATIVE_CALLS = (
    an_answered_call("answered, the callee hangs up", ended_by="caller", hangup_by="callee", seconds=47),
    an_answered_call("answered, ended by the API", ended_by="jambonz", hangup_by="assistant", seconds=0),
    an_unanswered_call("busy", "busy", 486, "Busy Here", ends_as="busy"),
    a_call_that_never_rang("declined at once", "busy", 603, "Decline", ends_as="busy"),
    an_unanswered_call("rang until the timeout", "no-answer", 487, "Request Terminated", ends_as="no_answer"),
    an_unanswered_call(
        "cancelled while it rang", "no-answer", 487, "Request Terminated", ends_as="no_answer"
    ),
    a_call_that_never_rang("number unknown", "failed", 404, "Not Found", ends_as="failed"),
    an_unanswered_call("phone off", "failed", 480, "Temporarily Unavailable", ends_as="failed"),
)
