"""Batches that are over are deleted by request, and emptied with age.

Of batches from before it is not known when they ended; they count from their last change.
"""

import sqlalchemy as sa
from alembic import op

from store.migrations.concurrently import create_index, drop_index

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_COLUMNS = ("deleted_at", "ended_at", "erased_at")
_ENDED = sa.text("coalesce(ended_at, updated_at)")
_IS_OUTDATED = "erased_at IS NULL AND status IN ('completed', 'cancelled', 'expired')"


def upgrade() -> None:
    """Add the columns, and the index that finds what ended long ago."""
    for name in _COLUMNS:
        op.add_column("batches", sa.Column(name, sa.DateTime(timezone=True)))
    create_index("ix_batches_unerased", "batches", [_ENDED], where=_IS_OUTDATED)


def downgrade() -> None:
    """Show deleted batches again."""
    drop_index("ix_batches_unerased", "batches")
    for name in _COLUMNS:
        op.drop_column("batches", name)
