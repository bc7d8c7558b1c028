"""Counts of batches that are over are kept in their rows, and dropped by whatever changes them.

The counts are filled by whoever ends or reads a batch. What old code changes meanwhile, the triggers see.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from store.migrations.concurrently import create_index, drop_index

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
    create_index("ix_batches_uncounted", "batches", ["campaign_id"], where="kept_counts IS NULL")
    create_index(
        "ix_calls_batch_newest", "calls", ["batch_id", sa.text("ended_at DESC")], include=["call_status"]
    )
    drop_index("ix_calls_batch_id", "calls")
    create_index("ix_calls_follow_up", "calls", ["batch_id"], where="kind = 'follow_up'")


def downgrade() -> None:
    """Count everything anew each time."""
    create_index("ix_calls_follow_up", "calls", ["campaign_id"], where="kind = 'follow_up'")
    create_index("ix_calls_batch_id", "calls", ["batch_id"])
    drop_index("ix_calls_batch_newest", "calls")
    drop_index("ix_batches_uncounted", "batches")
    for table, name, _, _ in _triggers():
        op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute("DROP FUNCTION drop_kept_counts()")
    op.drop_column("batches", "kept_counts")


def _triggers() -> Iterator[tuple[str, str, str, str]]:
    for table, conditions in _TRIGGERS.items():
        for when, holds in conditions.items():
            yield table, f"{table}_drop_kept_counts_{when.split()[-1].lower()}", when, holds
