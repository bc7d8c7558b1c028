"""Tables without a row that an earlier test left, and numbers that begin anew."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.schema.tables import METADATA

TABLES = tuple(METADATA.tables)
_NUMBERED = tuple(
    (table.name, column.name)
    for table in METADATA.tables.values()
    for column in table.columns
    if column.identity is not None
)
_TRUNCATE = text(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE")
_FILLED = text(
    " UNION ALL ".join(
        f"SELECT '{each}' WHERE EXISTS (SELECT FROM {each})"  # noqa: S608 - names of ours
        for each in TABLES
    )
)
_WITHOUT_TRIGGERS = text("SET LOCAL session_replication_role = replica")
_RESTART_NUMBERS = text(
    "SELECT "
    + ", ".join(
        f"setval(pg_get_serial_sequence('{table}', '{column}'), 1, false)" for table, column in _NUMBERED
    )
)


async def truncate(engine: AsyncEngine) -> None:
    """Empty every table, and leave nothing of its dead rows either."""
    async with engine.begin() as connection:
        await connection.execute(_TRUNCATE)


async def delete(engine: AsyncEngine) -> None:
    """Empty the tables that hold something: for a few rows a tenth of what it takes to truncate them all."""
    async with engine.begin() as connection:
        filled = (await connection.execute(_FILLED)).scalars().all()
        if filled:
            await connection.execute(_WITHOUT_TRIGGERS)
        for name in filled:
            await connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - a name of ours
        await connection.execute(_RESTART_NUMBERS)
