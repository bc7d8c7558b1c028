"""Numbers that must not be called, and how often one may be."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the list, the caps of campaigns, and the indexes that make both cheap to ask."""
    op.create_table(
        "suppressions",
        sa.Column("suppression_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("expires_at", INSTANT),
        sa.Column("execution_id", sa.Text()),
        sa.Column("added_by", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("suppression_id", name=op.f("pk_suppressions")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name=op.f("fk_suppressions_organization_id"),
        ),
        sa.UniqueConstraint(
            "organization_id", "phone_number", name=op.f("uq_suppressions_organization_id_phone_number")
        ),
    )
    op.create_index(
        op.f("ix_suppressions_organization_id_created_at_suppression_id"),
        "suppressions",
        ["organization_id", "created_at", "suppression_id"],
    )
    op.create_index(op.f("ix_calls_to_number_started_at"), "calls", ["to_number", "started_at"])
    op.create_index(
        "ix_contacts_sleeping_number",
        "contacts",
        ["phone_number"],
        postgresql_where=sa.text("status IN ('retrying', 'followup_scheduled')"),
    )
    op.add_column(
        "campaigns",
        sa.Column("frequency_caps", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )


def downgrade() -> None:
    """Forget the list and the caps."""
    op.drop_column("campaigns", "frequency_caps")
    op.drop_index("ix_contacts_sleeping_number", table_name="contacts")
    op.drop_index(op.f("ix_calls_to_number_started_at"), table_name="calls")
    op.drop_table("suppressions")
