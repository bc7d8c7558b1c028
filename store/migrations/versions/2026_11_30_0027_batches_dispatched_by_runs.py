"""The run of a batch's workflow that hears when contacts it started end."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which writes no row: the next request for slots fills it."""
    op.add_column("batches", sa.Column("dispatched_by", sa.Text()))


def downgrade() -> None:
    """Have every contact report again."""
    op.drop_column("batches", "dispatched_by")
