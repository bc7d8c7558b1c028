"""The tables, as SQLModel classes without methods; statements use their columns through the names at the end.

Ids are text, instants are `timestamptz`, and what a client may only hand through is `jsonb`.
"""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from domain.batch import BatchStatus, PausedBy
from domain.call import AttemptKind, CallStatus, DialState, EventSource
from domain.caller_id import CallerIdStrategy
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.disposition import AnsweredBy, OnMachine
from store.schema.access import IdempotencyKeyRow, OrganizationRow, SuppressionRow, TokenRow
from store.schema.audit import AuditRow
from store.schema.base import INSTANT, JSON_OR_NULL, OPEN_ATTEMPT, OPEN_NUMBER_INDEX, Row, Word, one_of
from store.schema.base import METADATA as METADATA  # complete only once the tables below are declared
from store.schema.call_order import CALL_ORDER_SQL
from store.schema.circuits import ProviderRouteRow
from store.schema.reservations import CallerIdTurnRow, DialTurnRow
from store.schema.slots import SlotDemandRow, SlotRow
from store.schema.webhooks import (
    WebhookDeliveryRow,
    WebhookDiagnosisRow,
    WebhookEndpointRow,
    WebhookEventRow,
    WebhookReplayRow,
    WebhookSecretRow,
)


class CampaignRow(Row, table=True):
    """Standing rules; a deleted campaign stays for its calls, and no read shows it."""

    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("status", CampaignStatus),
        one_of("phone_number_strategy", CallerIdStrategy),
        one_of("on_machine", OnMachine),
        Index(None, "organization_id", "created_at", "campaign_id"),
        Index(
            "ix_campaigns_outdated",
            "updated_at",
            postgresql_where=text("recomputed_version < policy_version"),
        ),
    )

    campaign_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text, foreign_key="organizations.organization_id")
    status: str = Field(sa_type=Word)
    name: str = Field(sa_type=Text)
    agent_id: str = Field(sa_type=Text)
    phone_numbers: list[str] = Field(sa_type=ARRAY(Text))
    phone_number_strategy: str = Field(sa_type=Word)
    working_hours_enforced: bool
    timezone: str = Field(sa_type=Text)
    working_hours: list[object] = Field(sa_type=JSONB)
    blackout_dates: list[date] = Field(sa_type=ARRAY(Date))
    retry_policy: dict[str, object] = Field(sa_type=JSONB)
    max_follow_ups: int
    frequency_caps: list[object] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")})
    default_call_variables: dict[str, object] = Field(sa_type=JSONB)
    client_metadata: dict[str, object] = Field(sa_type=JSONB)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)
    deleted_at: datetime | None = Field(sa_type=INSTANT)
    policy_version: int = Field(sa_column_kwargs={"server_default": text("1")})
    """Rises with every change of the rules."""
    sticky_caller_id: bool = Field(sa_column_kwargs={"server_default": text("false")})
    calls_per_second: float | None
    pace_version: int = Field(sa_column_kwargs={"server_default": text("1")})
    """Rises with every change of `calls_per_second`."""
    recomputed_version: int = Field(sa_column_kwargs={"server_default": text("1")})
    """The last version that all unfinished batches were signalled; they follow it by themselves."""
    on_machine: str = Field(sa_type=Word, sa_column_kwargs={"server_default": text("'continue'")})
    disposition_rules: list[object] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")})
    holidays: str | None = Field(sa_type=Text)
    fallback_timezone: str | None = Field(sa_type=Text)
    presets: list[str] = Field(sa_type=ARRAY(Text), sa_column_kwargs={"server_default": text("'{}'")})


