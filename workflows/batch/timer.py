"""The one timer of a batch's main loop."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.batch.clock import LookClock

_TOLERANCE = timedelta(milliseconds=20)
"""A timer that rings so little late is not replaced: two events are saved."""


class WakeTimer:
    """Wakes the main loop at the earliest instant that was asked for; too early does no harm."""

    def __init__(self, wake: Callable[[], None], clock: LookClock) -> None:
        self._wake = wake
        self._clock = clock
        self._rings_at: datetime | None = None
        self._waiting: asyncio.Task[None] | None = None

    def set(self, at: datetime, what: str) -> None:
        """Wake at an instant, unless the loop is woken before it anyway."""
        if self._rings_at is not None and self._rings_at <= at + _TOLERANCE:
            return
        self.clear()
        self._rings_at = at
        self._waiting = asyncio.create_task(self._wait(at, what))

    def clear(self) -> None:
        """Stop the timer."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._rings_at = self._waiting = None

    async def _wait(self, at: datetime, what: str) -> None:
        await workflow.sleep(max(at - self._clock.now, timedelta()), summary=what)
        self._rings_at = self._waiting = None
        self._wake()
