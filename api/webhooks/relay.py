"""Tells workflows of stored endings that they were not told of when the webhook came."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from api.http.dependencies import ApiDependencies
from api.webhooks.direct_delivery import DirectDelivery
from api.webhooks.relay_memory import RelayMemory
from domain.errors import EngineUnavailable
from domain.identity import ExecutionId
from domain.ports import UndeliveredEvent
from observability.metrics import RelayResult, Telemetry

_log = structlog.get_logger()

GRACE = timedelta(seconds=5)
"""Younger endings may still be in the hands of the request that stored them."""
GIVEN_UP_AFTER = timedelta(hours=1)
"""Long before, the contact's workflow asked for itself: it does so after silence."""
PAGE = 100
PAGES_PER_ROUND = 2
AT_ONCE = 10
DELIVERY_SECONDS = 5
PING_SECONDS = 3
_NAMED_AT_MOST = 10


class Relay:
    """Delivers what was stored and not delivered, oldest first; two of them do each other no harm."""

    def __init__(self, parts: ApiDependencies, telemetry: Telemetry, direct: DirectDelivery) -> None:
        self._parts = parts
        self._telemetry = telemetry
        self._direct = direct
        self._memory = RelayMemory()
        self._after = 0
        self._engine_is_doubted = False

    async def relay(self) -> bool:
        """Deliver a few pages; True when more may wait behind them.

        Raises EngineUnavailable, StoreUnavailable; what was not reached is found again.
        """
        try:
            for _ in range(PAGES_PER_ROUND):
                if not await self._relay_page():
                    return False
        except BaseException:
            self._after = 0
            raise
        return True

    async def _relay_page(self) -> bool:
        page = await self._parts.calls.undelivered(
            after=self._after, before=self._parts.clock() - GRACE, limit=PAGE
        )
        if page:
            await self._deliver_page(page)
        if len(page) < PAGE:
            self._after = 0
            self._memory.end_of_pass()
            return False
        self._after = page[-1].event_number
        return True

    async def _deliver_page(self, page: Sequence[UndeliveredEvent]) -> None:
        if self._engine_is_doubted:
            await self._require_engine()
        leftovers = _Leftovers()
        waiting = deque(_by_call(page).values())
        ends = await asyncio.gather(
            *(self._work(waiting, leftovers) for _ in range(min(AT_ONCE, len(waiting)))),
            return_exceptions=True,
        )
        leftovers.log()
        for end in ends:
            if end is not None:
                raise end

    async def _work(self, waiting: deque[Sequence[UndeliveredEvent]], leftovers: "_Leftovers") -> None:
        """Take calls from the queue, each as a whole, until it is empty or something is down."""
        while waiting:
            try:
                await self._deliver_call(waiting.popleft(), leftovers)
            except BaseException:
                waiting.clear()
                raise

    async def _deliver_call(self, events: Sequence[UndeliveredEvent], leftovers: "_Leftovers") -> None:
        """Deliver one call's endings in order; what comes after a refused one waits with it."""
        for event in events:
            now, execution_id = self._parts.clock(), event.record.execution_id
            if event.received_at < now - GIVEN_UP_AFTER:
                await self._mark(event, RelayResult.GIVEN_UP)
                leftovers.given_up.append(execution_id)
            elif not self._memory.is_due(execution_id, now):
                return
            elif await self._is_told(event, leftovers):
                self._memory.told(event)
                self._direct.succeeded()
                await self._mark(event, RelayResult.DELIVERED)
            else:
                if self._memory.refused(execution_id, now):
                    leftovers.refused.append(execution_id)
                self._telemetry.event_relayed(RelayResult.REFUSED)
                return

    async def _is_told(self, event: UndeliveredEvent, leftovers: "_Leftovers") -> bool:
        """Tell the workflow; False when only this one cannot be told. Raises EngineUnavailable."""
        if self._memory.knows_told(event):
            return True
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                if await self._parts.engine.deliver(event.record):
                    return True
        except Exception as failure:  # noqa: BLE001 - one event that cannot be sent must not hold the others
            leftovers.failures.add(type(failure).__qualname__)
        await self._require_engine()
        return False

    async def _require_engine(self) -> None:
        self._engine_is_doubted = True
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._parts.engine.ping()
        except TimeoutError:
            raise EngineUnavailable from None
        self._engine_is_doubted = False

    async def _mark(self, event: UndeliveredEvent, result: RelayResult) -> None:
        await self._parts.calls.mark_delivered(event.event_number, self._parts.clock())
        self._memory.marked(event)
        self._telemetry.event_relayed(result)


@dataclass
class _Leftovers:
    """What of a page was not delivered, for one line each in the log."""

    given_up: list[ExecutionId] = field(default_factory=list)
    refused: list[ExecutionId] = field(default_factory=list)
    """Only those refused for the first time."""
    failures: set[str] = field(default_factory=set)

    def log(self) -> None:
        if self.given_up:
            _log.warning("old endings left to their workflows", **_named(self.given_up))
        if self.refused:
            failures = sorted(self.failures)
            _log.warning("endings refused by their workflows", failures=failures, **_named(self.refused))


def _named(executions: Sequence[ExecutionId]) -> dict[str, object]:
    return {"events": len(executions), "first_executions": executions[:_NAMED_AT_MOST]}


def _by_call(page: Sequence[UndeliveredEvent]) -> Mapping[ExecutionId, Sequence[UndeliveredEvent]]:
    calls: dict[ExecutionId, list[UndeliveredEvent]] = {}
    for event in page:
        calls.setdefault(event.record.execution_id, []).append(event)
    return calls
