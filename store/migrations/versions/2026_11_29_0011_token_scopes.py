"""Tokens have a scope and may expire; those from before open everything, for ever."""

import sqlalchemy as sa
from alembic import op

from store.migrations.concurrently import create_index, drop_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INDEX = "ix_tokens_organization_id_created_at_token_id"


def upgrade() -> None:
    """Add scope and end, and list the tokens of an organization by an index."""
    op.add_column("tokens", sa.Column("scope", sa.Text(), server_default=sa.text("'full'"), nullable=False))
    op.add_column("tokens", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(op.f("ck_tokens_scope_known"), "tokens", "scope IN ('full', 'read', 'agent')")
    create_index(_INDEX, "tokens", ["organization_id", "created_at", "token_id"])


def downgrade() -> None:
    """Let every token open everything again, for ever."""
    drop_index(_INDEX, "tokens")
    op.drop_constraint(op.f("ck_tokens_scope_known"), "tokens", type_="check")
    op.drop_column("tokens", "expires_at")
    op.drop_column("tokens", "scope")
