"""Contacts keep which attempt was settled last, so that each call is counted once; running batches are found.

Contacts from before keep none: their calls were counted when they ended.
"""

import sqlalchemy as sa
from alembic import op

from store.migrations.concurrently import create_index, drop_index

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no row is written."""
    op.add_column("contacts", sa.Column("settled_attempt", sa.Integer()))
    create_index("ix_batches_in_progress", "batches", ["batch_id"], where="status = 'in_progress'")


def downgrade() -> None:
    """Forget what was counted."""
    op.drop_column("contacts", "settled_attempt")
    drop_index("ix_batches_in_progress", "batches")
