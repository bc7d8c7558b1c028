"""Requests to Temporal: a signal that may find nobody, and many requests, a few of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

K = TypeVar("K")
T = TypeVar("T")

REQUESTS_AT_ONCE = 20
PATIENCE = timedelta(seconds=3)


async def request_each(keys: Sequence[K], request: Callable[[K], Awaitable[T]]) -> list[T]:
    """Do the request for every key and return the answers in the keys' order; the first failure is raised."""
    gate = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def one(key: K) -> T:
        async with gate:
            return await request(key)

    return await asyncio.gather(*map(one, keys))


async def signalled(
    client: Client,
    workflow_id: str,
    signal: str,
    message: object = None,
    patience: timedelta = PATIENCE,
) -> bool:
    """Signal a workflow; False when none of this id runs. Raises RPCError, RuntimeError."""
    try:
        await client.get_workflow_handle(workflow_id).signal(signal, message, rpc_timeout=patience)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True
