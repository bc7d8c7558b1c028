"""Webhooks of a deployment in which nobody has an endpoint: nothing is written, due or posted."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from activities.webhooks import WebhookParts
from domain.identity import BatchId, EndpointId, EventId, OrganizationId
from domain.ports import AttemptOutcome
from domain.webhooks import ClaimedDelivery, DeliveryAttempt, DisabledReason, WebhookEvent


class NoEvents:
    """Implements WebhookOutbox."""

    async def unpublished(self, limit: int) -> Sequence[WebhookEvent]:
        return ()

    async def publish(
        self, bodies: Mapping[EventId, str], now: datetime, *, erased: Collection[EventId] = ()
    ) -> int:
        return 0

    async def replay_page(self, now: datetime, limit: int) -> bool:
        return False

    async def changed_diagnosis(self, batch_id: BatchId, diagnosis: str, tip: str, now: datetime) -> bool:
        return False

    async def undiagnosed(self, before: datetime, limit: int) -> Sequence[tuple[OrganizationId, BatchId]]:
        return ()


class NoDeliveries:
    """Implements WebhookQueue."""

    async def claim(
        self, places: Mapping[EndpointId, int], *, each: int, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[ClaimedDelivery]:
        return ()

    async def settle(
        self, outcomes: Sequence[AttemptOutcome], now: datetime
    ) -> Mapping[EndpointId, DisabledReason]:
        return {}

    async def fail_undeliverable(self, now: datetime, limit: int) -> int:
        return 0

    async def forget(self, now: datetime, limit: int) -> int:
        return 0


class NobodyToPostTo:
    """Implements WebhookSender."""

    async def send(self, claimed: ClaimedDelivery, now: datetime) -> DeliveryAttempt:
        raise AssertionError("nobody has an endpoint")


def no_webhooks(clock: Callable[[], datetime]) -> WebhookParts:
    """Return the parts of a deliverer that has nothing to do."""
    return WebhookParts(
        outbox=NoEvents(),
        queue=NoDeliveries(),
        sender=NobodyToPostTo(),
        write_body=_no_body,
        read_diagnosis=_no_diagnosis,
        clock=clock,
    )


def _no_body(event: WebhookEvent) -> str:
    raise AssertionError("there are no events")


async def _no_diagnosis(organization_id: OrganizationId, batch_id: BatchId, now: datetime) -> tuple[str, str]:
    raise AssertionError("nobody asked")
