"""The way to one provider as all dials of a worker share it: while it is broken, nobody is dialled."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from activities.lone_refusals import LONE_REFUSALS, LoneRefusals
from domain.breaker import (
    Breaker,
    BreakerState,
    admit,
    cleared,
    failed,
    succeeded,
    unclear_dials,
    undecided,
)
from domain.errors import StoreUnavailable
from domain.identity import ExecutionId
from domain.ports import CallStore, CircuitReport, CircuitStore, TelephonyProvider
from domain.telephony import Accepted, Ambiguous, DialResult, Misconfigured, Refused, Unavailable

SPREAD = 0.2
"""Of the time to stay away: so much later at most, so that waiting contacts do not come at once."""
STORE_PATIENCE = timedelta(seconds=2)
"""A dial waits no longer for its circuit's report to be kept, or for what is known of earlier dials."""
QUESTION = "question"
"""The kind of error of a provider that failed before it was asked for a call."""

_log = structlog.get_logger()


@dataclass
class CircuitPermit:
    """What one dial may do, and what came of it."""

    stay_away: timedelta
    """Zero for a dial that may be made now."""
    is_probe: bool = False
    attempt: ExecutionId | None = None
    """For which the provider was asked."""
    result: DialResult | None = None
    """What it answered; None while it was not asked, or where its answer says nothing of it."""
    refusals: int = 0
    """How often it called itself misconfigured for this attempt alone."""


class ProviderCircuit:
    """Keeps the breaker of one provider within this process, and stores each change of its state."""

    def __init__(
        self,
        provider: TelephonyProvider,
        store: CircuitStore,
        calls: CallStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._store = store
        self._calls = calls
        self._clock = clock
        self._breaker = Breaker()
        self._lone = LoneRefusals()
        self._is_reported = False
        self._logged_reason: str | None = None

    @property
    def state(self) -> BreakerState:
        """Whether dials of this process may pass."""
        return self._breaker.state

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[CircuitPermit]:
        """Let a dial pass or send it away; when it is over, learn from its result.

        A probe is the last resort: first the outcomes of earlier dials are read, then the provider is asked
        a question that rings nobody.
        """
        admission = admit(self._breaker, self._clock())
        self._breaker = admission.breaker
        permit = CircuitPermit(_spread(admission.stay_away), is_probe=admission.is_probe)
        try:
            if permit.is_probe:
                permit = await self._before_a_probe(permit)
            yield permit
        finally:
            await self._learn(permit)

    def record(self, permit: CircuitPermit, attempt: ExecutionId, answer: DialResult) -> DialResult:
        """Record an answer as soon as it is there, and return what it means for the attempt.

        A provider that is misconfigured takes nobody. What is refused again and again while others are taken
        would never be dialled, and keep opening the circuit for all: it is refused for good.
        """
        permit.attempt, permit.result = attempt, answer
        if not isinstance(answer, Misconfigured):
            return answer
        permit.refusals = self._lone.note_refused(attempt)
        if permit.refusals < LONE_REFUSALS:
            return answer
        permit.result = None
        return Refused(answer.reason)

    async def _before_a_probe(self, permit: CircuitPermit) -> CircuitPermit:
        calls = await self._placed_among(unclear_dials(self._breaker))
        if calls:
            await self._change(cleared(self._breaker, calls), error=None, reason=None)
        if self._breaker.state is BreakerState.CLOSED:
            return CircuitPermit(timedelta())
        trouble = await self._provider.check_health()
        if trouble is None:
            return permit
        await self._fail(QUESTION, trouble, CircuitPermit(permit.stay_away, is_probe=True))
        return CircuitPermit(_spread(admit(self._breaker, self._clock()).stay_away))

    async def _learn(self, permit: CircuitPermit) -> None:
        match permit.result:
            case Accepted() | Refused() as answer:
                if isinstance(answer, Accepted):
                    self._lone.note_taken()
                await self._change(succeeded(), error=None, reason=None)
            case Unavailable(reason) | Ambiguous(reason) | Misconfigured(reason) as error:
                await self._fail(type(error).__name__.lower(), reason, permit)
            case _:
                # Throttled, or nobody was asked: neither says whether dials work.
                if permit.is_probe:
                    self._breaker = undecided(self._breaker)

    async def _fail(self, kind: str, reason: str, permit: CircuitPermit) -> None:
        after = self._after_error(permit)
        if after.probe_at != self._breaker.probe_at:
            calls = await self._placed_among(unclear_dials(after))
            after = cleared(self._after_error(permit), calls)
        await self._change(after, error=kind, reason=reason)

    def _after_error(self, permit: CircuitPermit) -> Breaker:
        return failed(
            self._breaker,
            self._clock(),
            at_once=isinstance(permit.result, Misconfigured) and permit.refusals <= 1,
            is_probe=permit.is_probe,
            unclear=permit.attempt if isinstance(permit.result, Ambiguous) else None,
        )

    async def _placed_among(self, attempts: Collection[ExecutionId]) -> Collection[ExecutionId]:
        """Return which of some unclear dials have become calls, as far as that can be told now."""
        if not attempts:
            return ()
        try:
            async with asyncio.timeout(STORE_PATIENCE.total_seconds()):
                return await self._calls.placed_among(tuple(attempts))
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning(
                "earlier dials not looked at", provider=self._provider.name, cause=type(error).__name__
            )
            return ()

    async def _change(self, after: Breaker, *, error: str | None, reason: str | None) -> None:
        """Take over the breaker as it stands now; say so when that stops or frees the dials."""
        before, self._breaker = self._breaker, after
        has_changed = before.probe_at != after.probe_at
        if has_changed:
            self._log_change(before, after, error, reason)
        is_first_success = not self._is_reported and after == Breaker()
        if has_changed or is_first_success:
            # The first success of a process replaces what one that died may have left behind.
            self._is_reported = True
            await self._report(after, reason)

    def _log_change(self, before: Breaker, after: Breaker, error: str | None, reason: str | None) -> None:
        """Log a change of state; the reason once, and again when it is another one."""
        fields: dict[str, str | None] = {"provider": self._provider.name, "state": after.state}
        if after.state is BreakerState.CLOSED:
            self._logged_reason = None
            _log.info("circuit closed: dialling goes on", **fields)
            return
        fields["error"] = error
        if reason != self._logged_reason:
            fields["reason"] = self._logged_reason = reason
        if before.state is BreakerState.CLOSED:
            _log.warning("circuit opened: dialling pauses", **fields)
        else:
            _log.warning("circuit reopened: the provider still fails", **fields)

    async def _report(self, breaker: Breaker, reason: str | None) -> None:
        report = CircuitReport(
            provider=self._provider.name,
            state=breaker.state,
            since=breaker.opened_at or self._clock(),
            errors=breaker.errors,
            reason=reason,
            probe_at=breaker.probe_at,
        )
        try:
            async with asyncio.timeout(STORE_PATIENCE.total_seconds()):
                await self._store.report(report)
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning("circuit not reported", provider=report.provider, cause=type(error).__name__)


def _spread(stay_away: timedelta) -> timedelta:
    return stay_away * (1 + SPREAD * random.random())  # noqa: S311 - spreads load, keeps no secret
