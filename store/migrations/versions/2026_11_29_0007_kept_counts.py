"""Counts of batches that are over are kept in their rows, and dropped by whatever changes them.

The counts are filled by whoever ends or reads a batch. What old code changes meanwhile, the triggers see.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TERMINAL = "('completed', 'busy', 'no_answer', 'failed', 'max_retries_reached', 'skipped')"
_ENDED = "('completed', 'busy', 'no_answer', 'failed', 'unknown', 'cancelled')"
_ASKED = "('dialling', 'accepted', 'ambiguous')"

# The shared lock makes whoever counts this batch wait for the commit, and waits for whoever counts it now.
_DROP_KEPT_COUNTS = """
CREATE FUNCTION drop_kept_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM batches WHERE batch_id = OLD.batch_id FOR SHARE;
    UPDATE batches SET kept_counts = NULL WHERE batch_id = OLD.batch_id AND kept_counts IS NOT NULL;
    RETURN NULL;
END
$$"""
_TRIGGERS = {
    "contacts": {
        "AFTER UPDATE": f"OLD.status IN {_TERMINAL} AND OLD.status <> NEW.status",
        "AFTER DELETE": f"OLD.status IN {_TERMINAL}",
    },
    "calls": {
        "AFTER UPDATE": f"OLD.call_status IN {_ENDED} AND (OLD.call_status <> NEW.call_status"
        f" OR OLD.kind = 'follow_up' AND (OLD.dial_state IN {_ASKED}) <> (NEW.dial_state IN {_ASKED}))",
        "AFTER DELETE": f"OLD.call_status IN {_ENDED}",
    },
}


def upgrade() -> None:
    """Add the column, the triggers that drop what it holds, and the indexes by which the rest is counted."""
    op.add_column("batches", sa.Column("kept_counts", postgresql.JSONB(none_as_null=True)))
    op.execute(_DROP_KEPT_COUNTS)
    for table, name, when, holds in _triggers():
        op.execute(
            f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW WHEN ({holds})"
            " EXECUTE FUNCTION drop_kept_counts()"
        )
    with _outside_a_transaction():
        op.create_index(
            "ix_batches_uncounted",
            "batches",
            ["campaign_id"],
            postgresql_where=sa.text("kept_counts IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_calls_batch_newest",
            "calls",
            ["batch_id", sa.text("ended_at DESC")],
            postgresql_include=["call_status"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index("ix_calls_batch_id", table_name="calls", postgresql_concurrently=True, if_exists=True)
        _replace_follow_up_index("batch_id")


def downgrade() -> None:
    """Count everything anew each time."""
    with _outside_a_transaction():
        _replace_follow_up_index("campaign_id")
        op.create_index(
            "ix_calls_batch_id", "calls", ["batch_id"], postgresql_concurrently=True, if_not_exists=True
        )
        for table, name in (("calls", "ix_calls_batch_newest"), ("batches", "ix_batches_uncounted")):
            op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)
    for table, name, _, _ in _triggers():
        op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute("DROP FUNCTION drop_kept_counts()")
    op.drop_column("batches", "kept_counts")


@contextmanager
def _outside_a_transaction() -> Iterator[None]:
    with op.get_context().autocommit_block():
        yield


def _replace_follow_up_index(column: str) -> None:
    op.drop_index("ix_calls_follow_up", table_name="calls", postgresql_concurrently=True, if_exists=True)
    op.create_index(
        "ix_calls_follow_up",
        "calls",
        [column],
        postgresql_where=sa.text("kind = 'follow_up'"),
        postgresql_concurrently=True,
        if_not_exists=True,
    )


def _triggers() -> Iterator[tuple[str, str, str, str]]:
    for table, conditions in _TRIGGERS.items():
        for when, holds in conditions.items():
            yield table, f"{table}_drop_kept_counts_{when.split()[-1].lower()}", when, holds
