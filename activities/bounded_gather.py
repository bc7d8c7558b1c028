"""The same request for many, a few of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


async def gather_bounded(keys: Sequence[K], request: Callable[[K], Awaitable[T]], *, at_once: int) -> list[T]:
    """Return the answers in the order of their keys; the first failure is raised."""
    places = asyncio.Semaphore(at_once)

    async def one(key: K) -> T:
        async with places:
            return await request(key)

    return await asyncio.gather(*map(one, keys))
