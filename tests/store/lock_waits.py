"""Tells when a statement of a test's database has come to wait for a lock."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database.engine import single_statement

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def until_waiting(engine: AsyncEngine, statements: int = 1) -> None:
    """Return once so many statements wait for locks."""
    async with single_statement(engine) as connection:
        for _ in range(1000):
            if (await connection.execute(_WAITING)).scalar_one() >= statements:
                return
            await asyncio.sleep(0.01)
    raise AssertionError("nobody came to wait")
