"""Calls tell who answered and what came of them.

Both are null for calls from before, and of those that nobody told about.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from store.migrations.concurrently import create_check, create_index, drop_index

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS = ("answered_by", "disposition", "disposition_note")
_IS_TOLD = "answered_by IS NOT NULL OR disposition IS NOT NULL"


def upgrade() -> None:
    """Add the columns, and indexes of the calls in which they are set."""
    for name in _COLUMNS:
        op.add_column("calls", sa.Column(name, sa.Text()))
    op.add_column("calls", sa.Column("disposition_data", postgresql.JSONB(none_as_null=True)))
    create_check(
        "ck_calls_answered_by_known", "calls", "answered_by IN ('human', 'machine', 'fax', 'unknown')"
    )
    for owner in ("batch", "campaign"):
        columns = [f"{owner}_id", "answered_by", "disposition"]
        create_index(f"ix_calls_{owner}_told", "calls", columns, where=_IS_TOLD)


def downgrade() -> None:
    """Forget who answered and what came of it."""
    for owner in ("batch", "campaign"):
        drop_index(f"ix_calls_{owner}_told", "calls")
    for name in (*_COLUMNS, "disposition_data"):
        op.drop_column("calls", name)
