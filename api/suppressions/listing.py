"""Opting numbers out, and notifying the workflows of the contacts that were skipped for it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from api.http.dependencies import ApiDependencies
from api.http.notification import AT_ONCE, PATIENCE_SECONDS, tell_engine
from domain.identity import ExecutionId
from domain.suppression import SkippedContact

_log = structlog.get_logger()

MAX_NOTIFIED = 1000
"""Workflows of further skipped contacts find out when they wake, their batches in their next sweep."""


async def opt_out(dependencies: ApiDependencies, execution_id: ExecutionId, now: datetime) -> None:
    """Suppress the number of a call whose callee asked for it. Raises ExecutionNotFound, StoreUnavailable."""
    skipped = await dependencies.suppressions.opt_out(execution_id, now)
    await notify_skipped(dependencies, skipped)


async def notify_skipped(dependencies: ApiDependencies, skipped: Sequence[SkippedContact]) -> None:
    """Tell batches which contacts they need not wait for; a batch that misses it finds out by itself."""
    places = asyncio.Semaphore(AT_ONCE)

    async def tell(each: SkippedContact) -> None:
        async with places:
            news = dependencies.engine.contact_skipped(each.batch_id, each.contact_id, each.was)
            await tell_engine(news, batch_id=each.batch_id, contact_id=each.contact_id)

    for each in skipped:
        dependencies.live_numbers.forget(each.batch_id)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*map(tell, skipped[:MAX_NOTIFIED]))
    except TimeoutError:
        _log.warning("numbers suppressed, not every workflow told in time", contacts=len(skipped))
