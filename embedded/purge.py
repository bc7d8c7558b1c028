"""What retention would take, and has it taken now: the operator's way, straight to the database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.retention import RetentionParts, purge
from domain.ports import Outdated
from settings import Settings
from store.access.idempotency import PostgresIdempotencyStore
from store.audit.log import PostgresAuditLog
from store.database.clock import running_clock
from store.database.engine import create_store_engine
from store.erasures.erasing import WriteBody
from store.erasures.retention import PostgresRetentionStore


def outdated_now(database_url: str, settings: Settings, write_body: WriteBody) -> Outdated:
    """Count what is older than the settings keep it, by the database's clock."""

    async def count() -> Outdated:
        async with _parts(database_url, settings, write_body) as parts:
            return await parts.store.outdated(parts.expiries)

    return asyncio.run(count())


def purge_now(database_url: str, settings: Settings, write_body: WriteBody) -> Outdated:
    """Empty and forget it at once; returns what was found, what is left being held by somebody just then."""

    async def take() -> Outdated:
        async with _parts(database_url, settings, write_body) as parts:
            found = await parts.store.outdated(parts.expiries)
            await purge(parts)
            return found

    return asyncio.run(take())


def retention_parts(
    engine: AsyncEngine, clock: Callable[[], datetime], settings: Settings, write_body: WriteBody
) -> RetentionParts:
    """Return what keeps nothing longer than the settings say."""
    return RetentionParts(
        store=PostgresRetentionStore(engine, write_body),
        audit_log=PostgresAuditLog(engine),
        keys=PostgresIdempotencyStore(engine),
        batches_for=settings.retention,
        audit_log_for=settings.audit_retention,
        clock=clock,
    )


@asynccontextmanager
async def _parts(
    database_url: str, settings: Settings, write_body: WriteBody
) -> AsyncIterator[RetentionParts]:
    engine = create_store_engine(database_url, pool_size=2, number_key=settings.number_hash_key)
    try:
        async with running_clock(engine) as clock:
            yield retention_parts(engine, clock, settings, write_body)
    finally:
        await engine.dispose()
