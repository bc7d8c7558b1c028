"""A batch may call contacts of another one again, and names it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; uploads name none."""
    op.add_column("batches", sa.Column("parent_batch_id", sa.Text()))


def downgrade() -> None:
    """Forget whose contacts were called again."""
    op.drop_column("batches", "parent_batch_id")
