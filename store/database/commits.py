"""Transactions whose commit is never left in doubt while the database can be asked about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import StoreUnavailable, UnstorableValue
from store.database.engine import bulk_transaction, single_statement

_log = structlog.get_logger()

PATIENCE_SECONDS = 3
"""How long a lost commit is asked about: the server may still be at it, or out of reach."""
BETWEEN_LOOKS_SECONDS = 0.1

_NUMBER = text("SELECT CAST(pg_current_xact_id() AS text)")
_STATUS = text("SELECT pg_xact_status(CAST(:number AS xid8))")


@asynccontextmanager
async def confirmed_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run a transaction, and ask what came of it when the acknowledgement of its commit is lost.

    Raises StoreUnavailable, UnstorableValue: nothing was changed then, unless the database went away at the
    very commit and cannot be asked either.
    """
    number: str | None = None
    try:
        async with bulk_transaction(engine) as connection:
            began = await connection.scalar(_NUMBER)
            yield connection
            number = str(began)
    except StoreUnavailable:
        if number is None or not await _is_committed(engine, number):
            raise


async def _is_committed(engine: AsyncEngine, number: str) -> bool:
    """Ask on another connection. False also when nobody answers."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            status = await _ending_of(engine, number)
    except (TimeoutError, StoreUnavailable, UnstorableValue):
        # The last of them from a standby that took over and does not know the number.
        return False
    _log.warning("the acknowledgement of a commit was lost", status=status)
    return status == "committed"


async def _ending_of(engine: AsyncEngine, number: str) -> str:
    while True:
        async with single_statement(engine) as connection:
            status = str(await connection.scalar(_STATUS, {"number": number}))
        if status != "in progress":
            return status
        await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
