"""Slots as rows, given back by triggers.

Contacts that are on the phone hold one. Unfinished batches count as not started, for the workflows that run
for them kept their slots elsewhere: they are started anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# One statement may move a hundred thousand contacts, so each trigger runs once per statement.
_BY_CONTACTS = """
CREATE FUNCTION contacts_give_slots_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM slots USING moved JOIN before ON before.contact_id = moved.contact_id
    WHERE slots.contact_id = moved.contact_id
        AND moved.status <> before.status
        AND moved.status NOT IN ('dispatched', 'in_progress')
        AND NOT EXISTS (
            SELECT FROM calls WHERE calls.contact_id = moved.contact_id
                AND calls.dial_state <> 'ready' AND calls.call_status IN ('queued', 'ringing', 'in_progress')
        );
    RETURN NULL;
END $$
"""
_BY_CALLS = """
CREATE FUNCTION calls_give_slots_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM slots USING moved
        JOIN before ON before.execution_id = moved.execution_id
        JOIN contacts ON contacts.contact_id = moved.contact_id
    WHERE slots.contact_id = moved.contact_id
        AND slots.attempt = moved.attempt
        AND moved.call_status <> before.call_status
        AND moved.call_status NOT IN ('queued', 'ringing', 'in_progress')
        AND contacts.status NOT IN ('dispatched', 'in_progress');
    RETURN NULL;
END $$
"""
_TRIGGERS = ("contacts_give_slots_back", "contacts"), ("calls_give_slots_back", "calls")


def upgrade() -> None:
    """Make the tables and triggers, and grant slots to whoever is on the phone."""
    op.create_table(
        "slots",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_slots")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.contact_id"], name=op.f("fk_slots_contact_id"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("kind IN ('initial', 'retry', 'follow_up')", name=op.f("ck_slots_kind_known")),
    )
    op.create_index(op.f("ix_slots_batch_id"), "slots", ["batch_id"])
    op.create_index(op.f("ix_slots_campaign_id"), "slots", ["campaign_id"])
    op.create_table(
        "slot_demands",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("wants", sa.Integer(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_slot_demands")),
    )
    op.create_index(op.f("ix_slot_demands_campaign_id"), "slot_demands", ["campaign_id"])
    op.execute(_BY_CONTACTS)
    op.execute(_BY_CALLS)
    for name, table in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {name} AFTER UPDATE ON {table} "
            "REFERENCING OLD TABLE AS before NEW TABLE AS moved "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    op.execute(
        """
        INSERT INTO slots (contact_id, batch_id, campaign_id, attempt, kind, granted_at, granted_by)
        SELECT DISTINCT ON (contact_id) contact_id, batch_id, campaign_id, calls.attempt, calls.kind,
            coalesce(calls.started_at, contacts.updated_at), 'migration'
        FROM contacts JOIN calls USING (contact_id, batch_id, campaign_id)
        WHERE contacts.status IN ('dispatched', 'in_progress')
        ORDER BY contact_id, calls.attempt DESC
        """
    )
    op.execute(
        "UPDATE batches SET workflow_started_at = NULL WHERE status IN ('pending', 'in_progress', 'paused')"
    )


def downgrade() -> None:
    """Forget who holds a slot."""
    for name, table in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("slot_demands")
    op.drop_table("slots")
