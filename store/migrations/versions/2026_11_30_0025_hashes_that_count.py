"""Calls of an erased person count towards caps by the hash of their number, for as long as caps look back."""

import sqlalchemy as sa
from alembic import op

from store.migrations.concurrently import create_index, drop_index

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which writes no row, and the indexes by which hashes are counted and forgotten."""
    op.add_column("calls", sa.Column("hash_until", sa.DateTime(timezone=True)))
    create_index(
        "ix_calls_number_hash", "calls", ["number_hash", "started_at"], where="number_hash IS NOT NULL"
    )
    create_index("ix_calls_hash_until", "calls", ["hash_until"], where="hash_until IS NOT NULL")


def downgrade() -> None:
    """Count no hash any more, and keep them until their time is forgotten."""
    drop_index("ix_calls_hash_until", "calls")
    drop_index("ix_calls_number_hash", "calls")
    op.drop_column("calls", "hash_until")
