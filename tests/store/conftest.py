"""What the store's tests share."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import TextClause, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.sqltypes import NullType

from embedded.postgres import EmbeddedPostgres
from store.database.engine import create_store_engine
from tests.conftest import a_database
from tests.store.emptied_tables import delete, truncate
from tests.store.scenes import Stores, World

LOCKED_IN_SUBQUERY = re.compile(r"\bIN\s*\(\s*SELECT\b(?:[^()]|\([^()]*\))*\bSKIP LOCKED\s*\)", re.IGNORECASE)


@pytest.fixture(scope="session")
async def session_engine(postgres: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    """An engine on a database of the test process: it connects, and compiles its statements, once."""
    with a_database(postgres) as address:
        engine = create_store_engine(address)
        event.listen(engine.sync_engine, "before_cursor_execute", refuse_untyped_parameters)
        event.listen(engine.sync_engine, "before_cursor_execute", refuse_locks_read_again)
        yield engine
        await engine.dispose()


@pytest.fixture(scope="module")
async def shared_engine(session_engine: AsyncEngine) -> AsyncEngine:
    """The same with tables that hold nothing, not even the dead rows of the file before."""
    await truncate(session_engine)
    return session_engine


def refuse_untyped_parameters(
    connection: object, cursor: object, statement: str, parameters: object, context: Any, many: bool
) -> None:
    """Without a type, Postgres guesses by the place, and refuses where that tells nothing."""
    if context.compiled is None or isinstance(context.compiled.statement, TextClause):
        return
    binds = context.compiled.binds
    untyped = sorted(name for name, each in binds.items() if isinstance(each.type, NullType))
    assert not untyped, f"{untyped} of {statement}"


def refuse_locks_read_again(
    connection: object, cursor: object, statement: str, parameters: object, context: object, many: bool
) -> None:
    """A plan may read a subquery of IN once for each row, and each time it locks others, beyond its limit."""
    assert not LOCKED_IN_SUBQUERY.search(statement), statement


@pytest.fixture
async def emptied_engine(shared_engine: AsyncEngine) -> AsyncEngine:
    """The shared engine, its tables empty and their numbers as at first."""
    await delete(shared_engine)
    return shared_engine


@pytest.fixture
def stores(request: pytest.FixtureRequest) -> Stores:
    """Every store on empty tables; on a database of its own where the test does more than verbs to it."""
    has_its_own = {"database_url", "store_engine"} & set(request.fixturenames)
    engine: AsyncEngine = request.getfixturevalue("store_engine" if has_its_own else "emptied_engine")
    return Stores.on(engine)


@pytest.fixture(params=["postgres", "memory"])
def world(request: pytest.FixtureRequest) -> World:
    """Every store twice: the real ones, and the fakes that other rooms are tested with."""
    if request.param == "memory":
        return World.in_memory()
    stores: Stores = request.getfixturevalue("stores")
    return stores
