"""The activity that lasts as long as a call, and is completed when the call has ended."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which writes no row: no activity lasts as long as a call that is under way."""
    op.add_column("calls", sa.Column("awaited_by", sa.Text()))


def downgrade() -> None:
    """Leave the activities that are open to the next look at their calls."""
    op.drop_column("calls", "awaited_by")
