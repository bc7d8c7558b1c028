"""Starts what was stored and never started: the process died in between, or Temporal did."""

import asyncio
from datetime import timedelta

import structlog

from api.parts import ApiParts
from domain.errors import BatchNotFound
from domain.identity import BatchId

_log = structlog.get_logger()

EVERY = timedelta(seconds=20)
GRACE = timedelta(seconds=10)
"""Younger batches may still be in the hands of the request that made them."""
AT_ONCE = 100


async def keep_starting(parts: ApiParts, every: timedelta = EVERY) -> None:
    """Start overdue batches again and again, until cancelled."""
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            await start_overdue(parts)
        except Exception as failure:  # noqa: BLE001 - a loop that ends would strand every later batch
            _log.warning("starting overdue batches failed", failure=type(failure).__qualname__)


async def start_overdue(parts: ApiParts) -> int:
    """Start the workflows of stored batches that have none; returns how many.

    Raises EngineUnavailable, StoreUnavailable; what was not reached is found again next time.
    """
    overdue = await parts.batches.unstarted(parts.clock() - GRACE, AT_ONCE)
    for batch_id in overdue:
        await _start(parts, batch_id)
    return len(overdue)


async def _start(parts: ApiParts, batch_id: BatchId) -> None:
    try:
        batch, _ = await parts.batches.load(batch_id)
    except BatchNotFound:
        return
    await parts.engine.start_batch(batch)
    await parts.batches.mark_started(batch_id, parts.clock())
    _log.info("batch started late", batch_id=batch_id)
