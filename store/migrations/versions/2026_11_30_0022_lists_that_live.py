"""Batches may be kept open; contacts have a priority, and a time before which they are not called."""

import sqlalchemy as sa
from alembic import op

from store.migrations.concurrently import create_check, create_index, drop_index

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_CALL_ORDER = sa.text("((9 - priority) * 10000000 + position)")
_INDEXES = ("ix_contacts_call_order", "ix_contacts_not_before")


def upgrade() -> None:
    """Add the columns with today's behaviour as their defaults; no row is written."""
    op.add_column(
        "batches", sa.Column("keep_open", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("batches", sa.Column("rests_since", sa.DateTime(timezone=True)))
    op.add_column("contacts", sa.Column("not_before", sa.DateTime(timezone=True)))
    op.add_column(
        "contacts", sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    create_check("ck_contacts_priority_in_range", "contacts", "priority BETWEEN 0 AND 9")
    create_index("ix_batches_resting", "batches", ["rests_since"], where="rests_since IS NOT NULL")
    create_index("ix_contacts_call_order", "contacts", ["batch_id", _CALL_ORDER], where="status = 'pending'")
    create_index(
        "ix_contacts_not_before",
        "contacts",
        ["batch_id", "not_before"],
        where="status = 'pending' AND not_before IS NOT NULL",
    )


def downgrade() -> None:
    """Forget both fields of contacts, and which batches are kept open."""
    for name in _INDEXES:
        drop_index(name, "contacts")
    drop_index("ix_batches_resting", "batches")
    op.drop_column("contacts", "priority")
    op.drop_column("contacts", "not_before")
    op.drop_column("batches", "rests_since")
    op.drop_column("batches", "keep_open")
