"""Signs of life from running activities, so that a killed worker is noticed in seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

BEATS_PER_TIMEOUT = 3


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
