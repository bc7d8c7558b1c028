"""Caller IDs that take exact turns or stay with a contact, and campaigns that dial at a pace.

Turns begin anew with the next dial; no campaign has a pace before it asks for one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rules of campaigns, and the rows that say whose turn it is."""
    op.add_column(
        "campaigns",
        sa.Column("sticky_caller_id", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("campaigns", sa.Column("calls_per_second", sa.Float()))
    op.add_column(
        "campaigns", sa.Column("pace_version", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    op.create_table(
        "caller_id_turns",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "strategy", name=op.f("pk_caller_id_turns")),
        sa.CheckConstraint(
            "strategy IN ('round_robin', 'random', 'least_loaded')",
            name=op.f("ck_caller_id_turns_strategy_known"),
        ),
    )
    op.create_table(
        "dial_turns",
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("pace_version", sa.Integer(), nullable=False),
        sa.Column("next_dial_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_dial_turns")),
    )


def downgrade() -> None:
    """Forget both rules and whose turn it was."""
    op.drop_table("dial_turns")
    op.drop_table("caller_id_turns")
    for name in ("pace_version", "calls_per_second", "sticky_caller_id"):
        op.drop_column("campaigns", name)
