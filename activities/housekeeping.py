"""Activities that search again and again for what was left behind.

Such a loop is one activity that runs for as long as its worker does: it costs no events meanwhile, and when
the worker dies another one takes it up.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from temporalio import activity

from activities.bounded_gather import gather_bounded
from activities.failures import translating_failures
from domain.errors import BatchNotFound
from domain.identity import BatchId
from domain.ports import BatchEngine, BatchStore, RescheduleStore, UnannouncedRules

_log = structlog.get_logger()

START_EVERY = timedelta(seconds=10)
ANNOUNCE_EVERY = timedelta(seconds=5)
ANNOUNCED_WITHIN = timedelta(seconds=5)
"""Younger changes may still be in the hands of the request that stored them."""
PAGE = 100
AT_ONCE = 10
"""Requests to Temporal under way; each takes up to the gateway's patience when it does not answer."""
CAMPAIGNS_AT_ONCE = 20

FIRST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=10)
"""Between two tries while the database or Temporal is down."""


@dataclass(frozen=True)
class HousekeepingTerm:
    """How long an activity goes on before it lets its workflow start it again."""

    lasts: timedelta


class HousekeepingActivities:
    """Start workflows that were never started, and signal what changed and was not signalled."""

    def __init__(
        self,
        batches: BatchStore,
        reschedules: RescheduleStore,
        engine: BatchEngine,
        clock: Callable[[], datetime],
    ) -> None:
        self._batches = batches
        self._reschedules = reschedules
        self._engine = engine
        self._is_signalled = partial(is_signalled, engine)
        self._clock = clock

    @activity.defn
    @translating_failures
    async def start_batches(self, term: HousekeepingTerm) -> None:
        """Start batches that were stored and never started: a process died, or Temporal was away."""
        await until_over(repeated(self.start_unstarted, "start_batches", START_EVERY), term)

    @activity.defn
    @translating_failures
    async def signal_changed_rules(self, term: HousekeepingTerm) -> None:
        """Signal batches of campaigns whose rules changed, unless all of them were signalled already.

        So are batches that rest although contacts were added to them, or that were closed or have ended.
        """
        await until_over(repeated(self._signal_again, "signal_changed_rules", ANNOUNCE_EVERY), term)

    async def start_unstarted(self) -> int:
        """Start the workflows of stored batches that have none, each for itself; returns how many started.

        One that is just being started by its own request is not started twice by this.
        Raises EngineUnavailable, StoreUnavailable; what was not reached is found again next time.
        """
        started, last = 0, None
        while True:
            page = await self._batches.unstarted(last, PAGE)
            if not page:
                return started
            await self._engine.ping()
            started += sum(await gather_bounded(page, self._start, at_once=AT_ONCE))
            last = page[-1]

    async def announce_rules(self) -> int:
        """Signal the batches of campaigns that changed; returns how many campaigns are done.

        Raises EngineUnavailable, StoreUnavailable; what was not reached is found again next time.
        """
        before = self._clock() - ANNOUNCED_WITHIN
        changed = await self._reschedules.unannounced(before, CAMPAIGNS_AT_ONCE)
        if not changed:
            return 0
        await self._engine.ping()
        return sum([await self._announce(each) for each in changed])

    async def rouse_batches(self) -> int:
        """Signal batches that rest and have reason not to; returns how many were signalled.

        Raises EngineUnavailable, StoreUnavailable; what was not reached is found again next time.
        """
        before = self._clock() - ANNOUNCED_WITHIN
        resting = await self._batches.to_be_roused(before, PAGE)
        if not resting:
            return 0
        await self._engine.ping()
        signalled = await gather_bounded(resting, self._is_signalled, at_once=AT_ONCE)
        roused = [batch_id for batch_id, was_told in zip(resting, signalled, strict=True) if was_told]
        await self._batches.mark_roused(roused, before)
        _log.info("resting batches signalled late", batches=len(roused))
        return len(roused)

    async def _signal_again(self) -> None:
        await self.announce_rules()
        await self.rouse_batches()

    async def _start(self, batch_id: BatchId) -> bool:
        """Start one batch; a failure leaves the others alone."""
        try:
            batch, _ = await self._batches.load(batch_id)
            await self._engine.start_batch(batch)
            await self._batches.mark_started(batch_id, self._clock())
        except BatchNotFound:
            return False  # deleted with its campaign
        except Exception as failure:  # noqa: BLE001 - the others are to be started all the same
            _log.warning("batch not started", batch_id=batch_id, failure=type(failure).__qualname__)
            return False
        _log.info("batch started late", batch_id=batch_id)
        return True

    async def _announce(self, changed: UnannouncedRules) -> bool:
        """Signal every batch of a campaign; only then is its change done with."""
        if not all(await gather_bounded(changed.batches, self._is_signalled, at_once=AT_ONCE)):
            return False
        await self._reschedules.mark_announced(changed.campaign_id, changed.touched_at)
        _log.info("changed rules signalled late", campaign_id=changed.campaign_id)
        return True

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.start_batches, self.signal_changed_rules)


async def is_signalled(engine: BatchEngine, batch_id: BatchId) -> bool:
    """Signal a batch that its rules may have changed; a failure leaves the others alone."""
    try:
        await engine.policy_changed(batch_id)
    except Exception as failure:  # noqa: BLE001 - the others are signalled all the same
        _log.warning("batch not signalled", batch_id=batch_id, failure=type(failure).__qualname__)
        return False
    return True


async def until_over(work: Coroutine[None, None, None], term: HousekeepingTerm) -> None:
    """Work until the term is over, or at once until the worker shuts down: its stop waits for nobody."""
    tasks = [asyncio.create_task(work), asyncio.create_task(activity.wait_for_worker_shutdown())]
    try:
        done, _ = await asyncio.wait(
            tasks, timeout=term.lasts.total_seconds(), return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def repeated(step: Callable[[], Awaitable[object]], job: str, every: timedelta) -> None:
    """Do a step again and again, further apart while it fails; an outage is one line in the log."""
    clock = asyncio.get_running_loop().time
    failures = 0
    while True:
        began_at = clock()
        try:
            await step()
        except Exception as failure:  # noqa: BLE001 - a loop that ends would strand later work
            if clock() - began_at > LONGEST_PAUSE.total_seconds():
                failures = 0
            failures += 1
            if failures == 1:
                _log.warning("housekeeping failed", job=job, failure=type(_cause(failure)).__qualname__)
        else:
            failures = 0
        await asyncio.sleep(_pause(failures) if failures else every.total_seconds())


def _pause(failures: int) -> float:
    doubled: float = FIRST_PAUSE.total_seconds() * 2 ** min(failures - 1, 10)
    # Half of it by chance, so that several processes do not ask in step.
    return min(doubled, LONGEST_PAUSE.total_seconds()) * (1 + random.random()) / 2  # noqa: S311


def _cause(failure: Exception) -> Exception:
    while isinstance(failure, ExceptionGroup):
        failure = failure.exceptions[0]
    return failure