class BatchRow(Row, table=True):
    """An upload and what it decides instead of its campaign; null follows the campaign."""

    __tablename__ = "batches"
    __table_args__ = (
        one_of("status", BatchStatus),
        one_of("paused_by", PausedBy),
        one_of("phone_number_strategy", CallerIdStrategy),
        one_of("on_machine", OnMachine),
        CheckConstraint("(status = 'paused') = (paused_by IS NOT NULL)", name="paused_by_somebody"),
        Index(None, "campaign_id", "created_at", "batch_id"),
        Index(None, "organization_id", "created_at", "batch_id"),
        Index(
            "ix_batches_unstarted",
            "created_at",
            postgresql_where=text(
                "workflow_started_at IS NULL AND status IN ('pending', 'in_progress', 'paused')"
            ),
        ),
        Index("ix_batches_in_progress", "batch_id", postgresql_where=text("status = 'in_progress'")),
        Index(
            "ix_batches_unfinished",
            "batch_id",
            postgresql_where=text("status IN ('pending', 'in_progress', 'paused')"),
        ),
        Index("ix_batches_uncounted", "campaign_id", postgresql_where=text("kept_counts IS NULL")),
        Index("ix_batches_resting", "rests_since", postgresql_where=text("rests_since IS NOT NULL")),
        Index(
            "ix_batches_unerased",
            text("coalesce(ended_at, updated_at)"),
            postgresql_where=text("erased_at IS NULL AND status IN ('completed', 'cancelled', 'expired')"),
        ),
    )

    batch_id: str = Field(primary_key=True, sa_type=Text)
    campaign_id: str = Field(sa_type=Text, foreign_key="campaigns.campaign_id")
    organization_id: str = Field(sa_type=Text, foreign_key="organizations.organization_id")
    name: str | None = Field(sa_type=Text)
    status: str = Field(sa_type=Word)
    paused_by: str | None = Field(sa_type=Word)
    total_contacts: int
    concurrency_limit: int | None
    scheduled_start: datetime | None = Field(sa_type=INSTANT)
    scheduled_end: datetime | None = Field(sa_type=INSTANT)
    max_retries_override: int | None
    retry_policy: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
    working_hours_enforced: bool | None
    working_hours: list[object] | None = Field(sa_type=JSON_OR_NULL)
    timezone: str | None = Field(sa_type=Text)
    phone_numbers: list[str] | None = Field(sa_type=ARRAY(Text))
    phone_number_strategy: str | None = Field(sa_type=Word)
    call_context: dict[str, object] = Field(sa_type=JSONB)
    client_metadata: dict[str, object] = Field(sa_type=JSONB)
    workflow_started_at: datetime | None = Field(sa_type=INSTANT)
    deleted_at: datetime | None = Field(sa_type=INSTANT)
    """A deleted batch stays for its calls, and no client sees it."""
    ended_at: datetime | None = Field(sa_type=INSTANT)
    """Null while it runs, and of batches that ended before this was kept."""
    erased_at: datetime | None = Field(sa_type=INSTANT)
    """When all of its contacts were emptied with age."""
    kept_counts: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
    """What was counted once nothing was under way any more; null while counts are derived."""
    parent_batch_id: str | None = Field(sa_type=Text)
    """The batch whose contacts this one calls again."""
    zones_version: str | None = Field(sa_type=Text)
    """By which data all zones were learnt that its contacts ask for; null while some may not be."""
    rules_version: int = Field(sa_column_kwargs={"server_default": text("0")})
    """Rises with every change that bears on calls."""
    keep_open: bool = Field(sa_column_kwargs={"server_default": text("false")})
    rests_since: datetime | None = Field(sa_type=INSTANT)
    """Its workflow is taken to rest: everybody was done in an open batch, or contacts were added since."""
    dispatched_by: str | None = Field(sa_type=Text)
    on_machine: str | None = Field(sa_type=Word)
    disposition_rules: list[object] | None = Field(sa_type=JSON_OR_NULL)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class ContactRow(Row, table=True):
    """One person and number in one batch."""

    __tablename__ = "contacts"
    __table_args__ = (
        one_of("status", ContactStatus),
        one_of("skip_reason", SkipReason),
        CheckConstraint("priority BETWEEN 0 AND 9", name="priority_in_range"),
        CheckConstraint("next_retry_at IS NULL OR status = 'retrying'", name="retry_only_waiting"),
        CheckConstraint(
            "follow_up_at IS NULL OR status = 'followup_scheduled'", name="follow_up_only_waiting"
        ),
        UniqueConstraint("batch_id", "position"),
        # The position lets pages and the dispatcher's cursor be read from the index alone.
        Index(None, "batch_id", "status", "position"),
        Index(
            "ix_contacts_due_retry",
            "batch_id",
            "next_retry_at",
            postgresql_where=text("status = 'retrying'"),
        ),
        Index(
            "ix_contacts_due_follow_up",
            "batch_id",
            "follow_up_at",
            postgresql_where=text("status = 'followup_scheduled'"),
        ),
        # Who is called next; contacts pay for it while they are pending alone.
        Index(
            "ix_contacts_call_order",
            "batch_id",
            text(f"({CALL_ORDER_SQL})"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_contacts_not_before",
            "batch_id",
            "not_before",
            postgresql_where=text("status = 'pending' AND not_before IS NOT NULL"),
        ),
        # Finds contacts that wait for another call when their number is suppressed; others pay nothing.
        Index(
            "ix_contacts_sleeping_number",
            "phone_number",
            postgresql_where=text("status IN ('retrying', 'followup_scheduled')"),
        ),
        # Of those on the phone when they were erased.
        Index(
            "ix_contacts_unfinished_erasure",
            "erased_at",
            postgresql_where=text("erased_at IS NOT NULL AND phone_number <> ''"),
        ),
        # Finds a person in every batch, and in one of them.
        Index(None, "phone_number", "batch_id"),
    )

    contact_id: str = Field(primary_key=True, sa_type=Text)
    batch_id: str = Field(sa_type=Text, foreign_key="batches.batch_id")
    campaign_id: str = Field(sa_type=Text)
    position: int
    external_id: str | None = Field(sa_type=Text)
    phone_number: str = Field(sa_type=Text)
    timezone: str | None = Field(sa_type=Text)
    call_variables: dict[str, object] = Field(sa_type=JSONB)
    status: str = Field(sa_type=Word)
    skip_reason: str | None = Field(sa_type=Word)
    skip_detail: str | None = Field(sa_type=Text)
    retry_count: int = Field(sa_column_kwargs={"server_default": text("0")})
    follow_up_count: int = Field(sa_column_kwargs={"server_default": text("0")})
    last_attempted_at: datetime | None = Field(sa_type=INSTANT)
    next_retry_at: datetime | None = Field(sa_type=INSTANT)
    follow_up_at: datetime | None = Field(sa_type=INSTANT)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)
    number_timezones: list[str] | None = Field(sa_type=ARRAY(Text))
    erased_at: datetime | None = Field(sa_type=INSTANT)
    """Since when the trigger `contacts_stay_erased` keeps empty what is said of the person."""
    settled_attempt: int | None
    """The newest attempt whose call was settled, and so counted."""
    not_before: datetime | None = Field(sa_type=INSTANT)
    priority: int = Field(sa_type=SmallInteger, sa_column_kwargs={"server_default": text("0")})
    zones_version: str | None = Field(sa_type=Text)
    """By which data these zones were learnt."""


