"""Nothing on a connection takes for ever: locks, statements, a server that hangs, one that only reads."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import StoreBusy, StoreReadOnly, StoreUnavailable
from domain.identity import OrganizationId
from store.database import engine as engine_module
from store.database.connection import Timeouts
from store.database.engine import bulk_transaction, create_store_engine, ping, single_statement, transaction
from store.database.tenancy import work_for

pytestmark = pytest.mark.store

# A busy machine does nothing for a tenth of a second now and then, in the midst of a transaction too.
SHORT = Timeouts(statement=0.5, lock=0.1)
IDLE = Timeouts(idle_in_transaction=0.2)
INSERT = text("INSERT INTO organizations VALUES ('org_1', now())")
TOUCH = text("UPDATE organizations SET created_at = now()")
SLEEP = text("SELECT pg_sleep(1)")


@pytest.fixture
async def short(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on which no statement may take long."""
    engine = create_store_engine(database_url, pool_size=2, timeouts=SHORT)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def _a_locked_row(engine: AsyncEngine) -> AsyncIterator[None]:
    async with single_statement(engine) as connection:
        await connection.execute(INSERT)
    async with transaction(engine) as connection:
        await connection.execute(TOUCH)
        yield


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_lock_that_is_not_given_is_store_busy(store_engine: AsyncEngine, short: AsyncEngine) -> None:
    async with _a_locked_row(store_engine):
        with pytest.raises(StoreBusy):
            async with transaction(short) as connection:
                await connection.execute(TOUCH)


async def test_statement_that_takes_too_long_is_store_busy(short: AsyncEngine) -> None:
    with pytest.raises(StoreBusy):
        async with single_statement(short) as connection:
            await connection.execute(SLEEP)


async def test_transaction_that_does_nothing_loses_its_connection(database_url: str) -> None:
    engine = create_store_engine(database_url, pool_size=2, timeouts=IDLE)

    async def dawdle() -> None:
        async with transaction(engine) as connection:
            await connection.execute(TOUCH)
            await asyncio.sleep(0.5)
            await connection.execute(TOUCH)

    with pytest.raises(StoreUnavailable):
        await dawdle()
    async with single_statement(engine) as connection:
        await connection.execute(TOUCH)
    await engine.dispose()


async def test_statements_over_a_whole_batch_have_time(short: AsyncEngine, store_engine: AsyncEngine) -> None:
    async with bulk_transaction(short) as connection:
        await connection.execute(SLEEP)
    async with _a_locked_row(store_engine):
        waiting = asyncio.create_task(_touch_in_bulk(short))
        await asyncio.sleep(0.4)
        assert not waiting.done()
    await waiting


async def _touch_in_bulk(engine: AsyncEngine) -> None:
    async with bulk_transaction(engine) as connection:
        await connection.execute(TOUCH)


async def test_time_for_a_whole_batch_ends_with_its_transaction(database_url: str) -> None:
    engine = create_store_engine(database_url, pool_size=1, timeouts=SHORT)
    async with bulk_transaction(engine) as connection:
        await connection.execute(SLEEP)
    with pytest.raises(StoreBusy):
        async with single_statement(engine) as connection:
            await connection.execute(SLEEP)
    await engine.dispose()


async def test_server_that_hangs_is_given_up_and_its_connection_with_it(short: AsyncEngine) -> None:
    async with single_statement(short) as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    assert isinstance(pid, int)
    with _stopped(pid):
        began = time.monotonic()
        with pytest.raises(StoreBusy):
            await ping(short)
        assert time.monotonic() - began < 10
    await ping(short)


async def test_server_that_only_reads_is_told_apart(database_url: str, store_engine: AsyncEngine) -> None:
    await ping(store_engine)
    name = database_url.rpartition("/")[2].partition("?")[0]
    async with single_statement(store_engine) as connection:
        await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    standby = create_store_engine(database_url, pool_size=1)
    with pytest.raises(StoreReadOnly):
        await ping(standby)
    with pytest.raises(StoreReadOnly):
        async with single_statement(standby) as connection:
            await connection.execute(INSERT)
    async with single_statement(store_engine) as connection:
        await connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    # The pool was left with its server: the next connection finds one that may be written to.
    await ping(standby)
    await standby.dispose()


async def test_no_tenant_takes_the_whole_pool(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "POOL_WAIT_SECONDS", 0.1)
    engine = create_store_engine(database_url, pool_size=3, connections_per_tenant=2)
    held, release = [], asyncio.Event()

    async def hold(tenant: str) -> None:
        work_for(OrganizationId(tenant))
        async with transaction(engine):
            held.append(tenant)
            await release.wait()

    greedy = [asyncio.create_task(hold("org_greedy")) for _ in range(5)]
    await asyncio.sleep(0.05)
    other = asyncio.create_task(hold("org_other"))
    answers = await asyncio.gather(*greedy[2:], return_exceptions=True)
    release.set()
    await asyncio.gather(*greedy[:2], other)

    assert sorted(held) == ["org_greedy", "org_greedy", "org_other"]
    assert [type(each) for each in answers] == [StoreBusy] * 3
    await engine.dispose()


async def test_share_of_a_tenant_comes_back_when_its_work_fails(database_url: str) -> None:
    engine = create_store_engine(database_url, pool_size=2, connections_per_tenant=1)
    work_for(OrganizationId("org_1"))
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with transaction(engine):
                raise RuntimeError
    await ping(engine)
    await engine.dispose()
