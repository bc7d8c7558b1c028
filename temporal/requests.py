"""Many requests to Temporal at a time, a few of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

REQUESTS_AT_ONCE = 20


async def request_each(keys: Sequence[K], request: Callable[[K], Awaitable[T]]) -> list[T]:
    """Do the request for every key and return the answers in the keys' order; the first failure is raised."""
    gate = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def one(key: K) -> T:
        async with gate:
            return await request(key)

    return await asyncio.gather(*map(one, keys))
