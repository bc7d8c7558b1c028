"""Rows of webhooks and objects of the domain, each made from the other."""

from datetime import UTC, datetime
from typing import cast

from sqlalchemy import RowMapping

from domain.identity import DeliveryId, EndpointId, EventId, OrganizationId
from domain.webhooks import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    EventType,
    WebhookEndpoint,
)
from store.schema.tables import webhook_deliveries, webhook_endpoints

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_id_at(prefix: str, instant: datetime) -> str:
    """Return what every id that `new_webhook_id` makes from `instant` on sorts behind, or alike."""
    since = instant - _EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return f"{prefix}{max(microseconds, 0):014x}"


def endpoint_of(row: RowMapping) -> WebhookEndpoint:
    """Return the endpoint in a row."""
    c = webhook_endpoints.c
    events, reason = row[c.events], row[c.disabled_reason]
    return WebhookEndpoint(
        endpoint_id=EndpointId(row[c.endpoint_id]),
        organization_id=OrganizationId(row[c.organization_id]),
        url=row[c.url],
        events=None if events is None else tuple(map(EventType, events)),
        description=row[c.description],
        enabled=row[c.enabled],
        disabled_reason=None if reason is None else DisabledReason(reason),
        failing_since=row[c.failing_since],
        created_at=row[c.created_at],
        updated_at=row[c.updated_at],
    )


def delivery_of(row: RowMapping) -> Delivery:
    """Return the delivery in a row."""
    c = webhook_deliveries.c
    return Delivery(
        delivery_id=DeliveryId(row[c.delivery_id]),
        organization_id=OrganizationId(row[c.organization_id]),
        endpoint_id=EndpointId(row[c.endpoint_id]),
        event_id=EventId(row[c.event_id]),
        type=EventType(row[c.type]),
        state=DeliveryState(row[c.state]),
        attempts=tuple(_attempt_of(each) for each in row[c.attempts]),
        next_attempt_at=row[c.due_at],
        created_at=row[c.created_at],
        updated_at=row[c.updated_at],
    )


def shape_of_attempt(attempt: DeliveryAttempt) -> dict[str, object]:
    """Return an attempt as it is kept."""
    return {
        "at": attempt.at.isoformat(),
        "status": attempt.status,
        "milliseconds": attempt.milliseconds,
        "answer": attempt.answer,
        "error": attempt.error,
    }


def _attempt_of(shape: dict[str, object]) -> DeliveryAttempt:
    return DeliveryAttempt(
        at=datetime.fromisoformat(cast("str", shape["at"])),
        status=cast("int | None", shape["status"]),
        milliseconds=cast("int", shape["milliseconds"]),
        answer=cast("str | None", shape["answer"]),
        error=cast("str | None", shape["error"]),
    )
