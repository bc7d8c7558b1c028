"""Events without a status: reports that are kept and move nothing."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Allow events that say nothing of where a call stands."""
    op.alter_column("call_events", "call_status", nullable=True)


def downgrade() -> None:
    """Forget such events and forbid them."""
    # The older schema has no place for them.
    op.execute("DELETE FROM call_events WHERE call_status IS NULL")
    op.alter_column("call_events", "call_status", nullable=False)
