"""Deliveries as their organizations see them: lists, tests and replays."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import AuditAction, AuditedChange
from domain.errors import DeliveryNotFound, EndpointDisabled
from domain.identity import (
    DELIVERY_PREFIX,
    EVENT_PREFIX,
    DeliveryId,
    EndpointId,
    OrganizationId,
)
from domain.ports import DeliveryBacklog, Page, Window
from domain.webhooks import Delivery, DeliveryState, EventType, WebhookEndpoint
from store.audit.recording import record
from store.database.engine import single_statement, transaction
from store.schema.tables import webhook_deliveries, webhook_events, webhook_replays
from store.webhooks.audit import record_request
from store.webhooks.endpoints import own_endpoint, read_endpoint
from store.webhooks.rows import delivery_of, first_id_at

RECENT = timedelta(hours=1)
"""Deliveries that are over are counted so far back."""

NEW_EVENT_ID = func.new_webhook_id(literal(EVENT_PREFIX))
NEW_DELIVERY_ID = func.new_webhook_id(literal(DELIVERY_PREFIX))

_COUNTS = text(
    """
    SELECT state, count(*) FROM webhook_deliveries WHERE state = 'pending' GROUP BY state
    UNION ALL
    SELECT state, count(*) FROM webhook_deliveries
    WHERE delivery_id >= :since AND state <> 'pending' GROUP BY state
    """
)
_OLDEST = text(
    """
    SELECT least(
        (SELECT min(created_at) FROM webhook_deliveries WHERE state = 'pending'),
        (SELECT min(occurred_at) FROM webhook_events WHERE published_at IS NULL)
    )
    """
)


class PostgresWebhookDeliveryStore:
    """The deliveries of all organizations; implements `WebhookDeliveryStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def test(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, body: str, now: datetime
    ) -> DeliveryId:
        """Have an `endpoint.test` delivered, whatever the endpoint subscribes to. Raises EndpointNotFound."""
        async with transaction(self._engine) as connection:
            endpoint = await read_endpoint(connection, own_endpoint(organization_id, endpoint_id))
            event = await connection.execute(
                insert(webhook_events)
                .values(
                    event_id=NEW_EVENT_ID,
                    organization_id=organization_id,
                    type=EventType.ENDPOINT_TEST,
                    occurred_at=now,
                    body=body,
                    published_at=now,
                )
                .returning(webhook_events.c.event_id)
            )
            made = await connection.execute(
                insert(webhook_deliveries)
                .values(
                    delivery_id=NEW_DELIVERY_ID,
                    organization_id=organization_id,
                    endpoint_id=endpoint_id,
                    event_id=event.scalar_one(),
                    type=EventType.ENDPOINT_TEST,
                    state=DeliveryState.PENDING,
                    due_at=now,
                    created_at=now,
                    updated_at=now,
                )
                .returning(webhook_deliveries.c.delivery_id)
            )
            delivery_id = DeliveryId(made.scalar_one())
            await record_request(
                connection, AuditAction.ENDPOINT_TEST, endpoint, now, delivery_id=delivery_id
            )
            return delivery_id

    async def replay_since(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, since: datetime, now: datetime
    ) -> int:
        """Have every kept event since then delivered again; returns how many they are.

        They are made pending a page at a time by who delivers. Raises EndpointNotFound, EndpointDisabled.
        """
        async with transaction(self._engine) as connection:
            endpoint = await read_endpoint(connection, own_endpoint(organization_id, endpoint_id))
            _require_enabled(endpoint)
            up_to = str(await connection.scalar(select(NEW_EVENT_ID)))
            behind = first_id_at(EVENT_PREFIX, since)
            await _ask_for_replay(connection, endpoint_id, behind=behind, up_to=up_to)
            await record_request(connection, AuditAction.ENDPOINT_REPLAY, endpoint, now, since=since)
            c = webhook_events.c
            within = (c.event_id >= behind, c.event_id < up_to)
            return (
                await connection.execute(select(func.count()).where(*wanted_by(endpoint), *within))
            ).scalar_one()

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
        c = webhook_deliveries.c
        matching = [c.organization_id == organization_id]
        if endpoint_id is not None:
            matching.append(c.endpoint_id == endpoint_id)
        if states:
            matching.append(c.state.in_(states))
        if types:
            matching.append(c.type.in_(types))
        page = select(webhook_deliveries).where(*matching).order_by(c.delivery_id.desc())
        count = select(func.count()).select_from(webhook_deliveries).where(*matching)
        async with single_statement(self._engine) as connection:
            total = (await connection.execute(count)).scalar_one()
            found = await connection.execute(page.offset(window.skip).limit(window.limit))
        return Page(items=[delivery_of(row) for row in found.mappings()], total=total)

    async def get(self, organization_id: OrganizationId, delivery_id: DeliveryId) -> Delivery:
        """Raises DeliveryNotFound."""
        async with single_statement(self._engine) as connection:
            return await _read_delivery(connection, organization_id, delivery_id)

    async def replay(
        self, organization_id: OrganizationId, delivery_id: DeliveryId, now: datetime
    ) -> Delivery:
        """Have one event delivered again. Raises DeliveryNotFound, EndpointNotFound, EndpointDisabled."""
        async with transaction(self._engine) as connection:
            delivery = await _read_delivery(connection, organization_id, delivery_id)
            endpoint = await read_endpoint(connection, own_endpoint(organization_id, delivery.endpoint_id))
            if delivery.type is not EventType.ENDPOINT_TEST:
                _require_enabled(endpoint)
            again = update(webhook_deliveries).where(webhook_deliveries.c.delivery_id == delivery_id)
            made = await connection.execute(
                again.values(
                    state=DeliveryState.PENDING,
                    due_at=now,
                    attempts_made=0,
                    first_attempt_at=None,
                    updated_at=now,
                ).returning(webhook_deliveries)
            )
            change = AuditedChange(
                action=AuditAction.DELIVERY_REPLAY,
                object_id=delivery_id,
                before={"state": delivery.state},
                after={"state": DeliveryState.PENDING},
            )
            await record(connection, organization_id, change, now)
            return delivery_of(made.mappings().one())

    async def backlog(self, now: datetime) -> DeliveryBacklog:
        """Return how far deliveries are behind, in the whole database."""
        since = first_id_at(DELIVERY_PREFIX, now - RECENT)
        async with single_statement(self._engine) as connection:
            counted = (await connection.execute(_COUNTS, {"since": since})).all()
            oldest_at = await connection.scalar(_OLDEST)
        by_state = dict.fromkeys(DeliveryState, 0) | {DeliveryState(state): count for state, count in counted}
        return DeliveryBacklog(by_state=by_state, oldest_at=oldest_at)


def wanted_by(endpoint: WebhookEndpoint) -> Sequence[ColumnElement[bool]]:
    """Return what holds of the published events that an endpoint subscribes to."""
    c = webhook_events.c
    mine = [
        c.organization_id == endpoint.organization_id,
        c.type != EventType.ENDPOINT_TEST,
        c.published_at.is_not(None),
    ]
    return mine if endpoint.events is None else [*mine, c.type.in_(endpoint.events)]


def _require_enabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise EndpointDisabled


async def _ask_for_replay(
    connection: AsyncConnection, endpoint_id: EndpointId, *, behind: str, up_to: str
) -> None:
    """Keep the request; one that is under way starts over where this one reaches further back."""
    c = webhook_replays.c
    asked = upsert(webhook_replays).values(endpoint_id=endpoint_id, behind=behind, up_to=up_to)
    await connection.execute(
        asked.on_conflict_do_update(
            index_elements=[c.endpoint_id],
            set_={"behind": func.least(c.behind, asked.excluded.behind), "up_to": asked.excluded.up_to},
        )
    )


_ONE = select(webhook_deliveries).where(
    webhook_deliveries.c.delivery_id == bindparam("this_delivery"),
    webhook_deliveries.c.organization_id == bindparam("this_organization"),
)


async def _read_delivery(
    connection: AsyncConnection, organization_id: OrganizationId, delivery_id: DeliveryId
) -> Delivery:
    these = {"this_delivery": delivery_id, "this_organization": organization_id}
    row = (await connection.execute(_ONE, these)).mappings().one_or_none()
    if row is None:
        raise DeliveryNotFound
    return delivery_of(row)
