"""How calls that wait for the same instant are spread, so that an opening window starts no stampede."""

from datetime import datetime, timedelta

from domain.working_hours import CallingHours, is_open, window_around

OPENING_SPREAD = timedelta(seconds=60)
"""Whoever waits for a window to open wakes within this time after it does, never before."""

_INSTANT = timedelta(microseconds=1)
_SHARE_OF_WINDOW = 2
"""A short window is used for its first half, so that nobody sleeps through it."""


def spread_after(hours: CallingHours, due_at: datetime, *, before: datetime | None = None) -> timedelta:
    """Return how long after `due_at` a wake-up may be put off: nothing, unless a window opens just then.

    Less where the window is short, or where `before` (the batch's end) is near.
    """
    if is_open(hours, due_at - _INSTANT):
        return timedelta()
    ends = (at for at in (window_around(hours, due_at).closes_at, before) if at is not None)
    lengths = [max(at - due_at, timedelta()) / _SHARE_OF_WINDOW for at in ends]
    return min([OPENING_SPREAD, *lengths])
