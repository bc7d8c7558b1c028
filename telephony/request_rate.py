"""The rate limit towards one provider: dials, look-ups and hang-ups together.

Holds for this process only: where the provider counts all processes, each needs its share of the limit.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

BURST = timedelta(seconds=5)
"""After a pause, the requests of this long may go out at once."""
HANG_UP_SHARE = 0.2
"""Of the rate, reserved so that calls can be ended while others are dialled."""
LONGEST_PAUSE = timedelta(hours=1)
"""The limit of a `Retry-After`."""


SHORTEST_WAIT = timedelta(seconds=1)
"""Also the wait after a 429 without a usable `Retry-After`."""
_LONGEST_NUMBER = 9
"""Digits of a wait in seconds: more than thirty years."""


class RequestRate:
    """Two leaky buckets, first come first served; `per_second` None or 0 is unlimited.

    A request that would wait too long is rejected and takes nothing, so the queue is bounded.
    Raises ValueError for a negative or infinite rate.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        rate = per_second or 0.0
        if not 0 <= rate < math.inf:
            raise ValueError("requests per second: must be 0 or more")
        self._clock = clock
        self._sleep = sleep
        self._general = _LeakyBucket(rate * (1 - HANG_UP_SHARE))
        self._for_hang_ups = _LeakyBucket(rate * HANG_UP_SHARE)
        self._closed_until = -math.inf

    async def acquire(self, longest_wait: timedelta) -> timedelta:
        """Wait up to `longest_wait` for the next request, and return zero.

        Returns the time to wait, and takes nothing, where that is longer.
        """
        return await self._take(self._general, longest_wait)

    async def acquire_for_hang_up(self, longest_wait: timedelta) -> timedelta:
        """Do the same for a hang-up, from the reserved share or the general one, whichever is sooner."""
        now = self._clock()
        sooner = min(self._for_hang_ups, self._general, key=lambda bucket: bucket.wait(now))
        return await self._take(sooner, longest_wait)

    def close_for(self, pause: timedelta) -> None:
        """Let no request through for up to an hour; then one by one, not in a burst."""
        until = self._clock() + min(pause, LONGEST_PAUSE).total_seconds()
        self._closed_until = max(self._closed_until, until)
        for bucket in (self._general, self._for_hang_ups):
            bucket.close_until(until)

    async def _take(self, bucket: "_LeakyBucket", longest_wait: timedelta) -> timedelta:
        now = self._clock()
        # Compared as it is returned: a wait that rounds to zero must not look like a permit.
        wait = timedelta(seconds=bucket.wait(now))
        if wait > longest_wait:
            return wait
        bucket.take(now)
        if wait:
            await self._sleep(wait.total_seconds())
        # The rate may have been closed during the wait; then the permit is lost.
        return timedelta(seconds=max(0.0, self._closed_until - self._clock()))


class _LeakyBucket:
    """Kept as one instant: when the last request let through will have drained."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._credit = max(0.0, BURST.total_seconds() - self._interval) if per_second else 0.0
        self._drained_at = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until the next request."""
        return max(0.0, self._drained_at - self._credit - now)

    def take(self, now: float) -> None:
        self._drained_at = max(self._drained_at, now) + self._interval

    def close_until(self, instant: float) -> None:
        """Let nothing through before an instant, and then no burst."""
        self._drained_at = max(self._drained_at, instant + self._credit)


def read_retry_after(header: str | None, now: datetime) -> timedelta:
    """Return the wait in a `Retry-After`, given in seconds or as an HTTP date, clamped to 1 s … 1 h."""
    wait = _parse_wait(header or "", now)
    return min(max(wait, SHORTEST_WAIT), LONGEST_PAUSE)


def _parse_wait(header: str, now: datetime) -> timedelta:
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) <= _LONGEST_NUMBER else LONGEST_PAUSE
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return SHORTEST_WAIT
    # A date that names no zone parses as naive; HTTP dates are always UTC.
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
