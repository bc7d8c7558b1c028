"""What of a report could not be read is kept beside it.

Revision ID: unread_fields
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the note to events; those from before have none."""
    op.add_column("call_events", sa.Column("unread_fields", postgresql.ARRAY(sa.Text())))


def downgrade() -> None:
    """Forget what could not be read."""
    op.drop_column("call_events", "unread_fields")
