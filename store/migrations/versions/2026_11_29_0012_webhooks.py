"""Webhooks out: endpoints, events and deliveries as rows; events are written by triggers.

An event is written only where some endpoint subscribes to it, so who has none pays for one look.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

# An object's events are written one after the other, each after the lock on its row, so their ids sort.
_NEW_ID = """
CREATE FUNCTION new_webhook_id(prefix text) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT prefix
        || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint), 14, '0')
        || lpad(to_hex(nextval('webhook_ids') % 16777216), 6, '0')
$$
"""
_IS_WANTED = """
CREATE FUNCTION is_webhook_wanted(organization text, event_type text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM webhook_endpoints
        WHERE organization_id = organization AND deleted_at IS NULL
            AND (events IS NULL OR event_type = ANY(events))
    );
END $$
"""
_OF_BATCHES = """
CREATE FUNCTION batches_write_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text[];
BEGIN
    told := CASE
        WHEN NEW.status IN ('completed', 'cancelled', 'expired', 'paused') THEN ARRAY['batch.' || NEW.status]
        WHEN TG_OP = 'UPDATE' AND OLD.status = 'paused' THEN ARRAY['batch.resumed']
        WHEN NEW.status = 'in_progress' THEN ARRAY['batch.started']
        ELSE ARRAY[]::text[]
    END;
    IF TG_OP = 'INSERT' AND NEW.status <> 'in_progress' THEN
        RETURN NULL;
    END IF;
    IF told = ARRAY['batch.resumed'] AND NEW.status = 'in_progress'
        AND NOT EXISTS (SELECT FROM calls WHERE batch_id = NEW.batch_id)
        AND NOT EXISTS (SELECT FROM webhook_events WHERE batch_id = NEW.batch_id AND type = 'batch.started')
    THEN
        told := array_append(told, 'batch.started');  -- it was paused before it began
    END IF;
    INSERT INTO webhook_events (event_id, organization_id, type, occurred_at, batch_id, snapshot)
    SELECT new_webhook_id('evt_'), NEW.organization_id, each, clock_timestamp(), NEW.batch_id,
        jsonb_build_object('status', NEW.status, 'paused_by', NEW.paused_by, 'updated_at', NEW.updated_at)
    FROM unnest(told) AS each
    WHERE is_webhook_wanted(NEW.organization_id, each);
    RETURN NULL;
END $$
"""
_OF_CONTACTS = """
CREATE FUNCTION contacts_write_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_events
        (event_id, organization_id, type, occurred_at, batch_id, contact_id, snapshot)
    SELECT new_webhook_id('evt_'), batches.organization_id, 'contact.finished', clock_timestamp(),
        NEW.batch_id, NEW.contact_id,
        jsonb_build_object(
            'status', NEW.status, 'skip_reason', NEW.skip_reason, 'retry_count', NEW.retry_count,
            'follow_up_count', NEW.follow_up_count, 'last_attempted_at', NEW.last_attempted_at,
            'updated_at', NEW.updated_at
        )
    FROM batches
    WHERE batches.batch_id = NEW.batch_id
        AND is_webhook_wanted(batches.organization_id, 'contact.finished');
    RETURN NULL;
END $$
"""
_OF_CALLS = """
CREATE FUNCTION calls_write_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_events
        (event_id, organization_id, type, occurred_at, batch_id, contact_id, execution_id, snapshot)
    SELECT new_webhook_id('evt_'), batches.organization_id, TG_ARGV[0], clock_timestamp(),
        NEW.batch_id, NEW.contact_id, NEW.execution_id,
        jsonb_build_object(
            'call_status', NEW.call_status, 'ended_at', NEW.ended_at, 'disposition', NEW.disposition
        )
    FROM batches
    WHERE batches.batch_id = NEW.batch_id AND is_webhook_wanted(batches.organization_id, TG_ARGV[0]);
    RETURN NULL;
