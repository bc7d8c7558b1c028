"""Stored endings of which the contact's workflow has not been told: one partial index holds them all."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import psycopg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import EventSource
from domain.ports import Backlog, UndeliveredEvent, WaitForEnding
from store.database.engine import single_statement
from store.database.failures import translated_failures
from store.schema.base import INSTANT
from store.schema.mapping import call_of
from store.schema.tables import call_events, calls

_WAITS = and_(call_events.c.source == EventSource.WEBHOOK, call_events.c.delivered_at.is_(None))

_BACKLOG = select(func.count().label("events"), func.min(call_events.c.received_at).label("oldest_at")).where(
    _WAITS
)
# One for every ending, so their statements are put together once.
_UNDELIVERED = (
    select(call_events.c.event_number, call_events.c.received_at, calls)
    .join_from(call_events, calls, calls.c.execution_id == call_events.c.execution_id)
    .where(_WAITS, call_events.c.event_number > bindparam("behind", type_=BigInteger))
    .order_by(call_events.c.event_number)
    .limit(bindparam("at_most", type_=Integer))
)
_MARK_DELIVERED = (
    update(call_events)
    .where(
        call_events.c.event_number == any_(bindparam("these", type_=ARRAY(BigInteger))),
        call_events.c.delivered_at.is_(None),
    )
    .values(delivered_at=bindparam("now", type_=INSTANT))
)
_CHANNEL = "apollo_endings"
_LISTEN = text(f"LISTEN {_CHANNEL}")

TELL_LISTENERS = func.pg_notify(literal_column(f"'{_CHANNEL}'"), literal_column("''"))
"""Within the statement that stores an ending; who listens hears of it once that is committed."""


class PostgresEndingStore:
    """The endings of all calls; implements `EndingStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def undelivered(self, *, after: int, limit: int) -> Sequence[UndeliveredEvent]:
        """Return endings that wait to be delivered, oldest first, those numbered above `after`."""
        c, page = call_events.c, {"behind": after, "at_most": limit}
        async with single_statement(self._engine) as connection:
            return [
                UndeliveredEvent(
                    event_number=row[c.event_number], received_at=row[c.received_at], record=call_of(row)
                )
                for row in (await connection.execute(_UNDELIVERED, page)).mappings()
            ]

    async def mark_delivered(self, event_numbers: Sequence[int], now: datetime) -> None:
        """Mark these events as delivered to the contacts' workflows; the first time stands."""
        async with single_statement(self._engine) as connection:
            await connection.execute(_MARK_DELIVERED, {"these": list(event_numbers), "now": now})

    async def backlog(self) -> Backlog:
        """Return how many stored endings wait to be delivered, and since when."""
        async with single_statement(self._engine) as connection:
            row = (await connection.execute(_BACKLOG)).mappings().one()
        return Backlog(events=row["events"], oldest_at=row["oldest_at"])

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[WaitForEnding]:
        """Listen for endings as they are stored, on a connection of its own."""
        async with single_statement(self._engine) as connection:
            await connection.execute(_LISTEN)
            listener = (await connection.get_raw_connection()).driver_connection
            if not isinstance(listener, psycopg.AsyncConnection):
                raise TypeError("the engine does not use our connections")

            async def wait(patience: timedelta) -> None:
                with translated_failures():
                    async for _ in listener.notifies(timeout=patience.total_seconds(), stop_after=1):
                        pass

            try:
                yield wait
            finally:
                await connection.invalidate()  # nobody else is to hear what this one listens for
