"""The body of Jambonz' create call, and the checks it must pass.

A body that only the server behind the API refuses comes back as an error that looks ambiguous; so all of it
is checked here, before the request is sent.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

from domain.telephony import CallRequest
from telephony.jambonz.settings import CallTag, JambonzSettings

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_CALLER = re.compile(r"[!-~]{1,256}")
_ID = re.compile(r"[A-Za-z0-9_.-]{1,255}")
"""Jambonz trims texts in a tag and rewrites those that look like addresses: these stay as they are."""
LONGEST_BRIEF = 16_384
"""Characters, all of them ASCII."""
_RETRY = "#rc=3&rp=all"
"""Asks Jambonz to repeat a webhook that failed, three times, whatever the failure was."""


def fault_in(request: CallRequest) -> str | None:
    """Return why a request may not be sent, None when it may; never the value itself."""
    return next(_faults(request), None)


def _faults(request: CallRequest) -> Iterator[str]:
    if not _E164.fullmatch(request.to_number):
        yield "to_number: must be + and 2 to 15 digits, the first not 0"
    if not _CALLER.fullmatch(request.from_number):
        yield "from_number: must be 1 to 256 printable ASCII characters without spaces"
    for name, value in _checked_ids(request).items():
        if not _ID.fullmatch(value):
            yield f"{name}: must be 1 to 255 letters, digits, dots, dashes or underscores"
    for name, length in (("ring_timeout", request.ring_timeout), ("max_duration", request.max_duration)):
        if length < timedelta(seconds=1) or length % timedelta(seconds=1):
            yield f"{name}: must be 1 or more whole seconds"


def create_call_body(request: CallRequest, settings: JambonzSettings, status_callback_url: str) -> bytes:
    """Return the JSON body of a create call.

    Personal data stand in the two numbers and, where the settings want a full tag, in its brief.
    """
    body: dict[str, object] = {
        "from": sent_number(request.from_number, settings),
        "to": _destination(request, settings),
        "call_status_hook": {"url": _with_retries(status_callback_url), "method": "POST"},
        "tag": _tag(request, settings),
        "timeout": int(request.ring_timeout.total_seconds()),
        "timeLimit": int(request.max_duration.total_seconds()),
        "headers": {"X-Execution-Id": request.execution_id},
        **_verbs(settings, settings.application_of(request.agent_id)),
    }
    amd_hook = _with_retries(status_callback_url) if settings.amd else settings.amd_hook
    if amd_hook is not None:
        body["amd"] = {"actionHook": str(amd_hook)}
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def impossible_call_body(settings: JambonzSettings) -> bytes:
    """Return a create call that reaches the server that places the calls, and places none.

    That server first refuses a ring limit that is not a number. The address does not exist either, so a
    server that ignores the limit rings no phone.
    """
    body: dict[str, object] = {
        "from": "apollo",
        "to": {"type": "sip", "sipUri": "sip:nobody@nowhere.invalid"},
        "timeout": "none",
        **_verbs(settings, settings.application_of(next(iter(settings.applications), ""))),
    }
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def sent_number(number: str, settings: JambonzSettings) -> str:
    """Return the number in the carrier's form."""
    return number.removeprefix("+") if settings.strip_plus else number


def _with_retries(url: str) -> str:
    """Return the address with Jambonz' retry options in its fragment, unless it has its own."""
    return url if "#" in url else url + _RETRY


def _destination(request: CallRequest, settings: JambonzSettings) -> dict[str, str]:
    to = {"type": "phone", "number": sent_number(request.to_number, settings)}
    return to if settings.trunk is None else {**to, "trunk": settings.trunk}


def _checked_ids(request: CallRequest) -> dict[str, str]:
    return {
        "attempt_id": request.execution_id,
        "batch_id": request.batch_id,
        "contact_id": request.contact_id,
        "campaign_id": request.campaign_id,
    }


def _tag(request: CallRequest, settings: JambonzSettings) -> dict[str, object]:
    """Return what reaches the application that speaks as `customerData`, and comes back with every status."""
    ids: dict[str, object] = {**_checked_ids(request), "organization_id": request.organization_id}
    if settings.tag is CallTag.FULL:
        return {**ids, "agent_id": request.agent_id, **_brief(request)}
    return ids


def _brief(request: CallRequest) -> dict[str, object]:
    """Return what the agent should know as one text: Jambonz changes texts and nulls that are nested."""
    known = {"variables": dict(request.variables), "context": dict(request.context)}
    text = json.dumps(known, separators=(",", ":"))
    return {"brief": text} if len(text) <= LONGEST_BRIEF else {"brief_omitted": True}


def _verbs(settings: JambonzSettings, application_sid: str | None) -> dict[str, object]:
    """Return what answered calls run."""
    if application_sid is not None:
        return {"application_sid": application_sid}
    speech = {name: value for name, value in settings if name.startswith("speech_")}
    return {"call_hook": {"url": str(settings.call_hook), "method": "POST"}, **speech}
