"""API tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.access import TokenScope
from domain.identity import OrganizationId, TokenId
from domain.ports.paging import Page, Window


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token as somebody asks for it."""

    name: str
    scope: TokenScope = TokenScope.FULL
    lifetime: timedelta | None = None
    """None is for ever."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token without its secret."""

    token_id: TokenId
    organization_id: OrganizationId
    name: str
    created_at: datetime
    scope: TokenScope = TokenScope.FULL
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class TokenStore(Protocol):
    """API tokens."""

    async def create(self, organization_id: OrganizationId, name: str, secret: str, now: datetime) -> Token:
        """Keep a token's hash, its organization too; the same secret again returns the token that has it."""

    async def issue(self, organization_id: OrganizationId, new: NewToken, now: datetime) -> tuple[Token, str]:
        """Make a token with a secret of its own, which is returned here and never again."""

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use (to the minute)."""

    async def list_tokens(
        self, window: Window, *, organization_id: OrganizationId | None = None
    ) -> Page[Token]:
        """Return all tokens, newest first; of one organization those that were not revoked."""

    async def revoke(
        self, token_id: TokenId, now: datetime, *, organization_id: OrganizationId | None = None
    ) -> bool:
        """Revoke a token, once; False when there is none of this id.

        For an organization there is none that is another's, or was revoked before.
        """
