"""Webhooks out: events, the endpoints an organization has them posted to, and when a post is repeated."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from domain.batch import Batch
from domain.call import CallRecord
from domain.campaign import Campaign
from domain.contact import Contact
from domain.identity import BatchId, DeliveryId, EndpointId, EventId, OrganizationId

MAX_ENDPOINTS = 20
"""Of one organization."""
MAX_URL = 2048
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
KEPT_FOR = timedelta(days=30)
"""How long events and deliveries can be listed and replayed."""

FIRST_WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
)
LATER_WAIT = timedelta(hours=8)
SPREAD = 0.2
"""A wait is up to this share shorter or longer, so that deliveries of one outage do not come back at once."""
TRIED_FOR = timedelta(days=3)
GONE = 410
"""The status by which a receiver says that it wants nothing any more."""
MAX_ATTEMPTS_KEPT = 50
"""Of one delivery; replays add to them."""


class EventType(StrEnum):
    """What an event tells; wire values of `type`."""

    BATCH_STARTED = "batch.started"
    BATCH_PAUSED = "batch.paused"
    BATCH_RESUMED = "batch.resumed"
    BATCH_COMPLETED = "batch.completed"
    BATCH_CANCELLED = "batch.cancelled"
    BATCH_EXPIRED = "batch.expired"
    CONTACT_FINISHED = "contact.finished"
    CALL_ENDED = "call.ended"
    CALL_DISPOSITION = "call.disposition"
    DIAGNOSIS_CHANGED = "diagnosis.changed"
    ENDPOINT_TEST = "endpoint.test"


class DeliveryState(StrEnum):
    """Where a delivery stands; wire values of `state`."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DisabledReason(StrEnum):
    """Why Apollo disabled an endpoint by itself."""

    GONE = "gone"
    """Its receiver answered 410."""
    FAILING = "failing"
    """It took nothing for three days."""


@dataclass(frozen=True, kw_only=True)
class NewWebhookEndpoint:
    """Where an organization wants its events posted."""

    url: str
    events: tuple[EventType, ...] | None = None
    """None is every event, also of types to come."""
    description: str | None = None
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint:
    """An endpoint as it is kept, without its secrets."""

    endpoint_id: EndpointId
    organization_id: OrganizationId
    url: str
    events: tuple[EventType, ...] | None = None
    description: str | None = None
    enabled: bool = True
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None
    """The first failure since its last success."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """One post of an event, and what came of it."""

    at: datetime
    status: int | None = None
    """The answer's, None without an answer."""
    milliseconds: int
    answer: str | None = None
    """Its first kilobyte."""
    error: str | None = None
    """Why there is no answer."""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == GONE


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint."""

    delivery_id: DeliveryId
    organization_id: OrganizationId
    endpoint_id: EndpointId
    event_id: EventId
    type: EventType
    state: DeliveryState = DeliveryState.PENDING
    attempts: tuple[DeliveryAttempt, ...] = ()
    next_attempt_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class BatchNews:
    """A batch as it stood at the event."""

    batch: Batch
    campaign: Campaign


@dataclass(frozen=True, kw_only=True)
class ContactNews:
    """A contact as it stood at the event, with its newest call, its batch and campaign."""

    contact: Contact
    batch: Batch
    campaign: Campaign
    current_call: CallRecord | None


@dataclass(frozen=True, kw_only=True)
class CallNews:
    """A call as it stood at the event, its contact and campaign."""

    call: CallRecord
    contact: Contact
    campaign: Campaign


@dataclass(frozen=True, kw_only=True)
class DiagnosisNews:
    """What a batch's diagnosis became."""

    batch_id: BatchId
    diagnosis: str
    tip: str


News = BatchNews | ContactNews | CallNews | DiagnosisNews


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """An event whose body is not written yet."""

    event_id: EventId
    type: EventType
    occurred_at: datetime
    news: News
    is_erased: bool = False
    """The person it tells of was erased, and `news` says nothing of them."""


@dataclass(frozen=True, kw_only=True)
class ClaimedDelivery:
    """A delivery that one deliverer may attempt now, and all that it takes."""

    delivery_id: DeliveryId
    endpoint_id: EndpointId
    event_id: EventId
    url: str
    body: str
    secrets: tuple[str, ...]
    """Each of them signs, the newest first."""
    attempts_made: int = 0
    """Since it was made, or replayed last."""
    first_attempt_at: datetime | None = None
    """Of these."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an attempt makes of its delivery and its endpoint."""

    state: DeliveryState
    due_at: datetime | None
    gives_up: bool = False
    """Three days were spent in vain."""


def judged(claimed: ClaimedDelivery, attempt: DeliveryAttempt, now: datetime, draw: float) -> Verdict:
    """Return what follows an attempt that ended `now`; `draw` in [0, 1) spreads the wait."""
    if attempt.is_success:
        return Verdict(state=DeliveryState.DELIVERED, due_at=None)
    if attempt.is_gone:
        return Verdict(state=DeliveryState.FAILED, due_at=None)
    last_at = (claimed.first_attempt_at or attempt.at) + TRIED_FOR
    if now >= last_at:
        return Verdict(state=DeliveryState.FAILED, due_at=None, gives_up=True)
    made = claimed.attempts_made
    wait = FIRST_WAITS[made] if made < len(FIRST_WAITS) else LATER_WAIT
    spread = wait * (1 - SPREAD + 2 * SPREAD * draw)
    return Verdict(state=DeliveryState.PENDING, due_at=min(now + spread, last_at))


def flaw_of_url(url: str) -> str | None:
    """Return what must be changed of an endpoint's address, None when nothing."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"URL is limited to {MAX_URL:,} printable ASCII characters without blanks"
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "Not a URL"
    if parts.scheme not in ("https", "http") or not is_complete:
        return "URL must begin with https:// and name a host"
    return _flaw_of_parts(parts, url)


def _flaw_of_parts(parts: SplitResult, url: str) -> str | None:
    if "@" in parts.netloc:
        return "URL must not hold credentials; verify the signature instead"
    if "#" in url:
        return "URL must not have a fragment"
    if parts.scheme == "http" and not may_be_loopback(parts.hostname or ""):
        return "URL must begin with https://; http is for localhost and loopback addresses alone"
    return None


def may_be_loopback(host: str) -> bool:
    """Tell whether a host is `localhost` or a loopback address, which may be posted to on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
