"""The way to one provider as all dials of a worker share it: while it is broken, nobody is dialled."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from domain.breaker import Breaker, BreakerState, admit, failed, succeeded, undecided
from domain.errors import StoreUnavailable
from domain.ports import RouteReport, RouteStore, TelephonyProvider
from domain.telephony import Accepted, Ambiguous, DialResult, Misconfigured, Refused, Unavailable

SPREAD = 0.2
"""Of the time to stay away: so much later at most, so that waiting contacts do not come at once."""
REPORT_PATIENCE = timedelta(seconds=2)
"""A dial waits no longer for its route's report to be kept."""
MISCONFIGURED = Misconfigured.__name__.lower()
QUESTION = "question"
"""The kind of error of a provider that failed before it was asked for a call."""
NOT_WELL = "does not answer a harmless question as it should"

_log = structlog.get_logger()


@dataclass
class Passage:
    """What one dial may do, and what came of it."""

    stay_away: timedelta
    """Zero for a dial that may be made now."""
    is_probe: bool = False
    result: DialResult | None = None
    """To be set as soon as the provider was asked; None means that it was not."""


class Route:
    """Keeps the breaker of one provider within this process, and writes down when it turns."""

    def __init__(self, provider: TelephonyProvider, store: RouteStore, clock: Callable[[], datetime]) -> None:
        self._provider = provider
        self._store = store
        self._clock = clock
        self._breaker = Breaker()
        self._is_told = False

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[Passage]:
        """Let a dial pass or send it away; when it is over, learn from its result.

        When a probe is due the provider is first asked something that rings nobody.
        """
        admission = admit(self._breaker, self._clock())
        self._breaker = admission.breaker
        passage = Passage(_spread(admission.stay_away), is_probe=admission.is_probe)
        try:
            if passage.is_probe and not await self._provider.is_well():
                await self._fail(QUESTION, NOT_WELL, is_probe=True)
                passage = Passage(_spread(admit(self._breaker, self._clock()).stay_away))
            yield passage
        finally:
            await self._learn(passage)

    async def _learn(self, passage: Passage) -> None:
        match passage.result:
            case Accepted() | Refused():
                await self._turn(succeeded(), error=None, reason=None)
            case Unavailable(reason) | Ambiguous(reason) | Misconfigured(reason) as error:
                await self._fail(type(error).__name__.lower(), reason, is_probe=passage.is_probe)
            case _:
                # Throttled, or nobody was asked: neither says whether dials work.
                if passage.is_probe:
                    self._breaker = undecided(self._breaker)

    async def _fail(self, kind: str, reason: str, *, is_probe: bool) -> None:
        at_once = kind == MISCONFIGURED
        after = failed(self._breaker, self._clock(), at_once=at_once, is_probe=is_probe)
        await self._turn(after, error=kind, reason=reason)

    async def _turn(self, after: Breaker, *, error: str | None, reason: str | None) -> None:
        """Take over the breaker as it stands now; say so when that stops or frees the dials."""
        before, self._breaker = self._breaker, after
        has_turned = before.probe_at != after.probe_at
        if has_turned:
            _tell(self._provider.name, before, after, error)
        is_first_success = not self._is_told and after == Breaker()
        if has_turned or is_first_success:
            # The first success of a process replaces what one that died may have left behind.
            self._is_told = True
            await self._report(after, reason)

    async def _report(self, breaker: Breaker, reason: str | None) -> None:
        report = RouteReport(
            provider=self._provider.name,
            state=breaker.state,
            since=breaker.opened_at or self._clock(),
            errors=breaker.errors,
            reason=reason,
            probe_at=breaker.probe_at,
        )
        try:
            async with asyncio.timeout(REPORT_PATIENCE.total_seconds()):
                await self._store.report(report)
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning("route not reported", provider=report.provider, cause=type(error).__name__)


def _spread(stay_away: timedelta) -> timedelta:
    return stay_away * (1 + SPREAD * random.random())  # noqa: S311 - spreads load, keeps no secret


def _tell(provider: str, before: Breaker, after: Breaker, error: str | None) -> None:
    if after.state is BreakerState.CLOSED:
        _log.info("route closed: dialling goes on", provider=provider, state=after.state)
    elif before.state is BreakerState.CLOSED:
        _log.warning("route opened: dialling pauses", provider=provider, state=after.state, error=error)
    else:
        _log.warning(
            "route reopened: the provider still fails", provider=provider, state=after.state, error=error
        )
