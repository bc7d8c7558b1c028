"""How fast one route may be asked, dials, look-ups and hang-ups together.

Holds for this process only: a provider that counts for all of them must be told a share per process.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

BURST = timedelta(seconds=5)
"""A route that was quiet may spend this long's requests at once."""
HANG_UP_SHARE = 0.2
"""Kept free of dials and look-ups, so that calls can be ended while people are being dialled."""
LONGEST_PAUSE = timedelta(hours=1)
"""A provider that asks for a longer pause is asked again after this one."""


class RequestRate:
    """Gives out turns, first come first served; `per_second` None or 0 gives them out freely.

    Whoever gets no turn soon enough is sent away with nothing taken, so nobody queues without bound.
    Raises ValueError for a rate that is no rate.
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
        self._general = _Turns(rate * (1 - HANG_UP_SHARE))
        self._for_hang_ups = _Turns(rate * HANG_UP_SHARE)
        self._closed_until = -math.inf

    async def turn(self, longest_wait: timedelta) -> timedelta:
        """Take a turn that comes within `longest_wait`, and return zero when it has come.

        Else takes nothing and returns how long there is to wait.
        """
        return await self._take(self._general, longest_wait)

    async def hang_up_turn(self, longest_wait: timedelta) -> timedelta:
        """Take a turn for ending a call, from its own share or the general one, whichever is sooner."""
        now = self._clock()
        sooner = min(self._for_hang_ups, self._general, key=lambda turns: turns.wait(now))
        return await self._take(sooner, longest_wait)

    def close_for(self, pause: timedelta) -> None:
        """Let nobody through for a while, up to an hour; then one by one, not in a burst."""
        until = self._clock() + min(pause, LONGEST_PAUSE).total_seconds()
        self._closed_until = max(self._closed_until, until)
        for turns in (self._general, self._for_hang_ups):
            turns.close_until(until)

    async def _take(self, turns: "_Turns", longest_wait: timedelta) -> timedelta:
        now = self._clock()
        # Compared as what is returned: a wait that rounds to zero must not look like a turn.
        wait = timedelta(seconds=turns.wait(now))
        if wait > longest_wait:
            return wait
        turns.take(now)
        if wait:
            await self._sleep(wait.total_seconds())
        # The route may have been closed while this turn was on its way; then it is lost.
        return timedelta(seconds=max(0.0, self._closed_until - self._clock()))


class _Turns:
    """A leaky bucket told by one instant: when the last turn given out will have been paid for."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._credit = max(0.0, BURST.total_seconds() - self._interval) if per_second else 0.0
        self._paid_at = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until the next turn."""
        return max(0.0, self._paid_at - self._credit - now)

    def take(self, now: float) -> None:
        """Give out the next turn."""
        self._paid_at = max(self._paid_at, now) + self._interval

    def close_until(self, instant: float) -> None:
        """Give out nothing before an instant, and then what comes by the rate."""
        self._paid_at = max(self._paid_at, instant + self._credit)
