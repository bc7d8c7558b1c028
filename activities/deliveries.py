"""Delivers stored endings to the workflows of their contacts, as each is stored."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from temporalio import activity

from activities.failures import translating_failures
from activities.housekeeping import HousekeepingTerm, repeated, until_over
from domain.errors import EngineUnavailable
from domain.identity import ExecutionId
from domain.ports import EndingDelivery, EndingStore, EngineServer, UndeliveredEvent

_log = structlog.get_logger()

POLL_EVERY = timedelta(seconds=1)
"""An ending that went unheard waits no longer."""
GIVEN_UP_AFTER = timedelta(hours=1)
"""Long before, the contact's workflow asked for itself: it does so after silence."""
PAGE = 100
AT_ONCE = 20
DELIVERY_SECONDS = 5
PING_SECONDS = 3
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=1)
_NAMED_AT_MOST = 10


class DeliveryActivities:
    """Deliver endings; two deliverers do each other no harm."""

    def __init__(
        self,
        endings: EndingStore,
        delivery: EndingDelivery,
        server: EngineServer,
        clock: Callable[[], datetime],
    ) -> None:
        self._deliverer = partial(Deliverer, endings, delivery, server, clock)

    @activity.defn
    @translating_failures
    async def deliver_endings(self, term: HousekeepingTerm) -> None:
        """Tell contacts' workflows how their calls ended."""
        await until_over(repeated(self._deliverer().run, "deliver_endings", timedelta()), term)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.deliver_endings,)


@dataclass(frozen=True)
class _Refusal:
    wait: timedelta
    due_at: datetime


class Deliverer:
    """Takes what waits, oldest first, and delivers a few calls' endings at once.

    What it remembers it may forget: that costs a second delivery at most, which changes nothing.
    """

    def __init__(
        self,
        endings: EndingStore,
        delivery: EndingDelivery,
        server: EngineServer,
        clock: Callable[[], datetime],
    ) -> None:
        self._endings = endings
        self._delivery = delivery
        self._server = server
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._marking = asyncio.Lock()
        self._under_way: set[ExecutionId] = set()
        self._delivered: set[int] = set()
        """Since the page at hand was asked for."""
        self._unmarked: list[int] = []
        self._refusals: dict[ExecutionId, _Refusal] = {}
        self._met: set[ExecutionId] = set()
        """Calls with a refusal that still waited in this pass."""
        self._newly_refused: dict[ExecutionId, str] = {}
        self._given_up: list[ExecutionId] = []
        self._after = 0
        self._is_engine_doubted = False

    async def run(self) -> None:
        """Deliver until cancelled. Raises StoreUnavailable, EngineUnavailable, or a group of them."""
        self._after, self._unmarked = 0, []
        self._under_way, self._places = set(), asyncio.Semaphore(AT_ONCE)
        if self._is_engine_doubted:
            await self._require_engine()
        async with self._endings.listening() as wait, asyncio.TaskGroup() as group:
            while True:
                if not await self._begin_page(group):
                    await wait(POLL_EVERY)
                await self._settle_doubts()

    async def _begin_page(self, group: asyncio.TaskGroup) -> bool:
        """Begin to deliver what waits; False when nothing more stands behind it."""
        self._delivered.clear()
        page = await self._endings.undelivered(after=self._after, limit=PAGE)
        for execution_id, events in _by_call(page).items():
            await self._begin_call(group, execution_id, events)
        if len(page) < PAGE:
            # Refused calls that were not met since the last pass were delivered by another deliverer.
            self._refusals = {call: each for call, each in self._refusals.items() if call in self._met}
            self._met, self._after = set(), 0
            return False
        self._after = page[-1].event_number
        return True

    async def _begin_call(
        self, group: asyncio.TaskGroup, execution_id: ExecutionId, events: Sequence[UndeliveredEvent]
    ) -> None:
        if execution_id in self._under_way or not self._is_due(execution_id):
            return
        await self._places.acquire()
        await self._settle_doubts()
        left = [each for each in events if each.event_number not in self._delivered]
        self._under_way.add(execution_id)
        group.create_task(self._deliver_call(execution_id, left))

    async def _deliver_call(self, execution_id: ExecutionId, events: Sequence[UndeliveredEvent]) -> None:
        """Deliver one call's endings in order; what comes after a refused one waits with it."""
        try:
            for event in events:
                if event.received_at < self._clock() - GIVEN_UP_AFTER:
                    self._given_up.append(execution_id)
                elif (failure := await self._failure_of(event)) is not None:
                    self._refused(execution_id, failure)
                    return
                await self._mark(event.event_number)
            self._refusals.pop(execution_id, None)
        finally:
            self._under_way.discard(execution_id)
            self._places.release()

    async def _failure_of(self, event: UndeliveredEvent) -> str | None:
        """Tell the workflow; returns what went wrong, None when nothing did."""
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                is_told = await self._delivery.deliver(event.record)
        except Exception as failure:  # noqa: BLE001 - one ending that cannot be sent must not hold the others
            return type(failure).__qualname__
        return None if is_told else "refused"

    async def _mark(self, event_number: int) -> None:
        """Keep that an ending was delivered, along with others that wait for the same."""
        self._unmarked.append(event_number)
        async with self._marking:
            these, self._unmarked = self._unmarked, []
            if these:
                await self._endings.mark_delivered(these, self._clock())
                self._delivered.update(these)

    def _is_due(self, execution_id: ExecutionId) -> bool:
        refusal = self._refusals.get(execution_id)
        if refusal is None:
            return True
        self._met.add(execution_id)
        return self._clock() >= refusal.due_at

    def _refused(self, execution_id: ExecutionId, failure: str) -> None:
        """Put a call off, each time for twice as long; it may as well be Temporal that does not answer."""
        before = self._refusals.get(execution_id)
        wait = FIRST_WAIT if before is None else min(before.wait * 2, LONGEST_WAIT)
        self._refusals[execution_id] = _Refusal(wait, self._clock() + wait)
        self._met.add(execution_id)
        self._is_engine_doubted = True
        if before is None:
            self._newly_refused[execution_id] = failure

    async def _settle_doubts(self) -> None:
        """Find out whether Temporal answers where somebody was refused, and name in the log what is left."""
        if self._is_engine_doubted:
            await self._require_engine()
        if self._newly_refused:
            failures = sorted(set(self._newly_refused.values()))
            _log.warning(
                "endings refused by their workflows", failures=failures, **_named([*self._newly_refused])
            )
            self._newly_refused = {}
        if self._given_up:
            _log.warning("old endings left to their workflows", **_named(self._given_up))
            self._given_up = []

    async def _require_engine(self) -> None:
        self._is_engine_doubted = True
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._server.ping()
        except (TimeoutError, EngineUnavailable):
            for execution_id in self._newly_refused:  # by nobody: they are tried as soon as Temporal is back
                self._refusals.pop(execution_id, None)
            self._newly_refused = {}
            raise EngineUnavailable from None
        self._is_engine_doubted = False


def _named(executions: Sequence[ExecutionId]) -> dict[str, object]:
    return {"events": len(executions), "first_executions": list(executions[:_NAMED_AT_MOST])}


def _by_call(page: Sequence[UndeliveredEvent]) -> Mapping[ExecutionId, Sequence[UndeliveredEvent]]:
    calls: dict[ExecutionId, list[UndeliveredEvent]] = {}
    for event in page:
        calls.setdefault(event.record.execution_id, []).append(event)
    return calls
