"""What the answer to a create call means: dialled, certainly not dialled, or nobody knows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from domain.telephony import Accepted, Ambiguous, DialResult, Misconfigured, Refused, Throttled, Unavailable
from telephony.rotary.wire import call_id_in

SHORTEST_WAIT = timedelta(seconds=1)
"""Also the wait when a provider throttles without saying for how long."""
LONGEST_WAIT = timedelta(hours=1)
"""A provider that names a longer wait is asked again after this one."""
_LONGEST_NUMBER = 9
"""Digits of a wait in seconds; more than thirty years."""


@dataclass(frozen=True)
class KnownAlready:
    """The provider has seen this execution id before: whether it dialled must be looked up."""


def read_dial_answer(response: httpx.Response, now: datetime) -> DialResult | KnownAlready:
    """Classify an answer. Only what an answer vouches for counts as not dialled, the rest is ambiguous."""
    status = response.status_code
    if response.is_success:
        return _read_success(response)
    reason = f"provider answered {status}"
    if 300 <= status < 400:
        return Misconfigured(reason)
    match status:
        case 400 | 422:
            return Refused(reason)
        case 401 | 403 | 404 | 405 | 413 | 415:
            return Misconfigured(reason)
        case 409:
            return KnownAlready()
        case 429:
            return Throttled(read_retry_after(response.headers.get("Retry-After"), now))
        case 480:
            return Unavailable(reason)
    return Ambiguous(reason)


def _read_success(response: httpx.Response) -> DialResult:
    try:
        call_id = call_id_in(response.json())
    except ValueError:
        call_id = None
    if call_id is None:
        return Ambiguous(f"provider answered {response.status_code} without a call id")
    return Accepted(call_id)


def read_retry_after(header: str | None, now: datetime) -> timedelta:
    """Return the wait a `Retry-After` asks for, in seconds or as an HTTP date, from 1 s to 1 h."""
    wait = _wait_named(header or "", now)
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)


def _wait_named(header: str, now: datetime) -> timedelta:
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) <= _LONGEST_NUMBER else LONGEST_WAIT
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return SHORTEST_WAIT
    # A date that names no zone parses as naive; HTTP dates are always UTC.
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
