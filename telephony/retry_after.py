"""How long a provider that throttles us wants to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from telephony.request_rate import LONGEST_PAUSE

SHORTEST_WAIT = timedelta(seconds=1)
"""Also the wait when a provider throttles without saying for how long."""
_LONGEST_NUMBER = 9
"""Digits of a wait in seconds; more than thirty years."""


def read_retry_after(header: str | None, now: datetime) -> timedelta:
    """Return the wait a `Retry-After` asks for, in seconds or as an HTTP date, from 1 s to 1 h."""
    wait = _wait_named(header or "", now)
    return min(max(wait, SHORTEST_WAIT), LONGEST_PAUSE)


def _wait_named(header: str, now: datetime) -> timedelta:
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) <= _LONGEST_NUMBER else LONGEST_PAUSE
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return SHORTEST_WAIT
    # A date that names no zone parses as naive; HTTP dates are always UTC.
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
