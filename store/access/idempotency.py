"""Remembers requests, so that a client may repeat one without having it done twice.

The one rule: a key's row and its effect are one transaction. A row that can be read stands for an effect that
holds; a request under a key holds the key's lock as long as its transaction lives, and loses both together.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import IdempotencyKeyBusy, IdempotencyKeyUsed
from domain.ports import IdempotencyKey, InProgress, KeyedRequest, KeyUse, Mismatch, Replay, Unused
from store.database.commits import confirmed_transaction
from store.database.engine import single_statement
from store.schema.tables import idempotency_keys

T = TypeVar("T")

KEPT_FOR = timedelta(hours=24)
"""From the success of the request, by the database's clock."""
FORGOTTEN_AT_ONCE = 100

# An older release wrote rows before their effects: of one without an ending that is unknown, so it holds too.
_AGE = func.clock_timestamp() - func.coalesce(idempotency_keys.c.finished_at, idempotency_keys.c.claimed_at)
_HOLDS = _AGE < KEPT_FOR

_HELD = text(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND datname = current_database() AND objsubid = 1 AND granted"
    " AND classid = CAST(:high AS oid) AND objid = CAST(:low AS oid))"
)
_FORGET_SOME = text(
    "DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency_keys"
    " WHERE finished_at <= now() - CAST(:kept_for AS interval) LIMIT :at_once FOR UPDATE SKIP LOCKED))"
)


class PostgresIdempotencyStore:
    """The idempotency keys of all organizations; implements `IdempotencyStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def look_up(self, key: IdempotencyKey, fingerprint: str) -> KeyUse:
        """Tell what is known of a key, for a body with this fingerprint."""
        c = idempotency_keys.c
        async with single_statement(self._engine) as connection:
            known = await connection.execute(select(c.fingerprint, c.body).where(_is(key), _HOLDS))
            row = known.one_or_none()
            if row is None:
                return InProgress() if await _is_held(connection, key) else Unused()
        if row.body is None:
            return InProgress()
        return Replay(row.body) if row.fingerprint == fingerprint else Mismatch()

    async def forget_old(self) -> None:
        """Delete some of the keys whose time is over, but none that is just being used again."""
        async with single_statement(self._engine) as connection:
            await connection.execute(_FORGET_SOME, {"kept_for": KEPT_FOR, "at_once": FORGOTTEN_AT_ONCE})


async def effect_once(
    engine: AsyncEngine, keyed: KeyedRequest[T] | None, effect: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    """Have an effect and, if it has a key, write the key's row in the same transaction.

    Raises IdempotencyKeyBusy, IdempotencyKeyUsed, and what the effect raises; nothing is changed then.
    """
    async with confirmed_transaction(engine) as connection:
        if keyed is None:
            return await effect(connection)
        await _take(connection, keyed.key)
        made = await effect(connection)
        await _keep(connection, keyed, keyed.answer(made))
        return made


async def _take(connection: AsyncConnection, key: IdempotencyKey) -> None:
    """Take the key's lock until the transaction ends, however it ends."""
    lock = func.pg_try_advisory_xact_lock(_lock_of(key))
    if not await connection.scalar(select(lock)):
        raise IdempotencyKeyBusy
    # A statement of its own, for it must see what the lock's last holder has committed.
    if await connection.scalar(select(exists().where(_is(key), _HOLDS))):
        raise IdempotencyKeyUsed


async def _keep(connection: AsyncConnection, keyed: KeyedRequest[T], answer: str) -> None:
    """Write the key's row, over one whose time is over."""
    key = keyed.key
    kept = {
        "fingerprint": keyed.fingerprint,
        "body": answer,
        "claimed_at": func.clock_timestamp(),
        "finished_at": func.clock_timestamp(),
    }
    written = await connection.execute(
        insert(idempotency_keys)
        .values(organization_id=key.organization_id, kind=key.kind, key=key.key, **kept)
        .on_conflict_do_update(index_elements=["organization_id", "kind", "key"], set_=kept, where=~_HOLDS)
        .returning(idempotency_keys.c.key)
    )
    if written.one_or_none() is None:  # by an older release, which takes no lock
        raise IdempotencyKeyUsed


async def _is_held(connection: AsyncConnection, key: IdempotencyKey) -> bool:
    """Tell whether the key's lock is held; trying it would get in the way of the request that takes it."""
    number = _lock_of(key) % 2**64
    halves = {"high": number >> 32, "low": number % 2**32}
    return bool(await connection.scalar(_HELD, halves))


def _lock_of(key: IdempotencyKey) -> int:
    """Return the key's number among the locks, 64 bits with a sign."""
    name = "\0".join((key.organization_id, key.kind, key.key))
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)


def _is(key: IdempotencyKey) -> ColumnElement[bool]:
    c = idempotency_keys.c
    return and_(c.organization_id == key.organization_id, c.kind == key.kind, c.key == key.key)
