"""A campaign may name laws whose hours, holidays and frequency caps hold as well.

Campaigns from before name none.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; its constant default rewrites no row."""
    op.add_column(
        "campaigns", sa.Column("presets", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}")
    )


def downgrade() -> None:
    """Forget the presets."""
    op.drop_column("campaigns", "presets")