END $$
"""
_FUNCTIONS = {
    "new_webhook_id(text)": _NEW_ID,
    "is_webhook_wanted(text, text)": _IS_WANTED,
    "batches_write_webhook_events()": _OF_BATCHES,
    "contacts_write_webhook_events()": _OF_CONTACTS,
    "calls_write_webhook_events()": _OF_CALLS,
}
# Whom a cancellation or an expiry skips is told with the batch.
_IS_FINISHED = (
    "OLD.status <> NEW.status AND ("
    "NEW.status IN ('completed', 'busy', 'no_answer', 'failed', 'max_retries_reached')"
    " OR NEW.status = 'skipped' AND NEW.skip_reason IN ('manual', 'suppressed'))"
)
_HAS_ENDED = (
    "OLD.call_status <> NEW.call_status"
    " AND NEW.call_status IN ('completed', 'busy', 'no_answer', 'failed', 'unknown')"
)
_HAS_A_DISPOSITION = "NEW.disposition IS DISTINCT FROM OLD.disposition AND NEW.disposition IS NOT NULL"
_TRIGGERS = (
    ("batches_begin_webhook_events", "batches", "AFTER INSERT", "true", "batches_write_webhook_events()"),
    (
        "batches_write_webhook_events",
        "batches",
        "AFTER UPDATE",
        "OLD.status <> NEW.status",
        "batches_write_webhook_events()",
    ),
    (
        "contacts_write_webhook_events",
        "contacts",
        "AFTER UPDATE",
        _IS_FINISHED,
        "contacts_write_webhook_events()",
    ),
    ("calls_tell_ending", "calls", "AFTER UPDATE", _HAS_ENDED, "calls_write_webhook_events('call.ended')"),
    (
        "calls_tell_disposition",
        "calls",
        "AFTER UPDATE",
        _HAS_A_DISPOSITION,
        "calls_write_webhook_events('call.disposition')",
    ),
)
_TABLES = (
    "webhook_diagnoses",
    "webhook_replays",
    "webhook_deliveries",
    "webhook_events",
    "webhook_secrets",
    "webhook_endpoints",
)


def upgrade() -> None:
    """Make the tables, then what writes them."""
    _make_endpoints()
    _make_events_and_deliveries()
    _make_notes()
    op.execute("CREATE SEQUENCE webhook_ids")
    for function in _FUNCTIONS.values():
        op.execute(function)
    for name, table, when, holds, function in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW WHEN ({holds}) EXECUTE FUNCTION {function}"
        )


def downgrade() -> None:
    """Tell nobody any more."""
    for name, table, *_ in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for signature in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP SEQUENCE webhook_ids")
    for table in _TABLES:
        op.drop_table(table)


def _make_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text())),
        sa.Column("description", sa.Text()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("failing_since", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("deleted_at", _INSTANT),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_webhook_endpoints")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name=op.f("fk_webhook_endpoints_organization_id"),
        ),
        sa.CheckConstraint(
            "disabled_reason IN ('gone', 'failing')", name=op.f("ck_webhook_endpoints_disabled_reason_known")
        ),
    )
    op.create_index(
        op.f("ix_webhook_endpoints_organization_id_created_at_endpoint_id"),
        "webhook_endpoints",
        ["organization_id", "created_at", "endpoint_id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT),
        sa.PrimaryKeyConstraint("endpoint_id", "secret", name=op.f("pk_webhook_secrets")),
        _of_an_endpoint("webhook_secrets"),
    )


def _make_events_and_deliveries() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", _INSTANT, nullable=False),
        sa.Column("batch_id", sa.Text()),
        sa.Column("contact_id", sa.Text()),
        sa.Column("execution_id", sa.Text()),
        sa.Column("snapshot", postgresql.JSONB(none_as_null=True)),
        sa.Column("body", sa.Text()),
        sa.Column("published_at", _INSTANT),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_webhook_events")),
    )
    op.create_index(
        "ix_webhook_events_unpublished",
        "webhook_events",
        ["event_id"],
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_index(
        op.f("ix_webhook_events_organization_id_event_id"), "webhook_events", ["organization_id", "event_id"]
    )
    op.create_index(
        "ix_webhook_events_started",
        "webhook_events",
        ["batch_id"],
        postgresql_where=sa.text("type = 'batch.started'"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", _INSTANT),
        sa.Column("attempts", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("attempts_made", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("first_attempt_at", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_webhook_deliveries")),
        _of_an_endpoint("webhook_deliveries"),
        sa.UniqueConstraint(
            "endpoint_id", "event_id", name=op.f("uq_webhook_deliveries_endpoint_id_event_id")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (due_at IS NOT NULL)", name=op.f("ck_webhook_deliveries_due_while_pending")
        ),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_organization_id_delivery_id"),
        "webhook_deliveries",
        ["organization_id", "delivery_id"],
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["endpoint_id", "due_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_webhook_deliveries_failed",
        "webhook_deliveries",
        ["organization_id", "delivery_id"],
        postgresql_where=sa.text("state = 'failed'"),
    )


def _make_notes() -> None:
    op.create_table(
        "webhook_replays",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("behind", sa.Text(), nullable=False),
        sa.Column("up_to", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_webhook_replays")),
        _of_an_endpoint("webhook_replays"),
    )
    op.create_table(
        "webhook_diagnoses",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("diagnosis", sa.Text(), nullable=False),
        sa.Column("looked_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_webhook_diagnoses")),
    )
    op.create_index(op.f("ix_webhook_diagnoses_looked_at"), "webhook_diagnoses", ["looked_at"])


def _of_an_endpoint(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["endpoint_id"],
        ["webhook_endpoints.endpoint_id"],
        name=op.f(f"fk_{table}_endpoint_id"),
        ondelete="CASCADE",
    )
