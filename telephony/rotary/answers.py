"""Sorts the answer to a create call: dialled, certainly not dialled, or ambiguous."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from domain.telephony import Accepted, Ambiguous, DialResult, Refused
from telephony.provider_answer import read_not_dialled, reason_of
from telephony.rotary.wire import call_id_in


@dataclass(frozen=True)
class KnownAlready:
    """The provider has seen this execution id before: whether it dialled must be looked up."""


def read_dial_answer(
    response: httpx.Response, now: datetime, *, unfit: frozenset[str], call_id_paths: Sequence[str]
) -> DialResult | KnownAlready:
    """Classify an answer. Only an answer that proves it counts as not dialled, the rest is ambiguous.

    A 422 is about this one call; a 400 is about the form of the request, which all calls share.
    """
    if response.is_success:
        return _read_success(response, call_id_paths)
    reason = reason_of(response, unfit)
    certain = read_not_dialled(response, reason, now)
    if certain is not None:
        return certain
    match response.status_code:
        case 422:
            return Refused(reason)
        case 409:
            return KnownAlready()
    return Ambiguous(reason)


def _read_success(response: httpx.Response, call_id_paths: Sequence[str]) -> DialResult:
    try:
        call_id = call_id_in(response.json(), call_id_paths)
    except ValueError:
        call_id = None
    if call_id is None:
        return Ambiguous(f"provider answered {response.status_code} without a call id")
    return Accepted(call_id)
