"""A database that cannot be reached is one error, whatever the driver calls it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from domain.errors import StoreUnavailable, UnstorableValue
from domain.identity import ContactId
from store.calls.repository import PostgresCallStore
from store.database import engine as engine_module
from store.database.engine import create_store_engine, driver_url, ping, single_statement, transaction
from store.database.ids import mint
from tests.builders import MONDAY_NOON, a_claim, a_new_contact
from tests.store.scenes import Stores

pytestmark = pytest.mark.store


@pytest.fixture(
    params=[
        pytest.param("postgresql+psycopg://nobody@/nothing?host=/nonexistent", id="no socket"),
        pytest.param("postgresql://nobody@127.0.0.1:1/nothing", id="refused port"),
    ]
)
async def lost_engine(request: pytest.FixtureRequest) -> AsyncIterator[AsyncEngine]:
    engine = create_store_engine(request.param)
    yield engine
    await engine.dispose()


async def test_unreachable_database_is_store_unavailable(lost_engine: AsyncEngine) -> None:
    calls = PostgresCallStore(lost_engine, mint)
    with pytest.raises(StoreUnavailable):
        await ping(lost_engine)
    with pytest.raises(StoreUnavailable):
        await calls.dial_brief(ContactId("con_1"), 1)
    with pytest.raises(StoreUnavailable):
        await calls.claim_attempt(a_claim(), MONDAY_NOON)


async def test_database_that_answers_is_pinged(store_engine: AsyncEngine) -> None:
    await ping(store_engine)


async def test_server_is_told_to_notice_soon_that_we_vanished(store_engine: AsyncEngine) -> None:
    told = "SELECT name, reset_val FROM pg_settings WHERE name LIKE 'tcp_keepalives%' AND source = 'client'"
    async with single_statement(store_engine) as connection:
        rows = (await connection.execute(text(told))).all()
    assert {(row.name, row.reset_val) for row in rows} == {
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "3"),
        ("tcp_keepalives_count", "3"),
    }


async def test_connections_the_server_closed_are_replaced_unnoticed(store_engine: AsyncEngine) -> None:
    await asyncio.gather(*(ping(store_engine) for _ in range(3)))
    async with single_statement(store_engine) as connection:
        ended = "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        assert await connection.scalar(text(f"{ended} WHERE {others}"))
    await asyncio.gather(*(ping(store_engine) for _ in range(3)))


async def test_connection_lost_in_the_middle_is_store_unavailable(store_engine: AsyncEngine) -> None:
    with pytest.raises(StoreUnavailable):
        async with transaction(store_engine) as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await ping(store_engine)


async def test_single_statement_that_was_given_up_leaves_its_connection_fit_for_the_next(
    database_url: str,
) -> None:
    engine = create_store_engine(database_url, pool_size=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), single_statement(engine) as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))

    async with transaction(engine) as connection:
        await connection.execute(text("INSERT INTO organizations VALUES ('org_1', now())"))
        await connection.rollback()
    async with single_statement(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM organizations")) == 0
        await connection.execute(text("INSERT INTO organizations VALUES ('org_2', now())"))
    async with transaction(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM organizations")) == 1
    await engine.dispose()


async def test_exhausted_pool_is_store_unavailable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "POOL_WAIT_SECONDS", 0.05)
    engine = create_store_engine(database_url, pool_size=1)
    async with transaction(engine):
        with pytest.raises(StoreUnavailable):
            await ping(engine)
    await engine.dispose()


async def test_failed_transaction_keeps_nothing(stores: Stores) -> None:
    async def fail_halfway() -> None:
        async with transaction(stores.engine) as connection:
            await connection.execute(text("INSERT INTO organizations VALUES ('org_1', now())"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_halfway()
    async with transaction(stores.engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM organizations")) == 0


@pytest.mark.parametrize("name", ["Ines\x00Moreau", "Ines \ud83dMoreau"], ids=["zero byte", "half a pair"])
async def test_value_postgres_cannot_keep_is_refused_without_repeating_it(stores: Stores, name: str) -> None:
    with pytest.raises(UnstorableValue) as refused:
        await stores.a_kept_batch([a_new_contact(external_id=name)])
    assert str(refused.value) == "A value does not fit into the database"
    assert refused.value.__suppress_context__


async def test_instants_come_back_in_utc_wherever_the_server_stands(stores: Stores) -> None:
    person = await stores.a_person()
    assert person.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_name_of_postgres_gets_our_driver(scheme: str) -> None:
    url = driver_url(f"{scheme}://me:secret@db.example/apollo?sslmode=require")
    assert url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://me:secret@db.example/apollo?sslmode=require"
    )


def test_ids_minted_in_a_row_sort_in_that_order() -> None:
    minted = [mint("con_") for _ in range(2000)]
    assert minted == sorted(set(minted))
    assert all(each.startswith("con_") and each == each.lower() for each in minted)


@pytest.mark.parametrize("way", [transaction, single_statement])
async def test_whoever_is_cancelled_while_a_connection_is_taken_loses_none(
    store_engine: AsyncEngine, way: Callable[[AsyncEngine], AbstractAsyncContextManager[AsyncConnection]]
) -> None:
    async def ask() -> None:
        async with way(store_engine) as connection:
            await connection.execute(text("SELECT pg_sleep(0.01)"))

    pool = store_engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    gc.disable()  # it would find what was lost, sooner or later
    try:
        for milliseconds in range(40):
            asking = [asyncio.create_task(ask()) for _ in range(5)]
            await asyncio.sleep(milliseconds / 1000)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            async with asyncio.timeout(5):
                while pool.checkedout():  # noqa: ASYNC110 - a pool tells nothing by itself
                    await asyncio.sleep(0.001)
    finally:
        gc.enable()