class CallRow(Row, table=True):
    """One attempt, written before the provider is asked."""

    __tablename__ = "calls"
    __table_args__ = (
        one_of("kind", AttemptKind),
        one_of("call_status", CallStatus),
        one_of("dial_state", DialState),
        one_of("answered_by", AnsweredBy),
        CheckConstraint("attempt >= 1", name="attempt_counts_from_1"),
        UniqueConstraint("contact_id", "attempt"),
        # Live calls first, then those that ended last; calls are counted by status from the index alone.
        Index(
            "ix_calls_batch_newest",
            "batch_id",
            text("ended_at DESC"),  # nulls first
            postgresql_include=["call_status"],
        ),
        Index(None, "campaign_id", "call_status"),
        Index("ix_calls_follow_up", "batch_id", postgresql_where=text("kind = 'follow_up'")),
        # Calls of which somebody told who answered or what came of them; others pay nothing.
        Index(
            "ix_calls_batch_told",
            *("batch_id", "answered_by", "disposition"),
            postgresql_where=text("answered_by IS NOT NULL OR disposition IS NOT NULL"),
        ),
        Index(
            "ix_calls_campaign_told",
            *("campaign_id", "answered_by", "disposition"),
            postgresql_where=text("answered_by IS NOT NULL OR disposition IS NOT NULL"),
        ),
        Index(None, "provider_call_id", postgresql_where=text("provider_call_id IS NOT NULL")),
        # Frequency caps count the newest attempts at a number.
        Index(None, "to_number", "started_at"),
        Index(
            "ix_calls_number_hash",
            *("number_hash", "started_at"),
            postgresql_where=text("number_hash IS NOT NULL"),
        ),
        Index("ix_calls_hash_until", "hash_until", postgresql_where=text("hash_until IS NOT NULL")),
        # A phone is asked for by one attempt at a time, whichever batch it is in.
        Index(OPEN_NUMBER_INDEX, "to_number", unique=True, postgresql_where=text(OPEN_ATTEMPT)),
    )

    execution_id: str = Field(primary_key=True, sa_type=Text)
    contact_id: str = Field(sa_type=Text, foreign_key="contacts.contact_id")
    batch_id: str = Field(sa_type=Text)
    campaign_id: str = Field(sa_type=Text)
    attempt: int
    kind: str = Field(sa_type=Word)
    call_status: str = Field(sa_type=Word)
    dial_state: str = Field(sa_type=Word)
    provider: str | None = Field(sa_type=Text)
    provider_call_id: str | None = Field(sa_type=Text)
    from_number: str | None = Field(sa_type=Text)
    to_number: str = Field(sa_type=Text)
    started_at: datetime | None = Field(sa_type=INSTANT)
    answered_at: datetime | None = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(sa_type=INSTANT)
    duration_seconds: int | None = Field(sa_type=BigInteger)
    recording_url: str | None = Field(sa_type=Text)
    transcript: str | None = Field(sa_type=Text)
    summary: str | None = Field(sa_type=Text)
    sentiment: str | None = Field(sa_type=Text)
    hangup_by: str | None = Field(sa_type=Text)
    hangup_reason: str | None = Field(sa_type=Text)
    total_cost: float | None
    sip_status: int | None = Field(sa_type=BigInteger)
    error: str | None = Field(sa_type=Text)
    follow_up_at: datetime | None = Field(sa_type=INSTANT)
    policy_version: int = Field(sa_column_kwargs={"server_default": text("1")})
    """Of its campaign's rules, when the provider was asked."""
    answered_by: str | None = Field(sa_type=Word)
    disposition: str | None = Field(sa_type=Text)
    disposition_note: str | None = Field(sa_type=Text)
    disposition_data: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
    erased_at: datetime | None = Field(sa_type=INSTANT)
    """As of its contact; the trigger is `calls_stay_erased`."""
    number_hash: str | None = Field(sa_type=Text)
    """Of an erased number, while caps may count this call or its callee may yet opt out of it."""
    hash_until: datetime | None = Field(sa_type=INSTANT)
    awaited_by: str | None = Field(sa_type=Text)


