"""Signals about what was stored; whether Temporal takes them does not change the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from domain.errors import TechnicalError

_log = structlog.get_logger()

AT_ONCE = 20
"""Workflows signalled at the same time."""
PATIENCE_SECONDS = 10
"""A client waits for the answer, however many workflows are signalled."""

Receiver = TypeVar("Receiver")


async def signal_workflow(signal: Awaitable[None], **ids: str) -> bool:
    """Send one signal; a failure is logged with these ids, not raised, and returns False."""
    # The change is already committed, every dial asks the database first, and workflows read it again on
    # their own. An error here would tell the client that nothing was changed.
    try:
        await signal
    except TechnicalError:
        _log.warning("change stored, its workflow not signalled", **ids)
        return False
    return True


async def signal_each(receivers: Sequence[Receiver], signal: Callable[[Receiver], Awaitable[bool]]) -> bool:
    """Signal the workflow of each, a few at once; False when one did not take it, or not in time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(receiver: Receiver) -> bool:
        async with places:
            return await signal(receiver)

    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return all(await asyncio.gather(*map(in_turn, receivers)))
    except TimeoutError:
        _log.warning("change stored, not every workflow signalled in time", workflows=len(receivers))
        return False
