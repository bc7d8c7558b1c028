"""Where alembic enters: runs migrations on the connection it is handed, in one transaction."""

from alembic import context
from sqlalchemy import Connection

from store.tables import METADATA


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
