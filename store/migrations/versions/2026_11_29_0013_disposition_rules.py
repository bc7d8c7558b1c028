"""Campaigns, and batches instead of them, say what machines and dispositions lead to.

Campaigns from before do as they did: calls that a machine answered go on, and no disposition has a rule.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from store.migrations.concurrently import create_check

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ON_MACHINE = "on_machine IN ('continue', 'hang_up')"


def upgrade() -> None:
    """Add the columns; null in a batch follows its campaign."""
    rules = postgresql.JSONB(none_as_null=True)
    op.add_column(
        "campaigns", sa.Column("on_machine", sa.Text(), nullable=False, server_default=sa.text("'continue'"))
    )
    op.add_column(
        "campaigns",
        sa.Column("disposition_rules", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )
    op.add_column("batches", sa.Column("on_machine", sa.Text()))
    op.add_column("batches", sa.Column("disposition_rules", rules))
    create_check("ck_campaigns_on_machine_known", "campaigns", _ON_MACHINE)
    create_check("ck_batches_on_machine_known", "batches", _ON_MACHINE)


def downgrade() -> None:
    """Forget what they say."""
    for table in ("batches", "campaigns"):
        op.drop_column(table, "disposition_rules")
        op.drop_column(table, "on_machine")
