"""Apollo's database: the one that was set, else the embedded Postgres of the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embedded.data_folder import held, is_held, write_private
from embedded.errors import DatabaseNotStarted, NoEmbeddedDatabase
from settings import Settings

if TYPE_CHECKING:
    from embedded.postgres import EmbeddedPostgres

_NAME = "apollo"
_URL_FILE = "database-url"


def embedded_postgres(data_dir: Path) -> "EmbeddedPostgres":
    """Return the server of a data folder, which must be held before it is used. Raises NoEmbeddedDatabase."""
    try:
        # Only here, for a deployment with its own Postgres installs nothing embedded.
        from embedded.postgres import EmbeddedPostgres
    except ModuleNotFoundError as error:
        raise NoEmbeddedDatabase from error
    return EmbeddedPostgres(data_dir / "postgres")


@contextmanager
def own_postgres(data_dir: Path) -> Iterator[str]:
    """Run the Postgres of a data folder, which must be held, and yield the address of Apollo's database.

    Raises DatabaseNotStarted, NoEmbeddedDatabase.
    """
    server = embedded_postgres(data_dir)
    server.start()
    try:
        yield publish(server, data_dir)
    finally:
        server.stop()


def publish(server: "EmbeddedPostgres", data_dir: Path) -> str:
    """Make Apollo's database on a running server known to operators' commands; returns its address."""
    server.create_database(_NAME)
    url = server.url(_NAME)
    write_private(data_dir / _URL_FILE, url)
    return url


@contextmanager
def operators_database(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database for an operator's command, whether a stack runs or not.

    The data folder of the settings is absolute. Raises EmbeddedError.
    """
    data_dir = settings.data_dir
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    elif is_held(data_dir):
        yield _published_url(data_dir)
    else:
        with held(data_dir), own_postgres(data_dir) as url:
            yield url


def _published_url(data_dir: Path) -> str:
    try:
        return (data_dir / _URL_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise DatabaseNotStarted("The stack on this data folder has not started its database yet") from error