class CallEventRow(Row, table=True):
    """A status event as it was received, once per key."""

    __tablename__ = "call_events"
    __table_args__ = (
        one_of("source", EventSource),
        one_of("call_status", CallStatus),
        UniqueConstraint("execution_id", "event_key"),
        Index(
            "ix_call_events_undelivered",
            "event_number",
            postgresql_where=text("source = 'webhook' AND delivered_at IS NULL"),
        ),
    )

    event_number: int = Field(sa_type=BigInteger, sa_column_args=(Identity(always=True),), primary_key=True)
    execution_id: str = Field(sa_column_args=(ForeignKey("calls.execution_id"),), sa_type=Text)
    event_key: str = Field(sa_type=Text)
    source: str = Field(sa_type=Word)
    call_status: str | None = Field(sa_type=Word)
    """Null for a report that says nothing of where the call stands."""
    received_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs={"server_default": func.now()})
    happened_at: datetime = Field(sa_type=INSTANT)
    body: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
    delivered_at: datetime | None = Field(sa_type=INSTANT)
    """When the event was delivered to the contact's workflow, or its arrival where no delivery is needed."""
    unread_fields: list[str] | None = Field(sa_type=ARRAY(Text))
    """What of the body could not be read, each as `field: reason`; null when all of it was."""


def _table(row: type[Row]) -> Table:
    return METADATA.tables[str(row.__tablename__)]


organizations = _table(OrganizationRow)
audit_log = _table(AuditRow)
tokens = _table(TokenRow)
campaigns = _table(CampaignRow)
batches = _table(BatchRow)
contacts = _table(ContactRow)
calls = _table(CallRow)
call_events = _table(CallEventRow)
suppressions = _table(SuppressionRow)
provider_routes = _table(ProviderRouteRow)
caller_id_turns = _table(CallerIdTurnRow)
dial_turns = _table(DialTurnRow)
idempotency_keys = _table(IdempotencyKeyRow)
slots = _table(SlotRow)
slot_demands = _table(SlotDemandRow)
webhook_endpoints = _table(WebhookEndpointRow)
webhook_secrets = _table(WebhookSecretRow)
webhook_events = _table(WebhookEventRow)
webhook_deliveries = _table(WebhookDeliveryRow)
webhook_replays = _table(WebhookReplayRow)
webhook_diagnoses = _table(WebhookDiagnosisRow)
