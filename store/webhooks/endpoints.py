"""Endpoints and their secrets."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Select, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import AuditAction
from domain.errors import EndpointNotFound, TooManyEndpoints
from domain.identity import ENDPOINT_PREFIX, EndpointId, MintId, OrganizationId
from domain.ports import Page, Window
from domain.webhooks import MAX_ENDPOINTS, OLD_SECRET_SIGNS_FOR, NewWebhookEndpoint, WebhookEndpoint
from store.access.organizations import keep_organization
from store.database.engine import single_statement, transaction
from store.schema.tables import organizations, webhook_endpoints, webhook_secrets
from store.webhooks.audit import record_endpoint, record_request
from store.webhooks.rows import endpoint_of

MAX_SECRETS = 10
"""Of one endpoint, however often it is rotated; a header has room for no more."""


class PostgresWebhookEndpointStore:
    """The endpoints of all organizations; implements `WebhookEndpointStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def create(
        self, organization_id: OrganizationId, new: NewWebhookEndpoint, secret: str, now: datetime
    ) -> WebhookEndpoint:
        """Keep an endpoint. Raises TooManyEndpoints."""
        async with transaction(self._engine) as connection:
            await keep_organization(connection, organization_id, now)
            await _require_room(connection, organization_id)
            kept = await connection.execute(
                insert(webhook_endpoints)
                .values(
                    endpoint_id=self._mint(ENDPOINT_PREFIX),
                    organization_id=organization_id,
                    url=new.url,
                    events=None if new.events is None else list(new.events),
                    description=new.description,
                    enabled=new.enabled,
                    created_at=now,
                    updated_at=now,
                )
                .returning(webhook_endpoints)
            )
            endpoint = endpoint_of(kept.mappings().one())
            await _keep_secret(connection, endpoint.endpoint_id, secret, now)
            await record_endpoint(connection, AuditAction.ENDPOINT_CREATE, None, endpoint, now)
        return endpoint

    async def list_endpoints(self, organization_id: OrganizationId, window: Window) -> Page[WebhookEndpoint]:
        """Return endpoints, newest first."""
        c = webhook_endpoints.c
        mine = (c.organization_id == organization_id, c.deleted_at.is_(None))
        page = select(webhook_endpoints).where(*mine).order_by(c.created_at.desc(), c.endpoint_id.desc())
        async with single_statement(self._engine) as connection:
            total = await connection.execute(select(func.count()).select_from(webhook_endpoints).where(*mine))
            found = await connection.execute(page.offset(window.skip).limit(window.limit))
        return Page(items=[endpoint_of(row) for row in found.mappings()], total=total.scalar_one())

    async def get(self, organization_id: OrganizationId, endpoint_id: EndpointId) -> WebhookEndpoint:
        """Raises EndpointNotFound."""
        async with single_statement(self._engine) as connection:
            return await read_endpoint(connection, own_endpoint(organization_id, endpoint_id))

    async def change(
        self,
        organization_id: OrganizationId,
        endpoint_id: EndpointId,
        change: Mapping[str, object],
        now: datetime,
    ) -> WebhookEndpoint:
        """Give fields new values; to enable it forgets its failures. Raises EndpointNotFound."""
        values = {**change, "updated_at": now}
        if isinstance(events := change.get("events"), tuple):
            values["events"] = list(events)
        if change.get("enabled"):
            values |= {"disabled_reason": None, "failing_since": None}
        async with transaction(self._engine) as connection:
            own = own_endpoint(organization_id, endpoint_id)
            standing = await read_endpoint(connection, own.with_for_update(key_share=True))
            if not change:
                return standing
            c = webhook_endpoints.c
            changed = update(webhook_endpoints).where(c.endpoint_id == endpoint_id).values(values)
            kept = await connection.execute(changed.returning(webhook_endpoints))
            endpoint = endpoint_of(kept.mappings().one())
            await record_endpoint(connection, AuditAction.ENDPOINT_UPDATE, standing, endpoint, now)
            return endpoint

    async def delete(self, organization_id: OrganizationId, endpoint_id: EndpointId, now: datetime) -> None:
        """Post nothing there any more; what waits fails soon after. Raises EndpointNotFound."""
        c = webhook_endpoints.c
        async with transaction(self._engine) as connection:
            gone = await connection.execute(
                update(webhook_endpoints)
                .where(
                    c.endpoint_id == endpoint_id,
                    c.organization_id == organization_id,
                    c.deleted_at.is_(None),
                )
                .values(enabled=False, deleted_at=now, updated_at=now)
                .returning(webhook_endpoints)
            )
            row = gone.mappings().one_or_none()
            if row is None:
                raise EndpointNotFound
            await record_endpoint(connection, AuditAction.ENDPOINT_DELETE, endpoint_of(row), None, now)
            await connection.execute(
                delete(webhook_secrets).where(webhook_secrets.c.endpoint_id == endpoint_id)
            )

    async def rotate_secret(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, secret: str, now: datetime
    ) -> datetime:
        """Sign with another secret; returns until when the former one signs too. Raises EndpointNotFound."""
        c, expires_at = webhook_secrets.c, now + OLD_SECRET_SIGNS_FOR
        async with transaction(self._engine) as connection:
            own = own_endpoint(organization_id, endpoint_id)
            endpoint = await read_endpoint(connection, own.with_for_update(key_share=True))
            newest = select(c.secret).where(c.endpoint_id == endpoint_id).order_by(c.created_at.desc())
            kept = newest.limit(MAX_SECRETS - 1).scalar_subquery()
            this = c.endpoint_id == endpoint_id
            await connection.execute(
                delete(webhook_secrets).where(this, or_(c.expires_at <= now, c.secret.not_in(kept)))
            )
            former = update(webhook_secrets).where(this, c.expires_at.is_(None))
            await connection.execute(former.values(expires_at=expires_at))
            await _keep_secret(connection, endpoint_id, secret, now)
            await record_request(
                connection,
                AuditAction.ENDPOINT_ROTATE_SECRET,
                endpoint,
                now,
                previous_expires_at=expires_at,
            )
        return expires_at


def own_endpoint(organization_id: OrganizationId, endpoint_id: EndpointId) -> Select[*tuple[object, ...]]:
    """Select one endpoint of an organization."""
    c = webhook_endpoints.c
    return select(webhook_endpoints).where(
        c.endpoint_id == endpoint_id, c.organization_id == organization_id, c.deleted_at.is_(None)
    )


async def read_endpoint(
    connection: AsyncConnection, selected: Select[*tuple[object, ...]]
) -> WebhookEndpoint:
    """Return the endpoint that is selected. Raises EndpointNotFound."""
    row = (await connection.execute(selected)).mappings().one_or_none()
    if row is None:
        raise EndpointNotFound
    return endpoint_of(row)


async def _require_room(connection: AsyncConnection, organization_id: OrganizationId) -> None:
    """Count under a lock, so that two requests at once do not both take the last place."""
    o, c = organizations.c, webhook_endpoints.c
    owner = select(o.organization_id).where(o.organization_id == organization_id)
    await connection.execute(owner.with_for_update(key_share=True))
    mine = select(func.count()).where(c.organization_id == organization_id, c.deleted_at.is_(None))
    if (await connection.execute(mine)).scalar_one() >= MAX_ENDPOINTS:
        raise TooManyEndpoints.of(MAX_ENDPOINTS)


async def _keep_secret(
    connection: AsyncConnection, endpoint_id: EndpointId, secret: str, now: datetime
) -> None:
    await connection.execute(
        insert(webhook_secrets).values(endpoint_id=endpoint_id, secret=secret, created_at=now)
    )
