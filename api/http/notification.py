"""Signals about what was stored; whether Temporal takes them does not change the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from domain.errors import TechnicalError
from domain.identity import BatchId

_log = structlog.get_logger()

AT_ONCE = 20
"""Batches signalled at the same time about an action on their campaign."""
PATIENCE_SECONDS = 10
"""A client waits for the answer, however many batches its campaign has."""


async def tell_engine(news: Awaitable[None], **ids: str) -> bool:
    """Pass one piece of news on; a failure is logged with these ids, not raised, and returns False."""
    # The change is already committed, every dial asks the database first, and workflows read it again on
    # their own. An error here would tell the client that nothing was changed.
    try:
        await news
    except TechnicalError:
        _log.warning("change stored, its workflow not told", **ids)
        return False
    return True


async def tell_batches(news: Callable[[BatchId], Awaitable[None]], batch_ids: Sequence[BatchId]) -> bool:
    """Tell every batch what became of its campaign, a few at once; failures as in `tell_engine`."""
    places = asyncio.Semaphore(AT_ONCE)

    async def tell(batch_id: BatchId) -> bool:
        async with places:
            return await tell_engine(news(batch_id), batch_id=batch_id)

    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return all(await asyncio.gather(*map(tell, batch_ids)))
    except TimeoutError:
        _log.warning("change stored, not every workflow told in time", batches=len(batch_ids))
        return False
