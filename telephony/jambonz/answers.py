"""What Jambonz' answer to a create call means: dialled, certainly not dialled, or nobody knows."""

from collections.abc import Mapping
from datetime import datetime

import httpx

from domain.telephony import Accepted, Ambiguous, DialResult, Refused
from telephony.fields import FieldReader
from telephony.not_dialled import read_not_dialled

_BARE_ERROR = "Internal Server Error"
"""The server that places the calls answered something else than 201, its own validation errors included."""


def read_dial_answer(response: httpx.Response, now: datetime, *, refused_on_500: bool) -> DialResult:
    """Classify an answer. Only what an answer vouches for counts as not dialled, the rest is ambiguous.

    No reason quotes the answer, which may hold the number called.
    """
    reason = f"provider answered {response.status_code}"
    if response.is_success:
        return _read_success(response)
    certain = read_not_dialled(response, now)
    if certain is not None:
        return certain
    match response.status_code:
        case 400:
            return Refused(reason)
        case 500 if refused_on_500 and response.text == _BARE_ERROR:
            return Refused(reason)
    return Ambiguous(reason)


def _read_success(response: httpx.Response) -> DialResult:
    reason = f"provider answered {response.status_code}"
    if response.status_code != httpx.codes.CREATED:
        return Ambiguous(reason)
    call_sid = _read_call_sid(response)
    return Ambiguous(f"{reason} without a call id") if call_sid is None else Accepted(call_sid)


def _read_call_sid(response: httpx.Response) -> str | None:
    try:
        answer: object = response.json()
    except ValueError:
        return None
    return FieldReader(answer).key("sid") if isinstance(answer, Mapping) else None
