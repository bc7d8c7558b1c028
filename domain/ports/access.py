"""API tokens."""

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
    """API tokens."""

    async def create(self, organization_id: OrganizationId, name: str, secret: str, now: datetime) -> Token:
        """Keep a token's hash, its organization too; the same secret again returns the token that has it."""

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use (to the minute)."""

    async def list_tokens(self, window: Window) -> Page[Token]:
        """Return all tokens, newest first."""

    async def revoke(self, token_id: TokenId, now: datetime) -> bool:
        """Revoke a token; False when there is none of this id."""
