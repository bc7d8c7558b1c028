"""What a test left is seen by no later one, although both use one database."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.settlement import Settlement
from tests.store.emptied_tables import TABLES, delete, truncate
from tests.store.scenes import Stores

pytestmark = pytest.mark.store


@pytest.mark.parametrize("empty", [delete, truncate])
async def test_tables_are_empty_their_numbers_begin_anew_and_their_triggers_are_on(
    stores: Stores, empty: Callable[[AsyncEngine], Awaitable[None]]
) -> None:
    first = await _a_story(stores)
    filled = await _rows(stores.engine)

    await empty(stores.engine)

    assert {"campaigns", "batches", "contacts", "calls", "call_events"} <= filled.keys()
    assert await _rows(stores.engine) == {}
    assert await _a_story(stores) == first
    assert await _rows(stores.engine) == filled


async def _a_story(stores: Stores) -> list[object]:
    """Keep a batch with a call; return the numbers of its events, and whether its triggers ran."""
    batch = await stores.a_kept_batch(2)
    contact, _ = await stores.people_of(batch)
    await stores.ended(contact, CallStatus.COMPLETED, Settlement(status=ContactStatus.COMPLETED))
    async with stores.engine.begin() as connection:
        numbers = await connection.execute(text("SELECT event_number FROM call_events ORDER BY 1"))
        role = await connection.scalar(text("SHOW session_replication_role"))
        return [*numbers.scalars(), role]


async def _rows(engine: AsyncEngine) -> dict[str, int]:
    """Return how many rows each table holds, without those that hold none."""
    async with engine.connect() as connection:
        counts = {
            name: await connection.scalar(text(f"SELECT count(*) FROM {name}"))  # noqa: S608 - a name of ours
            for name in TABLES
        }
    return {name: count for name, count in counts.items() if count}
