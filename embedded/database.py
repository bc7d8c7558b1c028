"""Apollo's database: the one that was set, else the embedded Postgres of the data folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.data_folder import held, is_held, write_private
from embedded.errors import DatabaseNotStarted, NoEmbeddedDatabase
from embedded.postgres_guard import guarded
from settings import Settings, inherited_environment

_NAME = "apollo"
_URL_FILE = "database-url"


@dataclass(frozen=True)
class OwnDatabase:
    """A database on a Postgres that this process runs."""

    url: str
    is_alive: Callable[[], bool]
    """Cheap enough to be asked all the time."""
    log_path: Path


@contextmanager
def own_postgres(data_dir: Path) -> Iterator[OwnDatabase]:
    """Run the Postgres of a data folder, which must be held.

    Raises DatabaseNotStarted, NoEmbeddedDatabase.
    """
    try:
        # Only here, for a deployment with its own Postgres installs nothing embedded.
        from embedded.postgres import EmbeddedPostgres, FolderInUse, PostgresDidNotStart
    except ModuleNotFoundError as error:
        raise NoEmbeddedDatabase from error

    folder = data_dir / "postgres"
    with guarded(folder, inherited_environment()):
        server = EmbeddedPostgres(folder)
        try:
            server.start()
        except (FolderInUse, PostgresDidNotStart) as error:
            raise DatabaseNotStarted(str(error)) from error
        try:
            server.create_database(_NAME)
            write_private(data_dir / _URL_FILE, server.url(_NAME))
            yield OwnDatabase(server.url(_NAME), server.is_alive, server.log_path)
        finally:
            server.stop()


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
        with held(data_dir), own_postgres(data_dir) as own:
            yield own.url


def _published_url(data_dir: Path) -> str:
    try:
        return (data_dir / _URL_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise DatabaseNotStarted("The stack on this data folder has not started its database yet") from error
