"""Webhooks out: what the API asks of them, and what their deliverer does."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.identity import BatchId, DeliveryId, EndpointId, EventId, OrganizationId
from domain.ports.paging import Page, Window
from domain.webhooks import (
    ClaimedDelivery,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    EventType,
    NewWebhookEndpoint,
    Verdict,
    WebhookEndpoint,
    WebhookEvent,
)


class WebhookEndpointStore(Protocol):
    """Where organizations want their events posted; secrets are written and never read back."""

    async def create(
        self, organization_id: OrganizationId, new: NewWebhookEndpoint, secret: str, now: datetime
    ) -> WebhookEndpoint:
        """Keep an endpoint. Raises TooManyEndpoints."""

    async def list_endpoints(self, organization_id: OrganizationId, window: Window) -> Page[WebhookEndpoint]:
        """Return endpoints, newest first."""

    async def get(self, organization_id: OrganizationId, endpoint_id: EndpointId) -> WebhookEndpoint:
        """Raises EndpointNotFound."""

    async def change(
        self,
        organization_id: OrganizationId,
        endpoint_id: EndpointId,
        change: Mapping[str, object],
        now: datetime,
    ) -> WebhookEndpoint:
        """Give fields of `NewWebhookEndpoint` new values; to enable it forgets its failures.

        Raises EndpointNotFound.
        """

    async def delete(self, organization_id: OrganizationId, endpoint_id: EndpointId, now: datetime) -> None:
        """Post nothing there any more. Raises EndpointNotFound."""

    async def rotate_secret(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, secret: str, now: datetime
    ) -> datetime:
        """Sign with another secret; returns until when the former ones sign beside it.

        Raises EndpointNotFound.
        """


@dataclass(frozen=True, kw_only=True)
class DeliveryBacklog:
    """Deliveries by state: those that wait, and the others of the last hour."""

    by_state: Mapping[DeliveryState, int]
    oldest_at: datetime | None
    """When the oldest of what waits was made, events without deliveries included."""


class WebhookDeliveryStore(Protocol):
    """Deliveries as their organizations see them."""

    async def test(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, body: str, now: datetime
    ) -> DeliveryId:
        """Have an `endpoint.test` delivered, whatever the endpoint subscribes to. Raises EndpointNotFound."""

    async def replay_since(
        self, organization_id: OrganizationId, endpoint_id: EndpointId, since: datetime, now: datetime
    ) -> int:
        """Have every kept event since then delivered again; returns how many they are.

        Only those that the endpoint subscribes to. Raises EndpointNotFound, EndpointDisabled.
        """

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

    async def get(self, organization_id: OrganizationId, delivery_id: DeliveryId) -> Delivery:
        """Raises DeliveryNotFound."""

    async def replay(
        self, organization_id: OrganizationId, delivery_id: DeliveryId, now: datetime
    ) -> Delivery:
        """Have one event delivered again. Raises DeliveryNotFound, EndpointNotFound, EndpointDisabled."""

    async def backlog(self, now: datetime) -> DeliveryBacklog:
        """Return how far deliveries are behind, in the whole database."""


class WebhookOutbox(Protocol):
    """Events on their way from the transaction that wrote them to their deliveries."""

    async def unpublished(self, limit: int) -> Sequence[WebhookEvent]:
        """Return events without deliveries, oldest first."""

    async def publish(
        self, bodies: Mapping[EventId, str], now: datetime, *, erased: Collection[EventId] = ()
    ) -> int:
        """Keep the bodies and make a delivery for every endpoint that wants them, each once.

        `erased` are those whose bodies say nothing of the person; of one that was erased since, the body is
        not kept, and its event is unpublished still. Returns how many deliveries were made.
        """

    async def replay_page(self, now: datetime, limit: int) -> bool:
        """Have some events delivered again that were asked for; False when nothing is left."""

    async def changed_diagnosis(self, batch_id: BatchId, diagnosis: str, tip: str, now: datetime) -> bool:
        """Keep a batch's diagnosis; writes an event and returns True when it was another one before."""

    async def undiagnosed(self, before: datetime, limit: int) -> Sequence[tuple[OrganizationId, BatchId]]:
        """Return unfinished batches that were not looked at since, where an endpoint subscribes to it."""


@dataclass(frozen=True, kw_only=True)
class AttemptOutcome:
    """An attempt, and what follows from it."""

    claimed: ClaimedDelivery
    attempt: DeliveryAttempt
    verdict: Verdict


class WebhookQueue(Protocol):
    """Deliveries that are due; a claim that nobody settles lapses."""

    async def claim(
        self, places: Mapping[EndpointId, int], *, each: int, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[ClaimedDelivery]:
        """Take due deliveries, for each endpoint as many as it has `places`, or `each`, in all `limit`."""

    async def settle(
        self, outcomes: Sequence[AttemptOutcome], now: datetime
    ) -> Mapping[EndpointId, DisabledReason]:
        """Keep what came of attempts; returns endpoints that were disabled for it."""

    async def fail_undeliverable(self, now: datetime, limit: int) -> int:
        """Fail pending deliveries of endpoints that are disabled or gone; returns how many."""

    async def forget(self, now: datetime, limit: int) -> int:
        """Delete what is older than it is kept; returns how many rows."""


class WebhookSender(Protocol):
    """The way to clients' receivers."""

    async def send(self, claimed: ClaimedDelivery, now: datetime) -> DeliveryAttempt:
        """Sign and post once; whatever goes wrong is the attempt's error."""


ReadDiagnosis = Callable[[OrganizationId, BatchId, datetime], Awaitable[tuple[str, str]]]
"""Return the diagnosis of a batch and its tip. Raises BatchNotFound, TechnicalError."""
