"""Webhook endpoints and deliveries in memory, for the API's tests: nothing is posted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain.errors import DeliveryNotFound, EndpointDisabled, EndpointNotFound, TooManyEndpoints
from domain.identity import (
    DELIVERY_PREFIX,
    ENDPOINT_PREFIX,
    EVENT_PREFIX,
    DeliveryId,
    EndpointId,
    EventId,
    OrganizationId,
)
from domain.ports import DeliveryBacklog, Page, Window
from domain.webhooks import (
    MAX_ENDPOINTS,
    OLD_SECRET_SIGNS_FOR,
    Delivery,
    DeliveryState,
    EventType,
    NewWebhookEndpoint,
    WebhookEndpoint,
)
from tests.fakes.tables import Tables, mint_in_order, page_of


@dataclass
class WebhookTables:
    """What is known of webhooks."""

    endpoints: dict[EndpointId, WebhookEndpoint] = field(default_factory=dict)
    secrets: dict[EndpointId, list[str]] = field(default_factory=dict)
    deliveries: dict[DeliveryId, Delivery] = field(default_factory=dict)
    bodies: dict[EventId, str] = field(default_factory=dict)
    replays: list[tuple[EndpointId, datetime]] = field(default_factory=list)


class FakeWebhookEndpointStore:
    """Implements WebhookEndpointStore."""

    def __init__(self, tables: Tables, webhooks: WebhookTables) -> None:
        self._tables = tables
        self._webhooks = webhooks
        self._mint = mint_in_order()

    async def create(
        self, organization_id: OrganizationId, new: NewWebhookEndpoint, secret: str, now: datetime
    ) -> WebhookEndpoint:
        """Keep an endpoint. Raises TooManyEndpoints."""
        self._tables.require_up()
        if len(self._own(organization_id)) >= MAX_ENDPOINTS:
            raise TooManyEndpoints.of(MAX_ENDPOINTS)
        endpoint = WebhookEndpoint(
            endpoint_id=EndpointId(self._mint(ENDPOINT_PREFIX)),
            organization_id=organization_id,
            url=new.url,
            events=new.events,
            description=new.description,
            enabled=new.enabled,
            created_at=now,
            updated_at=now,
        )
        self._webhooks.endpoints[endpoint.endpoint_id] = endpoint
        self._webhooks.secrets[endpoint.endpoint_id] = [secret]
        return endpoint

    async def list_endpoints(self, organization_id: OrganizationId, window: Window) -> Page[WebhookEndpoint]:
        """Return endpoints, newest first."""
        self._tables.require_up()
        return page_of(self._own(organization_id)[::-1], window)

    async def get(self, organization_id: OrganizationId, endpoint_id: EndpointId) -> WebhookEndpoint:
        """Raises EndpointNotFound."""
        self._tables.require_up()
        return _require(self._webhooks, organization_id, endpoint_id)

    async def change(
        self,
        organization_id: OrganizationId,
        endpoint_id: EndpointId,
        change: Mapping[str, Any],
        now: datetime,
    ) -> WebhookEndpoint:
        """Give fields new values. Raises EndpointNotFound."""
        standing = await self.get(organization_id, endpoint_id)
        if change:
            standing = replace(standing, **change, updated_at=now)
            self._webhooks.endpoints[endpoint_id] = standing
        return standing

    async def delete(self, organization_id: OrganizationId, endpoint_id: EndpointId, now: datetime) -> None:
        """Raises EndpointNotFound."""
        await self.get(organization_id, endpoint_id)
        del self._webhooks.endpoints[endpoint_id]

    async def rotate_secret(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, secret: str, now: datetime
    ) -> datetime:
        """Sign with another secret. Raises EndpointNotFound."""
        await self.get(organization_id, endpoint_id)
        self._webhooks.secrets[endpoint_id].insert(0, secret)
        return now + OLD_SECRET_SIGNS_FOR

    def _own(self, organization_id: OrganizationId) -> list[WebhookEndpoint]:
        return [each for each in self._webhooks.endpoints.values() if each.organization_id == organization_id]


class FakeWebhookDeliveryStore:
    """Implements WebhookDeliveryStore."""

    def __init__(self, tables: Tables, webhooks: WebhookTables) -> None:
        self._tables = tables
        self._webhooks = webhooks
        self._mint = mint_in_order()

    async def test(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, body: str, now: datetime
    ) -> DeliveryId:
        """Raises EndpointNotFound."""
        self._tables.require_up()
        _require(self._webhooks, organization_id, endpoint_id)
        delivery = Delivery(
            delivery_id=DeliveryId(self._mint(DELIVERY_PREFIX)),
            organization_id=organization_id,
            endpoint_id=endpoint_id,
            event_id=EventId(self._mint(EVENT_PREFIX)),
            type=EventType.ENDPOINT_TEST,
            next_attempt_at=now,
            created_at=now,
            updated_at=now,
        )
        self._webhooks.deliveries[delivery.delivery_id] = delivery
        self._webhooks.bodies[delivery.event_id] = body
        return delivery.delivery_id

    async def replay_since(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, since: datetime, now: datetime
    ) -> int:
        """Raises EndpointNotFound, EndpointDisabled."""
        self._tables.require_up()
        if not _require(self._webhooks, organization_id, endpoint_id).enabled:
            raise EndpointDisabled
        self._webhooks.replays.append((endpoint_id, since))
        return 0

    async def list_deliveries(
        self,
        organization_id: OrganizationId,
        *,
        endpoint_id: EndpointId | None,
        states: Sequence[DeliveryState],
        types: Sequence[EventType],
        window: Window,
    ) -> Page[Delivery]:
        """Return deliveries, newest first; empty filters match any."""
        self._tables.require_up()
        matching = [
            each
            for each in self._webhooks.deliveries.values()
            if each.organization_id == organization_id
            and endpoint_id in (None, each.endpoint_id)
            and (not states or each.state in states)
            and (not types or each.type in types)
        ]
        return page_of(matching[::-1], window)

    async def get(self, organization_id: OrganizationId, delivery_id: DeliveryId) -> Delivery:
        """Raises DeliveryNotFound."""
        self._tables.require_up()
        found = self._webhooks.deliveries.get(delivery_id)
        if found is None or found.organization_id != organization_id:
            raise DeliveryNotFound
        return found

    async def replay(
        self, organization_id: OrganizationId, delivery_id: DeliveryId, now: datetime
    ) -> Delivery:
        """Raises DeliveryNotFound, EndpointNotFound, EndpointDisabled."""
        found = await self.get(organization_id, delivery_id)
        endpoint = _require(self._webhooks, organization_id, found.endpoint_id)
        if not endpoint.enabled and found.type is not EventType.ENDPOINT_TEST:
            raise EndpointDisabled
        again = replace(found, state=DeliveryState.PENDING, next_attempt_at=now, updated_at=now)
        self._webhooks.deliveries[delivery_id] = again
        return again

    async def backlog(self, now: datetime) -> DeliveryBacklog:
        """Return how far deliveries are behind."""
        self._tables.require_up()
        found = self._webhooks.deliveries.values()
        waiting = [each.created_at for each in found if each.state is DeliveryState.PENDING]
        by_state = {state: sum(each.state is state for each in found) for state in DeliveryState}
        return DeliveryBacklog(by_state=by_state, oldest_at=min(waiting, default=None))


def _require(
    webhooks: WebhookTables, organization_id: OrganizationId, endpoint_id: EndpointId
) -> WebhookEndpoint:
    found = webhooks.endpoints.get(endpoint_id)
    if found is None or found.organization_id != organization_id:
        raise EndpointNotFound
    return found
