"""Contacts keep by which data the zones of their numbers were learnt, and batches whether all are.

Of rows from before nobody knows: the housekeeping learns what they ask for.
"""

import sqlalchemy as sa
from alembic import op

from store.migrations import concurrently

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, which writes no row, and the index by which unfinished batches are found."""
    op.add_column("contacts", sa.Column("zones_version", sa.Text()))
    op.add_column("batches", sa.Column("zones_version", sa.Text()))
    concurrently.create_index(
        "ix_batches_unfinished",
        "batches",
        ["batch_id"],
        where="status IN ('pending', 'in_progress', 'paused')",
    )


def downgrade() -> None:
    """Forget by which data zones were learnt; numbers without any are as if they were never learnt."""
    concurrently.drop_index("ix_batches_unfinished", "batches")
    op.drop_column("batches", "zones_version")
    op.drop_column("contacts", "zones_version")
