"""The way to Postgres: one pool, and the one place where its failures become errors of the domain."""

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.exc import DataError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import StoreUnavailable

CONNECT_SECONDS = 3
POOL_WAIT_SECONDS = 10
"""How long a verb may wait for a free connection."""

CONNECTION_OPTIONS: dict[str, int | str] = {
    "connect_timeout": CONNECT_SECONDS,
    "options": "-c TimeZone=UTC",
    # A server that vanished without a word is noticed after some twenty seconds, not after hours.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


# COPY speaks to the driver itself, whose errors nobody wraps.
_UNREACHABLE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
_UNSTORABLE = (DataError, psycopg.DataError, UnicodeEncodeError)

_IS_FRESH = "apollo_is_fresh"
_autocommitting: WeakKeyDictionary[AsyncEngine, AsyncEngine] = WeakKeyDictionary()


class UnstorableValue(ValueError):
    """A value does not fit into the database"""

    def __init__(self) -> None:
        # Postgres quotes the value, which may be a person's, so its own words are not repeated.
        super().__init__(self.__doc__)


def driver_url(database_url: str) -> URL:
    """Return the address with the driver this house uses, whatever dialect name it came with."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def create_store_engine(database_url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine with at most `pool_size` connections, opened when first needed.

    Whoever asks for it closes it with `dispose`.
    """
    engine = create_async_engine(
        driver_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,  # they are numbers and names of people
        connect_args=CONNECTION_OPTIONS,
        skip_autocommit_rollback=True,  # nothing is open that could be rolled back
    )
    event.listen(engine.sync_engine, "checkout", _refuse_dead_connection)
    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run several statements that hold together or not at all.

    Raises StoreUnavailable, UnstorableValue.
    """
    async with _translated_failures(), engine.begin() as connection:
        yield connection


@asynccontextmanager
async def single_statement(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run statements that each hold for themselves, without the round trips that open and end a transaction.

    Raises StoreUnavailable, UnstorableValue.
    """
    async with _translated_failures(), _autocommit(engine).connect() as connection:
        yield connection


async def ping(engine: AsyncEngine) -> None:
    """Return when the database answers. Raises StoreUnavailable."""
    async with single_statement(engine) as connection:
        await connection.execute(text("SELECT 1"))


def _autocommit(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine as it runs single statements; to make it costs as much as a statement."""
    made = _autocommitting.get(engine)
    if made is None:
        made = _autocommitting[engine] = engine.execution_options(isolation_level="AUTOCOMMIT")
    return made


@asynccontextmanager
async def _translated_failures() -> AsyncIterator[None]:
    try:
        yield
    except _UNREACHABLE as error:
        raise StoreUnavailable from error
    except _UNSTORABLE:
        raise UnstorableValue from None


def _refuse_dead_connection(_connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Make the pool open another connection when this one was closed while it lay idle.

    An idle server says nothing, so a readable socket holds its farewell; looking costs no round trip.
    """
    if entry.info.setdefault(_IS_FRESH, True):
        entry.info[_IS_FRESH] = False
        return
    connection = entry.driver_connection
    poll = select.poll()
    if connection is not None:
        poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError
