"""What a batch's row becomes when it is held, goes on or ends, on its own or with its campaign."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch, BatchStatus, PausedBy
from store.schema.mapping import Values, batch_of
from store.schema.tables import batches


def paused(by: PausedBy) -> Values:
    """Return the columns of a batch that is held."""
    return {"status": BatchStatus.PAUSED, "paused_by": by}


def resumed(now: datetime) -> Values:
    """Return the columns of a batch that goes on, or waits again while its start lies ahead."""
    is_ahead = batches.c.scheduled_start > now
    status = case((is_ahead, BatchStatus.PENDING.value), else_=BatchStatus.IN_PROGRESS.value)
    return {"status": status, "paused_by": None}


def ended(status: BatchStatus) -> Values:
    """Return the columns of a batch that is over."""
    return {"status": status, "paused_by": None, "ended_at": func.now()}


async def move_batches(
    connection: AsyncConnection, values: Values, now: datetime, *matching: ColumnElement[bool]
) -> Sequence[Batch]:
    """Write `values` to every matching batch and return them, oldest first, counters left at zero."""
    move = update(batches).where(*matching).values(**values, updated_at=now).returning(batches)
    moved = [batch_of(row) for row in (await connection.execute(move)).mappings()]
    return sorted(moved, key=lambda each: each.batch_id)
