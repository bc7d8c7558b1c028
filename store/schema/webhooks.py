"""Webhooks out, as tables: endpoints, the events that wait and that were delivered, and their deliveries.

The database writes an event itself, in the statement that moves a batch, a contact or a call: the triggers
that run `batches_write_webhook_events`, `contacts_write_webhook_events` and `calls_write_webhook_events`. So
no verb can forget to. They write only what some endpoint of the organization subscribes to.

Ids of events and deliveries are made by `new_webhook_id`: microseconds, then a running number, both in
hexadecimal, so they sort by creation.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from domain.webhooks import DeliveryState, DisabledReason
from store.schema.base import INSTANT, JSON_OR_NULL, Row, Word, one_of


class WebhookEndpointRow(Row, table=True):
    """Where an organization has its events posted; a deleted one stays for its deliveries."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        one_of("disabled_reason", DisabledReason),
        Index(
            None, "organization_id", "created_at", "endpoint_id", postgresql_where=text("deleted_at IS NULL")
        ),
    )

    endpoint_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text, foreign_key="organizations.organization_id")
    url: str = Field(sa_type=Text)
    events: list[str] | None = Field(sa_type=ARRAY(Text))
    """Null is every event."""
    description: str | None = Field(sa_type=Text)
    enabled: bool
    disabled_reason: str | None = Field(sa_type=Word)
    failing_since: datetime | None = Field(sa_type=INSTANT)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)
    deleted_at: datetime | None = Field(sa_type=INSTANT)


class WebhookSecretRow(Row, table=True):
    """What an endpoint's posts are signed with: a signature needs the secret itself."""

    __tablename__ = "webhook_secrets"

    endpoint_id: str = Field(
        sa_column_args=(ForeignKey("webhook_endpoints.endpoint_id", ondelete="CASCADE"),),
        primary_key=True,
        sa_type=Text,
    )
    secret: str = Field(primary_key=True, sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime | None = Field(sa_type=INSTANT)
    """When it signs no more, null for the one in force."""


class WebhookEventRow(Row, table=True):
    """Something that happened, written in the transaction in which it did."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index("ix_webhook_events_unpublished", "event_id", postgresql_where=text("published_at IS NULL")),
        Index(None, "organization_id", "event_id"),
        Index(None, "contact_id", postgresql_where=text("contact_id IS NOT NULL")),
        Index("ix_webhook_events_started", "batch_id", postgresql_where=text("type = 'batch.started'")),
    )

    event_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=INSTANT)
    batch_id: str | None = Field(sa_type=Text)
    contact_id: str | None = Field(sa_type=Text)
    execution_id: str | None = Field(sa_type=Text)
    snapshot: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
    """The columns that may move on before the body is written; never a person's data."""
    body: str | None = Field(sa_type=Text)
    """What is posted; null until it is written."""
    published_at: datetime | None = Field(sa_type=INSTANT)
    """When its deliveries were made."""
    erased_at: datetime | None = Field(sa_type=INSTANT)
    """The person it is about: it is delivered without what was erased."""


class WebhookDeliveryRow(Row, table=True):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("state", DeliveryState),
        CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="due_while_pending"),
        UniqueConstraint("endpoint_id", "event_id"),
        Index(None, "organization_id", "delivery_id"),
        Index(
            "ix_webhook_deliveries_due", "endpoint_id", "due_at", postgresql_where=text("state = 'pending'")
        ),
        Index(
            "ix_webhook_deliveries_failed",
            "organization_id",
            "delivery_id",
            postgresql_where=text("state = 'failed'"),
        ),
    )

    delivery_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    endpoint_id: str = Field(
        sa_column_args=(ForeignKey("webhook_endpoints.endpoint_id", ondelete="CASCADE"),), sa_type=Text
    )
    event_id: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    state: str = Field(sa_type=Word)
    due_at: datetime | None = Field(sa_type=INSTANT)
    """When it is attempted next; for who is attempting it, when it counts as lost."""
    attempts: list[object] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")})
    attempts_made: int = Field(sa_column_kwargs={"server_default": text("0")})
    """Since it was made or replayed."""
    first_attempt_at: datetime | None = Field(sa_type=INSTANT)
    """Of these."""
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class WebhookReplayRow(Row, table=True):
    """Events that an endpoint is to be told again, a page at a time."""

    __tablename__ = "webhook_replays"

    endpoint_id: str = Field(
        sa_column_args=(ForeignKey("webhook_endpoints.endpoint_id", ondelete="CASCADE"),),
        primary_key=True,
        sa_type=Text,
    )
    behind: str = Field(sa_type=Text)
    """The last event that was seen to."""
    up_to: str = Field(sa_type=Text)
    """Behind the newest event of when it was asked for."""


class WebhookDiagnosisRow(Row, table=True):
    """What was last told of a batch's diagnosis."""

    __tablename__ = "webhook_diagnoses"
    __table_args__ = (Index(None, "looked_at"),)

    batch_id: str = Field(primary_key=True, sa_type=Text)
    diagnosis: str = Field(sa_type=Text)
    looked_at: datetime = Field(sa_type=INSTANT)
