"""Where alembic enters: runs each migration on the connection it is handed, in a transaction of its own.

A transaction over all of them would leave no room for indexes, which are built outside of any:
`store.migrations.concurrently`.
"""

from alembic import context
from sqlalchemy import Connection

from store.schema.tables import METADATA


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
