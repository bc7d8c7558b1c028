"""Statements that lock some rows and pass over held ones read them once; the tests refuse others."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

pytestmark = pytest.mark.store

LOCKS = "SELECT contact_id FROM contacts WHERE position > 0 AND (priority > 1) LIMIT 2 FOR UPDATE SKIP LOCKED"
READ_AGAIN = "DELETE FROM contacts WHERE contact_id IN (\n    {}\n)"
READ_ONCE = "DELETE FROM contacts WHERE contact_id = ANY(ARRAY({}))"


async def test_subquery_of_in_that_locks_is_refused(shared_engine: AsyncEngine) -> None:
    async with shared_engine.connect() as connection:
        with pytest.raises(AssertionError, match="SKIP LOCKED"):
            await connection.execute(text(READ_AGAIN.format(LOCKS)))


async def test_array_of_the_same_rows_is_not(shared_engine: AsyncEngine) -> None:
    async with shared_engine.connect() as connection:
        deleted = await connection.execute(text(READ_ONCE.format(LOCKS)))

    assert deleted.rowcount == 0
