"""A campaign names a zone for numbers that tell none, and a contact keeps the zones of its number.

Contacts from before keep none: nobody asked for those of their numbers.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no row is written."""
    op.add_column("campaigns", sa.Column("fallback_timezone", sa.Text()))
    op.add_column("contacts", sa.Column("number_timezones", postgresql.ARRAY(sa.Text())))


def downgrade() -> None:
    """Forget the zones."""
    op.drop_column("contacts", "number_timezones")
    op.drop_column("campaigns", "fallback_timezone")
