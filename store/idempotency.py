"""Remembers requests, so that a client may repeat one without having it done twice."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.ports import FirstUse, IdempotencyKey, InProgress, KeyUse, Mismatch, Replay
from store.engine import single_statement
from store.tables import idempotency_keys

KEPT_FOR = timedelta(hours=24)
"""From the success of the request."""

CLAIM_LAPSES_AFTER = timedelta(seconds=60)
"""A request without an ending for this long died with its process."""


class PostgresIdempotencyStore:
    """The idempotency keys of all organizations; implements `IdempotencyStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, key: IdempotencyKey, fingerprint: str, now: datetime) -> KeyUse:
        """Claim a key for a body with this fingerprint; of two at once one gets it."""
        async with single_statement(self._engine) as connection:
            if await _claimed(connection, key, fingerprint, now):
                return FirstUse()
            c = idempotency_keys.c
            known = await connection.execute(select(c.fingerprint, c.body).where(_is(key)))
            row = known.one_or_none()
            if row is None or row.body is None:
                # Without a row the other request failed just now; the client is told to come back either way.
                return InProgress()
            return Replay(row.body) if row.fingerprint == fingerprint else Mismatch()

    async def keep(self, key: IdempotencyKey, body: str, now: datetime) -> None:
        """Keep the answer of a finished request, and forget those whose time is over."""
        c = idempotency_keys.c
        async with single_statement(self._engine) as connection:
            await connection.execute(
                update(idempotency_keys)
                .where(_is(key), c.finished_at.is_(None))
                .values(body=body, finished_at=now)
            )
            await connection.execute(delete(idempotency_keys).where(c.finished_at <= now - KEPT_FOR))

    async def release(self, key: IdempotencyKey) -> None:
        """Forget a request that failed."""
        unfinished = idempotency_keys.c.finished_at.is_(None)
        async with single_statement(self._engine) as connection:
            await connection.execute(delete(idempotency_keys).where(_is(key), unfinished))


async def _claimed(connection: AsyncConnection, key: IdempotencyKey, fingerprint: str, now: datetime) -> bool:
    """Insert the key, or take over one that nobody is using any more."""
    c = idempotency_keys.c
    is_over = or_(
        and_(c.finished_at.is_(None), c.claimed_at <= now - CLAIM_LAPSES_AFTER),
        c.finished_at <= now - KEPT_FOR,
    )
    claim = {"fingerprint": fingerprint, "claimed_at": now, "body": None, "finished_at": None}
    inserted = await connection.execute(
        insert(idempotency_keys)
        .values(organization_id=key.organization_id, kind=key.kind, key=key.key, **claim)
        .on_conflict_do_update(index_elements=["organization_id", "kind", "key"], set_=claim, where=is_over)
        .returning(c.key)
    )
    return inserted.scalar_one_or_none() is not None


def _is(key: IdempotencyKey) -> ColumnElement[bool]:
    c = idempotency_keys.c
    return and_(c.organization_id == key.organization_id, c.kind == key.kind, c.key == key.key)
