"""What surrounds every activity of a worker: log context, log lines of dials, heartbeats."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.failures import CallGoesOn
from activities.messages import DialAnswer, PlaceCall, PlacedCall

BEATS_PER_TIMEOUT = 3
REPEATED_AFTER_SECONDS = 60.0
"""A contact that asks again and again leaves the same line once in so many seconds."""
REMEMBERED = 8192
"""Lines that are known when they come again: above the largest number of contacts with a slot."""

Line = tuple[object, ...]

_log = structlog.get_logger()


class LogContextInterceptor(Interceptor):
    """Bind which workflow asked for what, and for which attempt at a contact."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the activity."""
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        info = activity.info()
        ids: dict[str, object] = {"activity": info.activity_type, "workflow_id": info.workflow_id}
        attempt = getattr(input.args[0], "attempt", None) if input.args else None
        if attempt is not None:
            ids["attempt"] = attempt
        with structlog.contextvars.bound_contextvars(**ids):
            return await super().execute_activity(input)


class HeartbeatInterceptor(Interceptor):
    """Beat for every activity that was asked for with a heartbeat timeout."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the activity."""
        return _Heartbeating(next)


class _Heartbeating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        async with _beating(every=timeout / BEATS_PER_TIMEOUT):
            return await super().execute_activity(input)


@asynccontextmanager
async def _beating(*, every: timedelta) -> AsyncIterator[None]:
    beats = asyncio.create_task(_beat(every.total_seconds()))
    try:
        yield
    finally:
        beats.cancel()


async def _beat(seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        activity.heartbeat()


class RecentLines:
    """What was logged of late, the newest of it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._logged_at: OrderedDict[Line, float] = OrderedDict()

    def is_news(self, line: Line) -> bool:
        """Tell whether a line was not logged of late, and take it as logged now."""
        now = self._clock()
        if now - self._logged_at.get(line, float("-inf")) < REPEATED_AFTER_SECONDS:
            return False
        self._logged_at.pop(line, None)
        self._logged_at[line] = now
        if len(self._logged_at) > REMEMBERED:
            self._logged_at.popitem(last=False)
        return True


class AttemptLogInterceptor(Interceptor):
    """Log the answer to every dial; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._recent = RecentLines(clock)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the activity."""
        return _AttemptLogging(next, self._recent)


class _AttemptLogging(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, recent: RecentLines) -> None:
        super().__init__(next)
        self._recent = recent

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        try:
            answer = await super().execute_activity(input)
        except CallGoesOn as goes_on:
            if activity.info().attempt == 1:
                self._log(input, goes_on.placed)
            raise
        self._log(input, answer)
        return answer

    def _log(self, input: ExecuteActivityInput, answer: object) -> None:
        request = input.args[0] if input.args else None
        if isinstance(request, PlaceCall) and isinstance(answer, PlacedCall):
            line = (request.contact_id, request.attempt, answer.answer, answer.gate)
            if self._recent.is_news(line):
                _log_answer(request, answer)


def _log_answer(request: PlaceCall, placed: PlacedCall) -> None:
    log = _log.bind(contact_id=request.contact_id, attempt=request.attempt)
    match placed.answer:
        case DialAnswer.PLACED:
            log.info("attempt placed", call_status=placed.call_status)
        case DialAnswer.AMBIGUOUS:
            log.info("attempt may have been placed", call_status=placed.call_status)
        case DialAnswer.WITHHELD:
            until = None if placed.opens_at is None else placed.opens_at.isoformat()
            log.info("attempt withheld", gate=placed.gate, until=until)
        case DialAnswer.ASK_AGAIN:
            pause = placed.ask_again_in
            log.info("attempt put off", seconds=None if pause is None else round(pause.total_seconds(), 1))
