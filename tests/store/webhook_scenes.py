"""Webhooks on the database of a test: an endpoint, and what was written for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.identity import OrganizationId
from domain.webhooks import EventType, NewWebhookEndpoint, WebhookEndpoint, WebhookEvent
from store.database.ids import mint
from store.schema.tables import webhook_events
from store.webhooks.deliveries import PostgresWebhookDeliveryStore
from store.webhooks.endpoints import PostgresWebhookEndpointStore
from store.webhooks.outbox import PostgresWebhookOutbox
from store.webhooks.queue import PostgresWebhookQueue
from tests.builders import MONDAY_NOON, ORGANIZATION

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0IG9mIHdlYmhvb2tz"


@dataclass(frozen=True)
class Webhooks:
    """Every store of webhooks on one database."""

    engine: AsyncEngine
    endpoints: PostgresWebhookEndpointStore
    deliveries: PostgresWebhookDeliveryStore
    outbox: PostgresWebhookOutbox
    queue: PostgresWebhookQueue

    @classmethod
    def on(cls, engine: AsyncEngine) -> "Webhooks":
        return cls(
            engine,
            PostgresWebhookEndpointStore(engine, mint),
            PostgresWebhookDeliveryStore(engine),
            PostgresWebhookOutbox(engine),
            PostgresWebhookQueue(engine),
        )

    async def an_endpoint(
        self, *events: EventType, organization: OrganizationId = ORGANIZATION, **fields: Any
    ) -> WebhookEndpoint:
        """An endpoint of these events, or of all."""
        fields = {"url": "https://hooks.example.com", **fields}
        new = NewWebhookEndpoint(events=events or None, **fields)
        return await self.endpoints.create(organization, new, SECRET, MONDAY_NOON)

    async def told(self) -> Sequence[str]:
        """The types of the events there are, oldest first."""
        c = webhook_events.c
        async with self.engine.connect() as connection:
            return list(await connection.scalars(select(c.type).order_by(c.event_id)))

    async def news(self) -> Sequence[WebhookEvent]:
        """The events that were not published yet."""
        return await self.outbox.unpublished(100)

    async def publish(self, now: datetime = MONDAY_NOON) -> int:
        """Publish what there is, each under a body that names its id."""
        news = await self.news()
        bodies = {each.event_id: f'"{each.event_id}"' for each in news}
        return await self.outbox.publish(
            bodies, now, erased={each.event_id for each in news if each.is_erased}
        )
