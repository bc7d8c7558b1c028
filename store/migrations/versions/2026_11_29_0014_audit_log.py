"""Whoever changes something leaves an entry in a log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(none_as_null=True)
_INDEXES = (
    ("organization_id", "at", "entry_number"),
    ("organization_id", "object_id", "at", "entry_number"),
    ("organization_id", "action", "at", "entry_number"),
    ("at",),
)


def upgrade() -> None:
    """Begin the log, empty."""
    op.create_table(
        "audit_log",
        sa.Column("entry_number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_id", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("before", _JSON),
        sa.Column("after", _JSON),
        sa.PrimaryKeyConstraint("entry_number", name=op.f("pk_audit_log")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name=op.f("fk_audit_log_organization_id"),
        ),
    )
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_audit_log_{'_'.join(columns)}"), "audit_log", list(columns))


def downgrade() -> None:
    """Forget who changed what."""
    op.drop_table("audit_log")
