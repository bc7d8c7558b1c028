"""The relay's rhythm: round after round, further apart while something is down; and how far it is behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from random import random

import structlog

from api.http.dependencies import ApiDependencies
from api.webhooks.direct_delivery import DirectDelivery
from api.webhooks.relay import GRACE, Relay
from observability.metrics import Telemetry

_log = structlog.get_logger()

EVERY = timedelta(seconds=2)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
BEHIND_AFTER = timedelta(seconds=30)
"""An ending that waits for longer is worth a line in the log."""

Wait = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How long the relay waits between rounds; tests bring their own."""

    sleep: Wait = asyncio.sleep
    chance: Callable[[], float] = random
    """A number from 0 to below 1."""
    every: timedelta = EVERY


async def keep_relaying(
    parts: ApiDependencies, telemetry: Telemetry, direct: DirectDelivery, rhythm: Rhythm | None = None
) -> None:
    """Relay round after round, until cancelled."""
    loop = _Loop(parts, telemetry, Relay(parts, telemetry, direct), rhythm or Rhythm())
    while True:
        await loop.turn()


class _Loop:
    def __init__(self, parts: ApiDependencies, telemetry: Telemetry, relay: Relay, rhythm: Rhythm) -> None:
        self._parts = parts
        self._telemetry = telemetry
        self._relay = relay
        self._rhythm = rhythm
        self._failures = 0
        self._more_waits = False
        self._is_behind = False

    async def turn(self) -> None:
        """Wait for the next round and do it; never raises."""
        await self._rhythm.sleep(self._pause())
        failures = [await self._failure_of(step) for step in (self._round, self._measure)]
        failure = next((each for each in failures if each is not None), None)
        if failure is None:
            self._failures = 0
            return
        self._failures += 1
        if self._failures == 1:
            _log.warning("relaying webhooks failed", failure=type(failure).__qualname__)

    def _pause(self) -> float:
        if self._failures:
            doubled: timedelta = FIRST_PAUSE * 2 ** min(self._failures - 1, 10)
            # Half of it by chance, so that several processes do not ask in step.
            return min(doubled, LONGEST_PAUSE).total_seconds() * (1 + self._rhythm.chance()) / 2
        return 0 if self._more_waits else self._rhythm.every.total_seconds()

    async def _failure_of(self, step: Callable[[], Awaitable[None]]) -> Exception | None:
        try:
            await step()
        except Exception as failure:  # noqa: BLE001 - a loop that ends would strand every later event
            return failure
        return None

    async def _round(self) -> None:
        self._more_waits = False
        self._more_waits = await self._relay.relay()

    async def _measure(self) -> None:
        backlog = await self._parts.calls.backlog()
        now = self._parts.clock()
        age = timedelta() if backlog.oldest_at is None else max(now - backlog.oldest_at, timedelta())
        self._telemetry.inbox_measured(backlog.events, age.total_seconds())
        if age > BEHIND_AFTER and not self._is_behind:
            self._is_behind = True
            _log.warning(
                "webhooks are behind", events=backlog.events, oldest_seconds=round(age.total_seconds())
            )
        elif age <= GRACE and self._is_behind:
            self._is_behind = False
            _log.info("webhooks have caught up", events=backlog.events)
