"""A campaign may name a calendar whose public holidays count as blackout dates.

Campaigns from before name none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("campaigns", sa.Column("holidays", sa.Text()))


def downgrade() -> None:
    """Forget the calendars."""
    op.drop_column("campaigns", "holidays")
