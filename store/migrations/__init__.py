"""The schema's history; runs from any folder and needs no ini file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine, func, select
from sqlalchemy.exc import OperationalError

from domain.errors import StoreUnavailable
from store.engine import CONNECTION_OPTIONS, driver_url

# Any constant will do, as long as every version of Apollo uses the same.
_ADVISORY_LOCK = 0x41504F4C4C4F


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema up to a revision; of two processes at once one works and the other finds it done.

    Blocks, so it is not for an event loop. Raises StoreUnavailable.
    """
    with _configured(database_url) as config:
        command.upgrade(config, revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the schema back to a revision, or to nothing with `base`. Raises StoreUnavailable."""
    with _configured(database_url) as config:
        command.downgrade(config, revision)


@contextmanager
def _configured(database_url: str) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _locked_connection(database_url) as connection:
        config.attributes["connection"] = connection
        yield config


@contextmanager
def _locked_connection(database_url: str) -> Iterator[Connection]:
    """Hold the lock until the migration's transaction has ended, and let go of it with the connection."""
    engine = create_engine(
        driver_url(database_url), poolclass=NullPool, connect_args=CONNECTION_OPTIONS, hide_parameters=True
    )
    try:
        with engine.connect() as connection:
            connection.execute(select(func.pg_advisory_lock(_ADVISORY_LOCK)))
            connection.commit()
            yield connection
    except OperationalError as error:
        raise StoreUnavailable from error
