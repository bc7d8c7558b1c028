"""The way to Postgres: one pool, and three ways to use a connection of it."""

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import URL, ExceptionContext, event, make_url, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from domain.errors import StoreReadOnly
from store.database.connection import BoundedConnection, Timeouts, bounded, connection_options
from store.database.failures import READ_ONLY, sqlstate_of, translated_failures
from store.database.tenancy import TenantShares

POOL_WAIT_SECONDS = 10
"""How long a verb may wait for a free connection."""
ORDINARY = Timeouts()
BULK = Timeouts(statement=600, lock=60)
"""Of statements over all contacts of a batch."""

_SET_BULK = text(
    "SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)"
).bindparams(statement=f"{BULK.statement:.0f}s", lock=f"{BULK.lock:.0f}s")

_IS_FRESH = "apollo_is_fresh"
_autocommitting: WeakKeyDictionary[AsyncEngine, AsyncEngine] = WeakKeyDictionary()
_closing: set["asyncio.Future[None]"] = set()
"""Held here, or the event loop would forget them."""
_shares: WeakKeyDictionary[AsyncEngine, TenantShares] = WeakKeyDictionary()


def driver_url(database_url: str) -> URL:
    """Return the address with our driver, for any dialect name of Postgres."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def create_store_engine(
    database_url: str,
    *,
    pool_size: int = 10,
    timeouts: Timeouts = ORDINARY,
    connections_per_tenant: int | None = None,
    number_key: str = "",
) -> AsyncEngine:
    """Return an engine with at most `pool_size` connections, opened when first needed.

    A tenant holds at most `connections_per_tenant` of them at once; None is all of them.
    `number_key` is what numbers of erased people are hashed with, the same in every process.
    The caller closes it with `dispose`.
    """
    engine = create_async_engine(
        driver_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,  # they are numbers and names of people
        connect_args={
            **connection_options(timeouts, number_key),
            "async_creator_fn": bounded(timeouts).connect,
        },
        skip_autocommit_rollback=True,  # nothing is open that could be rolled back
    )
    event.listen(engine.sync_engine, "checkout", _refuse_dead_connection)
    event.listen(engine.sync_engine, "handle_error", _leave_read_only_server)
    _shares[engine] = TenantShares(
        connections_each=connections_per_tenant or pool_size, wait_seconds=POOL_WAIT_SECONDS
    )
    return engine


def connections_in_use(engine: AsyncEngine) -> int:
    """Return how many connections of an engine are taken."""
    pool = engine.sync_engine.pool
    return pool.checkedout() if isinstance(pool, QueuePool) else 0


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run several statements that hold together or not at all.

    Raises StoreUnavailable, ConstraintViolated, UnstorableValue, StatementRefused.
    """
    with translated_failures():
        async with _shares[engine].hold(), _connected(engine) as connection, connection.begin():
            yield connection


@asynccontextmanager
async def bulk_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run a transaction over all contacts of a batch, whose statements may take minutes.

    Raises what `transaction` does.
    """
    async with transaction(engine) as connection:
        await connection.execute(_SET_BULK)
        driver = (await connection.get_raw_connection()).driver_connection
        if not isinstance(driver, BoundedConnection):
            raise TypeError("the engine does not use our connections")
        ordinary, driver.answer_seconds = driver.answer_seconds, BULK.answer
        try:
            yield connection
        finally:
            driver.answer_seconds = ordinary


@asynccontextmanager
async def single_statement(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run statements that each hold for themselves, without the round trips that open and end a transaction.

    Raises what `transaction` does.
    """
    with translated_failures():
        async with _shares[engine].hold(), _connected(_autocommit(engine)) as connection:
            yield connection


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Take a connection of the pool.

    SQLAlchemy loses one whose taker is cancelled while it is opened or made ready, until the garbage
    collector finds it; so it is opened to the end, and given back at once.
    """
    opening = asyncio.ensure_future(engine.connect())
    try:
        connection = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_give_back)
        raise
    try:
        yield connection
    finally:
        await asyncio.shield(asyncio.ensure_future(connection.close()))


def _give_back(opening: "asyncio.Future[AsyncConnection]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        closing = asyncio.ensure_future(opening.result().close())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)


async def ping(engine: AsyncEngine) -> None:
    """Return when the database answers and takes what is written. Raises StoreUnavailable."""
    async with single_statement(engine) as connection:
        if await connection.scalar(text("SHOW transaction_read_only")) == "on":
            await connection.invalidate()  # another server of the same address may be the one to write to
            raise StoreReadOnly


def _autocommit(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine as it runs single statements; to make it costs as much as a statement."""
    made = _autocommitting.get(engine)
    if made is None:
        made = _autocommitting[engine] = engine.execution_options(isolation_level="AUTOCOMMIT")
    return made


def _leave_read_only_server(context: ExceptionContext) -> None:
    """Give up the pool when its server became a standby: a new connection may reach the one that leads."""
    if sqlstate_of(context.original_exception) == READ_ONLY:
        context.is_disconnect = True


def _refuse_dead_connection(_connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Make the pool open another connection when this one was closed while it lay idle.

    An idle server says nothing, so a readable socket holds its farewell; looking costs no round trip.
    """
    if entry.info.setdefault(_IS_FRESH, True):
        entry.info[_IS_FRESH] = False
        return
    connection = entry.driver_connection
    if not isinstance(connection, psycopg.AsyncConnection) or connection.closed:
        raise DisconnectionError
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError
