"""Stored endings not yet delivered to their workflows: one partial index holds them all."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ports import Backlog, UndeliveredEvent
from store.schema.mapping import call_of
from store.schema.tables import call_events, calls

# Written out as in the index, so that every plan can use it.
_WAITS = and_(call_events.c.source == literal_column("'webhook'"), call_events.c.delivered_at.is_(None))

_BACKLOG = select(func.count().label("events"), func.min(call_events.c.received_at).label("oldest_at")).where(
    _WAITS
)

_MARK_DELIVERED = update(call_events).where(
    call_events.c.event_number == bindparam("this_event"), call_events.c.delivered_at.is_(None)
)


async def undelivered(
    connection: AsyncConnection, *, after: int, before: datetime, limit: int
) -> Sequence[UndeliveredEvent]:
    """Return what waits, oldest first; see `CallStore.undelivered`."""
    c = call_events.c
    waiting = (
        select(c.event_number, c.received_at, calls)
        .join_from(call_events, calls, calls.c.execution_id == c.execution_id)
        .where(_WAITS, c.event_number > after, c.received_at < before)
        .order_by(c.event_number)
        .limit(limit)
    )
    return [
        UndeliveredEvent(
            event_number=row[c.event_number], received_at=row[c.received_at], record=call_of(row)
        )
        for row in (await connection.execute(waiting)).mappings()
    ]


async def backlog(connection: AsyncConnection) -> Backlog:
    """Return how many wait, and since when."""
    row = (await connection.execute(_BACKLOG)).mappings().one()
    return Backlog(events=row["events"], oldest_at=row["oldest_at"])


async def mark_delivered(connection: AsyncConnection, event_number: int, now: datetime) -> None:
    """Mark an event as delivered; the first time stands."""
    await connection.execute(_MARK_DELIVERED, {"this_event": event_number, "delivered_at": now})
