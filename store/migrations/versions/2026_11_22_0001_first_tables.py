"""First tables: organizations, tokens, campaigns, batches, contacts, calls, events, idempotency keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
STRATEGIES = "phone_number_strategy IN ('round_robin', 'random', 'least_loaded')"
CALL_STATUSES = (
    "call_status IN ('queued', 'ringing', 'in_progress', 'completed', 'busy', 'no_answer', 'failed',"
    " 'unknown', 'cancelled')"
)


def upgrade() -> None:
    """Create every table, what is referred to before what refers to it."""
    _create_organizations_and_tokens()
    _create_campaigns()
    _create_batches()
    _create_contacts()
    _create_calls()
    _create_call_events()
    _create_idempotency_keys()


def downgrade() -> None:
    """Drop every table, in the opposite order."""
    for table in (
        "idempotency_keys",
        "call_events",
        "calls",
        "contacts",
        "batches",
        "campaigns",
        "tokens",
        "organizations",
    ):
        op.drop_table(table)


def _create_organizations_and_tokens() -> None:
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_tokens")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_tokens_organization_id")
        ),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_tokens_secret_sha256")),
    )


def _create_campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("phone_numbers", ARRAY(sa.Text()), nullable=False),
        sa.Column("phone_number_strategy", sa.Text(), nullable=False),
        sa.Column("working_hours_enforced", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("working_hours", JSONB(), nullable=False),
        sa.Column("blackout_dates", ARRAY(sa.Date()), nullable=False),
        sa.Column("retry_policy", JSONB(), nullable=False),
        sa.Column("max_follow_ups", sa.Integer(), nullable=False),
        sa.Column("default_call_variables", JSONB(), nullable=False),
        sa.Column("client_metadata", JSONB(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("deleted_at", INSTANT),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaigns")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_campaigns_organization_id")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused', 'completed', 'cancelled')",
            name=op.f("ck_campaigns_status_known"),
        ),
        sa.CheckConstraint(STRATEGIES, name=op.f("ck_campaigns_phone_number_strategy_known")),
    )
    op.create_index(
        op.f("ix_campaigns_organization_id_created_at_campaign_id"),
        "campaigns",
        ["organization_id", "created_at", "campaign_id"],
    )


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text()),
        sa.Column("total_contacts", sa.Integer(), nullable=False),
        sa.Column("concurrency_limit", sa.Integer()),
        sa.Column("scheduled_start", INSTANT),
        sa.Column("scheduled_end", INSTANT),
        sa.Column("max_retries_override", sa.Integer()),
        sa.Column("retry_policy", JSONB()),
        sa.Column("working_hours_enforced", sa.Boolean()),
        sa.Column("working_hours", JSONB()),
        sa.Column("timezone", sa.Text()),
        sa.Column("phone_numbers", ARRAY(sa.Text())),
        sa.Column("phone_number_strategy", sa.Text()),
        sa.Column("call_context", JSONB(), nullable=False),
        sa.Column("client_metadata", JSONB(), nullable=False),
        sa.Column("workflow_started_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.campaign_id"], name=op.f("fk_batches_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_batches_organization_id")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'in_progress', 'paused', 'completed', 'cancelled', 'expired')",
            name=op.f("ck_batches_status_known"),
        ),
        sa.CheckConstraint("paused_by IN ('batch', 'campaign')", name=op.f("ck_batches_paused_by_known")),
        sa.CheckConstraint(STRATEGIES, name=op.f("ck_batches_phone_number_strategy_known")),
        sa.CheckConstraint(
            "(status = 'paused') = (paused_by IS NOT NULL)", name=op.f("ck_batches_paused_by_somebody")
        ),
    )
    _create_batch_indexes()


def _create_batch_indexes() -> None:
    for owner in ("campaign_id", "organization_id"):
        op.create_index(
            op.f(f"ix_batches_{owner}_created_at_batch_id"), "batches", [owner, "created_at", "batch_id"]
        )
    op.create_index(
        "ix_batches_unstarted",
        "batches",
        ["created_at"],
        postgresql_where=sa.text(
            "workflow_started_at IS NULL AND status IN ('pending', 'in_progress', 'paused')"
        ),
    )


def _create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text()),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text()),
        sa.Column("call_variables", JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("skip_reason", sa.Text()),
        sa.Column("skip_detail", sa.Text()),
        sa.Column("retry_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("follow_up_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_attempted_at", INSTANT),
        sa.Column("next_retry_at", INSTANT),
        sa.Column("follow_up_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contacts")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=op.f("fk_contacts_batch_id")),
        sa.UniqueConstraint("batch_id", "position", name=op.f("uq_contacts_batch_id_position")),
        sa.CheckConstraint(
            "status IN ('pending', 'dispatched', 'in_progress', 'retrying', 'followup_scheduled',"
            " 'completed', 'busy', 'no_answer', 'failed', 'max_retries_reached', 'skipped')",
            name=op.f("ck_contacts_status_known"),
        ),
        sa.CheckConstraint(
            "skip_reason IN ('manual', 'batch_cancelled', 'campaign_cancelled', 'batch_expired',"
            " 'suppressed', 'invalid_number')",
            name=op.f("ck_contacts_skip_reason_known"),
        ),
        sa.CheckConstraint(
            "next_retry_at IS NULL OR status = 'retrying'", name=op.f("ck_contacts_retry_only_waiting")
        ),
        sa.CheckConstraint(
            "follow_up_at IS NULL OR status = 'followup_scheduled'",
            name=op.f("ck_contacts_follow_up_only_waiting"),
        ),
    )
    _create_contact_indexes()


def _create_contact_indexes() -> None:
    op.create_index(
        op.f("ix_contacts_batch_id_status_position"), "contacts", ["batch_id", "status", "position"]
    )
    op.create_index(
        "ix_contacts_due_retry",
        "contacts",
        ["batch_id", "next_retry_at"],
        postgresql_where=sa.text("status = 'retrying'"),
    )
    op.create_index(
        "ix_contacts_due_follow_up",
        "contacts",
        ["batch_id", "follow_up_at"],
        postgresql_where=sa.text("status = 'followup_scheduled'"),
    )


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("call_status", sa.Text(), nullable=False),
        sa.Column("dial_state", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("provider_call_id", sa.Text()),
        sa.Column("from_number", sa.Text()),
        sa.Column("to_number", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("answered_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("duration_seconds", sa.BigInteger()),
        sa.Column("recording_url", sa.Text()),
        sa.Column("transcript", sa.Text()),
        sa.Column("summary", sa.Text()),
        sa.Column("sentiment", sa.Text()),
        sa.Column("hangup_by", sa.Text()),
        sa.Column("hangup_reason", sa.Text()),
        sa.Column("total_cost", sa.Float()),
        sa.Column("sip_status", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("follow_up_at", INSTANT),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_calls")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.contact_id"], name=op.f("fk_calls_contact_id")),
        sa.UniqueConstraint("contact_id", "attempt", name=op.f("uq_calls_contact_id_attempt")),
        sa.CheckConstraint("kind IN ('initial', 'retry', 'follow_up')", name=op.f("ck_calls_kind_known")),
        sa.CheckConstraint(CALL_STATUSES, name=op.f("ck_calls_call_status_known")),
        sa.CheckConstraint(
            "dial_state IN ('ready', 'dialling', 'accepted', 'ambiguous', 'refused')",
            name=op.f("ck_calls_dial_state_known"),
        ),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_calls_attempt_counts_from_1")),
    )
    _create_call_indexes()


def _create_call_indexes() -> None:
    op.create_index(op.f("ix_calls_batch_id"), "calls", ["batch_id"])
    op.create_index(op.f("ix_calls_campaign_id_call_status"), "calls", ["campaign_id", "call_status"])
    op.create_index(
        "ix_calls_follow_up", "calls", ["campaign_id"], postgresql_where=sa.text("kind = 'follow_up'")
    )
    op.create_index(
        op.f("ix_calls_provider_call_id"),
        "calls",
        ["provider_call_id"],
        postgresql_where=sa.text("provider_call_id IS NOT NULL"),
    )


def _create_call_events() -> None:
    op.create_table(
        "call_events",
        sa.Column("event_number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("call_status", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("body", JSONB()),
        sa.Column("delivered_at", INSTANT),
        sa.PrimaryKeyConstraint("event_number", name=op.f("pk_call_events")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["calls.execution_id"], name=op.f("fk_call_events_execution_id")
        ),
        sa.UniqueConstraint("execution_id", "event_key", name=op.f("uq_call_events_execution_id_event_key")),
        sa.CheckConstraint("source IN ('webhook', 'poll', 'dial')", name=op.f("ck_call_events_source_known")),
        sa.CheckConstraint(CALL_STATUSES, name=op.f("ck_call_events_call_status_known")),
    )
    op.create_index(
        "ix_call_events_undelivered",
        "call_events",
        ["event_number"],
        postgresql_where=sa.text("source = 'webhook' AND delivered_at IS NULL"),
    )


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("finished_at", INSTANT),
        sa.PrimaryKeyConstraint("organization_id", "kind", "key", name=op.f("pk_idempotency_keys")),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (body IS NULL)", name=op.f("ck_idempotency_keys_finished_with_a_body")
        ),
    )
    op.create_index(op.f("ix_idempotency_keys_finished_at"), "idempotency_keys", ["finished_at"])
