"""Indexes and checks on tables that are in use: built without holding up the work on them.

A migration's own statements go into the transaction before them, so an index is a migration's last word,
or has a migration to itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

BUILD_PATIENCE = "15min"
"""How long a build waits for transactions that began before it; nobody waits behind it meanwhile."""


def create_index(
    name: str,
    table: str,
    columns: Sequence[str | sa.TextClause],
    *,
    unique: bool = False,
    include: Sequence[str] = (),
    where: str | None = None,
) -> None:
    """Build an index; what an earlier try left half-built goes first."""
    with _outside_of_transactions():
        op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            name,
            table,
            list(columns),
            unique=unique,
            postgresql_include=list(include),
            postgresql_where=None if where is None else sa.text(where),
            postgresql_concurrently=True,
        )


def create_check(name: str, table: str, condition: str) -> None:
    """Have a condition hold for every row; those that are there are read while others write."""
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    with _outside_of_transactions():
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def drop_index(name: str, table: str) -> None:
    """Drop an index, if it is there."""
    with _outside_of_transactions():
        op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _outside_of_transactions() -> Iterator[None]:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{BUILD_PATIENCE}'")
        yield
        op.execute("RESET lock_timeout")
