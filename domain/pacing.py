"""How calls that wait for the same instant are spread, so that an opening window starts no stampede."""

from datetime import datetime, timedelta

from domain.working_hours import CallingHours, is_open

OPENING_SPREAD = timedelta(seconds=60)
"""Whoever waits for a window to open wakes within this time after it does, never before."""

_INSTANT = timedelta(microseconds=1)


def spread_after(hours: CallingHours, due_at: datetime) -> timedelta:
    """Return how long after `due_at` a wake-up may be put off: nothing, unless a window opens just then."""
    return timedelta() if is_open(hours, due_at - _INSTANT) else OPENING_SPREAD
