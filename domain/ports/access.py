"""Who may use the API, and which of its requests were made before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.identity import OrganizationId, TokenId
from domain.ports.paging import Page, Window


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token without its secret."""

    token_id: TokenId
    organization_id: OrganizationId
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class TokenStore(Protocol):
    """Who may use the API."""

    async def create(self, organization_id: OrganizationId, name: str, secret: str, now: datetime) -> Token:
        """Keep a token's hash, its organization too; the same secret again returns the token that has it."""

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use (to the minute)."""

    async def list_tokens(self, window: Window) -> Page[Token]:
        """Return all tokens, newest first."""

    async def revoke(self, token_id: TokenId, now: datetime) -> bool:
        """Revoke a token; False when there is none of this id."""


@dataclass(frozen=True)
class FirstUse:
    """The key is ours now: do the work, then `keep` or `release` it."""


@dataclass(frozen=True)
class Replay:
    """The same request was answered before, with this JSON text."""

    body: str


@dataclass(frozen=True)
class InProgress:
    """Another request with this key has not finished."""


@dataclass(frozen=True)
class Mismatch:
    """The key was used for another body."""


KeyUse = FirstUse | Replay | InProgress | Mismatch


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """A client's name for one request, scoped to organization and kind of resource."""

    organization_id: OrganizationId
    kind: str
    key: str


class IdempotencyStore(Protocol):
    """Remembers requests for 24 hours after their success."""

    async def begin(self, key: IdempotencyKey, fingerprint: str, now: datetime) -> KeyUse:
        """Claim a key for a body with this fingerprint.

        A claim left behind by a crash lapses after a minute.
        """

    async def keep(self, key: IdempotencyKey, body: str, now: datetime) -> None:
        """Keep the answer of a finished request."""

    async def release(self, key: IdempotencyKey) -> None:
        """Forget a request that failed."""
