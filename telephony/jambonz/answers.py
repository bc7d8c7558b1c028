"""Sorts Jambonz' answer to a create call: dialled, certainly not dialled, or ambiguous."""

from collections.abc import Mapping
from datetime import datetime

import httpx

from domain.telephony import Accepted, Ambiguous, DialResult, Misconfigured
from telephony.fields import FieldReader
from telephony.provider_answer import read_not_dialled, reason_of

_BARE_ERROR = "Internal Server Error"
"""The server that places the calls answered anything but 201, a validation error too."""

_GATEWAY_ERRORS = frozenset({502, 503, 504})


def read_dial_answer(
    response: httpx.Response, now: datetime, *, unfit: frozenset[str], refused_on_500: bool
) -> DialResult:
    """Classify an answer. Only an answer that proves it counts as not dialled, the rest is ambiguous.

    Jambonz does not check the number before it dials, so none of these answers is about one callee.
    """
    if response.is_success:
        return _read_success(response)
    reason = reason_of(response, unfit)
    certain = read_not_dialled(response, reason, now)
    if certain is not None:
        return certain
    is_proof = refused_on_500 and _is_bare_error(response)
    return Misconfigured(reason) if is_proof else Ambiguous(reason)


def has_lost_its_dialler(response: httpx.Response) -> bool:
    """Tell whether an answer says that the server that places the calls was not reached.

    A 500 in any other form may be that server's own answer, behind a proxy in whatever words.
    """
    if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
        return "json" in response.headers.get("Content-Type", "")
    return response.status_code in _GATEWAY_ERRORS


def _is_bare_error(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and response.text == _BARE_ERROR


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
