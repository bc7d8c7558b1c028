"""Apollo's database: the one that was set, else the embedded Postgres of the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.data_folder import held, is_held, write_private
from embedded.errors import DatabaseNotStarted
from embedded.postgres_guard import guarded
from settings import Settings, inherited_environment

_NAME = "apollo"
_URL_FILE = "database-url"


@contextmanager
def own_postgres(data_dir: Path) -> Iterator[str]:
    """Run the Postgres of a data folder, which must be held, and yield the database's URL.

    Raises DatabaseNotStarted.
    """
    # Only here, for a deployment with its own Postgres installs nothing embedded.
    from embedded.postgres import EmbeddedPostgres, FolderInUse, PostgresDidNotStart

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
            yield server.url(_NAME)
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
        with held(data_dir), own_postgres(data_dir) as url:
            yield url


def _published_url(data_dir: Path) -> str:
    try:
        return (data_dir / _URL_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise DatabaseNotStarted("The stack on this data folder has not started its database yet") from error
