"""Batches change, and count their changes."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count from 0, so that the versions that running batches follow stay as they are."""
    op.add_column(
        "batches", sa.Column("rules_version", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )


def downgrade() -> None:
    """Forget how often batches changed."""
    op.drop_column("batches", "rules_version")
