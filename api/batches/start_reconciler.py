"""Starts what was stored and never started: the process died in between, or Temporal did not answer."""

import asyncio
from datetime import timedelta

import structlog
from anyio import CapacityLimiter

from api.http.dependencies import ApiDependencies
from domain.identity import BatchId

_log = structlog.get_logger()

EVERY = timedelta(seconds=20)
PAGE = 100
AT_ONCE = 4
"""Starts under way; each takes up to the gateway's patience when Temporal does not answer."""


async def keep_starting(parts: ApiDependencies, every: timedelta = EVERY) -> None:
    """Start overdue batches again and again, until cancelled."""
    while True:
        try:
            await start_overdue(parts)
        except Exception as failure:  # noqa: BLE001 - a loop that ends would strand every later batch
            _log.warning("starting overdue batches failed", failure=type(failure).__qualname__)
        await asyncio.sleep(every.total_seconds())


async def start_overdue(parts: ApiDependencies) -> int:
    """Start the workflows of stored batches that have none, each for itself; returns how many started.

    One that is just being started by its own request is not started twice by this.
    Raises EngineUnavailable, StoreUnavailable; what was not reached is found again next time.
    """
    started, last = 0, None
    while True:
        overdue = await parts.batches.unstarted(last, PAGE)
        if not overdue:
            return started
        await parts.engine.ping()
        places = CapacityLimiter(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_start(parts, each, places)) for each in overdue]
        started += sum(task.result() for task in tasks)
        last = overdue[-1]


async def _start(parts: ApiDependencies, batch_id: BatchId, places: CapacityLimiter) -> bool:
    """Start one batch; whatever is wrong with it is no other's trouble."""
    async with places:
        try:
            batch, _ = await parts.batches.load(batch_id)
            await parts.engine.start_batch(batch)
            await parts.batches.mark_started(batch_id, parts.clock())
        except Exception as failure:  # noqa: BLE001 - the others are to be started all the same
            _log.warning("batch not started", batch_id=batch_id, failure=type(failure).__qualname__)
            return False
    _log.info("batch started late", batch_id=batch_id)
    return True
