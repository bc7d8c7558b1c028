"""Campaigns know how often their rules changed, and every attempt under which of them it was made.

Nothing changed before, so whatever is kept was made under the first version; all of it is up to date.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ADDED = (("campaigns", "policy_version"), ("campaigns", "recomputed_version"), ("calls", "policy_version"))


def upgrade() -> None:
    """Count versions from 1, and find campaigns whose waiting contacts are behind."""
    for table, name in _ADDED:
        op.add_column(table, sa.Column(name, sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.create_index(
        "ix_campaigns_outdated",
        "campaigns",
        ["updated_at"],
        postgresql_where=sa.text("recomputed_version < policy_version"),
    )


def downgrade() -> None:
    """Forget the versions; the rules stay as they were changed."""
    op.drop_index("ix_campaigns_outdated", table_name="campaigns")
    for table, name in reversed(_ADDED):
        op.drop_column(table, name)
