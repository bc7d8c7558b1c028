"""The schema's history; runs from any folder and needs no ini file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, func, select

from domain.errors import StoreBusy
from store.database.connection import Timeouts, connection_options
from store.database.engine import driver_url
from store.database.failures import translated_failures

VERSIONS = str(Path(__file__).parent / "versions")
TIMEOUTS = Timeouts(statement=0, lock=5, idle_in_transaction=0)
"""A migration takes as long as it needs, but waiting for a lock on a table holds up every later request."""
OTHERS_SECONDS = 900
"""How long the migrations of another process are waited for."""
_BETWEEN_TRIES_SECONDS = 0.2

# Any constant will do, as long as every version of Apollo uses the same.
_ADVISORY_LOCK = 0x41504F4C4C4F
_BETWEEN_ASKS_SECONDS = 0.2


def upgrade(database_url: str, revision: str = "head") -> bool:
    """Bring the schema up to a revision; of two processes at once one works and the other finds it done.

    False where a newer version has been here: its schema serves this one too, and nothing is done.
    Each migration is a transaction of its own, so one that fails leaves those before it done.
    Blocks, so it is not for an event loop. Raises StoreUnavailable, ConstraintViolated, StatementRefused.
    """
    with _configured(database_url) as config:
        if _is_ahead(config):
            return False
        command.upgrade(config, revision)
        return True


def downgrade(database_url: str, revision: str) -> None:
    """Take the schema back to a revision, or to nothing with `base`. Raises StoreUnavailable."""
    with _configured(database_url) as config:
        command.downgrade(config, revision)


def _is_ahead(config: Config) -> bool:
    """Tell whether the schema has a revision that this version does not know."""
    connection: Connection = config.attributes["connection"]
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_heads()
    connection.commit()
    return not known.issuperset(current)


@contextmanager
def _configured(database_url: str) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", VERSIONS.replace("%", "%%"))
    with _locked_connection(database_url) as connection:
        config.attributes["connection"] = connection
        yield config


@contextmanager
def _locked_connection(database_url: str) -> Iterator[Connection]:
    """Hold the lock until the last migration has ended, and let go of it with the connection."""
    options = dict(connection_options(TIMEOUTS))
    engine = create_engine(
        driver_url(database_url), poolclass=NullPool, connect_args=options, hide_parameters=True
    )
    with translated_failures(), engine.connect() as connection:
        _wait_for_others(connection)
        yield connection


def _wait_for_others(connection: Connection) -> None:
    """Take the lock by asking for it again and again: a statement that waits has a snapshot,
    and an index that is built concurrently would wait for that in turn.
    """
    deadline = monotonic() + OTHERS_SECONDS
    while not connection.scalar(select(func.pg_try_advisory_lock(_ADVISORY_LOCK))):
        connection.commit()
        if monotonic() > deadline:
            raise StoreBusy
        sleep(_BETWEEN_TRIES_SECONDS)
    connection.commit()
