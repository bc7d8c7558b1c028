"""What the front door is made of: ports and a few settings, handed in by the composition root or a test."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ports import (
    BatchEngine,
    BatchStore,
    CallStore,
    CampaignStore,
    ContactStore,
    IdempotencyStore,
    TokenStore,
    WebhookTranslator,
)

Clock = Callable[[], datetime]


class VerifySignature(Protocol):
    """Check who sent a webhook. Raises InvalidSignature, UnsignedWebhook."""

    def __call__(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None: ...


@dataclass(frozen=True, kw_only=True)
class ApiParts:
    """Everything the API reaches beyond itself."""

    campaigns: CampaignStore
    batches: BatchStore
    contacts: ContactStore
    calls: CallStore
    tokens: TokenStore
    idempotency: IdempotencyStore
    engine: BatchEngine
    translate_webhook: WebhookTranslator
    verify_signature: VerifySignature
    ping_database: Callable[[], Awaitable[None]]
    """Return when the database answers. Raises StoreUnavailable."""
    clock: Clock
    rate_limit_per_minute: int = 0
    """Requests per token and minute; 0 is off."""
