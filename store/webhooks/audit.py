"""The audit log's entries about webhooks out: of an address only its host, and never a secret."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange, differing
from domain.identity import EndpointId, OrganizationId
from domain.webhooks import DisabledReason, WebhookEndpoint
from store.audit.recording import record


async def record_endpoint(
    connection: AsyncConnection,
    action: AuditAction,
    before: WebhookEndpoint | None,
    after: WebhookEndpoint | None,
    now: datetime,
) -> None:
    """Write that an endpoint was made, changed or deleted; at least one of the two is given."""
    endpoint = after or before
    if endpoint is None:
        raise ValueError("neither before nor after")
    was = None if before is None else _told(before)
    became = None if after is None else _told(after)
    if was is not None and became is not None:
        was, became = differing(was, became)
    change = AuditedChange(action=action, object_id=endpoint.endpoint_id, before=was, after=became)
    await record(connection, endpoint.organization_id, change, now)


async def record_request(
    connection: AsyncConnection,
    action: AuditAction,
    endpoint: WebhookEndpoint,
    now: datetime,
    **told: object,
) -> None:
    """Write what an endpoint was asked to do."""
    change = AuditedChange(action=action, object_id=endpoint.endpoint_id, before={}, after=told)
    await record(connection, endpoint.organization_id, change, now)


async def record_disabled(
    connection: AsyncConnection,
    disabled: Sequence[tuple[EndpointId, OrganizationId]],
    reason: DisabledReason,
    now: datetime,
) -> None:
    """Write that Apollo disabled endpoints."""
    for endpoint_id, organization_id in disabled:
        change = AuditedChange(
            action=AuditAction.ENDPOINT_DISABLE,
            object_id=endpoint_id,
            before={"enabled": True, "disabled_reason": None},
            after={"enabled": False, "disabled_reason": reason},
        )
        await record(connection, organization_id, change, now)


def _told(endpoint: WebhookEndpoint) -> Mapping[str, object]:
    return {
        "host": urlsplit(endpoint.url).hostname,
        "events": endpoint.events,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
    }
