"""What the answer to a create call means: dialled, certainly not dialled, or nobody knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from domain.telephony import Accepted, Ambiguous, DialResult, Refused
from telephony.not_dialled import read_not_dialled
from telephony.rotary.wire import call_id_in


@dataclass(frozen=True)
class KnownAlready:
    """The provider has seen this execution id before: whether it dialled must be looked up."""


def read_dial_answer(
    response: httpx.Response, now: datetime, *, call_id_paths: Sequence[str]
) -> DialResult | KnownAlready:
    """Classify an answer. Only what an answer vouches for counts as not dialled, the rest is ambiguous."""
    if response.is_success:
        return _read_success(response, call_id_paths)
    certain = read_not_dialled(response, now)
    if certain is not None:
        return certain
    reason = f"provider answered {response.status_code}"
    match response.status_code:
        case 400 | 422:
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
