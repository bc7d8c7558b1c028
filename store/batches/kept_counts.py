"""Counts of batches that are over, kept in their rows: what is derived from contacts and calls, remembered.

They are kept once nothing is under way in a batch that is over: no contact unfinished, no call open. From
then on a status changes from a final one only. Triggers of the database watch for that: in the transaction of
the change they hold the batch's row shared and drop what is kept. The keeper of counts locks that row first
and counts in a statement of its own, so that no change is between the two.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, literal_column, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import TERMINAL_BATCH
from domain.call import ASKED, LIVE_CALLS, AttemptKind
from domain.contact import TERMINAL, ContactStatus
from domain.errors import StoreUnavailable
from domain.identity import BatchId
from store.batches.counting import CALLS, CONTACTS, DIALLED, FOLLOW_UPS, OTHERS
from store.database.engine import single_statement, transaction
from store.database.parameters import among
from store.schema.tables import batches, calls, contacts

AT_ONCE = 20
"""Batches whose counts one reader keeps, so that it is not kept from its answer for long."""

_UNFINISHED = sorted(frozenset(ContactStatus) - TERMINAL)
_B, _C = batches.c, calls.c

_IS_SETTLED = and_(
    _B.status.in_(sorted(TERMINAL_BATCH)),
    not_(exists().where(contacts.c.batch_id == _B.batch_id, contacts.c.status.in_(_UNFINISHED))),
    not_(exists().where(_C.batch_id == _B.batch_id, _C.call_status.in_(LIVE_CALLS))),
)


async def keep_counts_of_settled(engine: AsyncEngine, *of: ColumnElement[bool]) -> None:
    """Keep the counts of some batches in which nothing is under way any more, for the next reader.

    A database that cannot be written to, or whose rows are held, keeps nothing, and nobody misses it.
    """
    found = select(_B.batch_id).where(*of, _B.kept_counts.is_(None), _IS_SETTLED).limit(AT_ONCE)
    with suppress(StoreUnavailable):
        async with single_statement(engine) as connection:
            settled = [BatchId(each) for each in await connection.scalars(found)]
        for batch_id in settled:
            async with transaction(engine) as connection:
                locked = select(_B.batch_id).where(_B.batch_id == batch_id)
                locked = locked.with_for_update(key_share=True, skip_locked=True)
                if await connection.scalar(locked) is not None:
                    await keep_counts(connection, [batch_id])


async def keep_counts(connection: AsyncConnection, batch_ids: Sequence[BatchId]) -> None:
    """Keep the counts of batches in which nothing is under way. The caller holds the batches' locks."""
    kept = func.jsonb_build_object(
        *_pair(CONTACTS, _by_status(contacts.c.status, contacts.c.batch_id)),
        *_pair(CALLS, _by_status(_C.call_status, _C.batch_id)),
        *_pair(FOLLOW_UPS, _follow_ups()),
    )
    this = (_B.batch_id == among(batch_ids), _B.kept_counts.is_(None), _IS_SETTLED)
    await connection.execute(update(batches).where(*this).values(kept_counts=kept))


def _by_status(status: ColumnElement[str], owner: ColumnElement[str]) -> ScalarSelect[Any]:
    """Return an object of the numbers by status of one batch."""
    counted = (
        select(status.label("status"), func.count().label("number"))
        .where(owner == _B.batch_id)
        .group_by(status)
        .correlate(batches)
        .subquery()
    )
    numbers = func.jsonb_object_agg(counted.c.status, counted.c.number)
    return select(func.coalesce(numbers, literal_column("'{}'::jsonb"))).scalar_subquery()


def _follow_ups() -> ScalarSelect[Any]:
    was_dialled = _C.dial_state.in_(ASKED)
    numbers = func.jsonb_build_object(
        *_pair(DIALLED, func.count().filter(was_dialled)),
        *_pair(OTHERS, func.count().filter(not_(was_dialled))),
    )
    mine = (_C.batch_id == _B.batch_id, _C.kind == AttemptKind.FOLLOW_UP)
    return select(numbers).where(*mine).correlate(batches).scalar_subquery()


def _pair(key: str, value: ColumnElement[Any] | ScalarSelect[Any]) -> tuple[ColumnElement[Any], Any]:
    return literal_column(f"'{key}'"), value
