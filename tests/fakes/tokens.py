"""Tokens in memory."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.access import TOKEN_MARK
from domain.identity import TOKEN_PREFIX, OrganizationId, TokenId
from domain.ports import NewToken, Page, Token, Window
from tests.fakes.tables import Tables, newest_first, page_of

_USE_NOTED_EVERY = timedelta(minutes=1)


class FakeTokenStore:
    """Implements TokenStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._by_secret: dict[str, Token] = {}

    async def create(self, organization_id: OrganizationId, name: str, secret: str, now: datetime) -> Token:
        """Keep a token; the same secret again returns the token that has it."""
        self._tables.require_up()
        if secret not in self._by_secret:
            self._by_secret[secret] = Token(
                token_id=TokenId(self._tables.mint(TOKEN_PREFIX)),
                organization_id=organization_id,
                name=name,
                created_at=now,
            )
        return self._by_secret[secret]

    async def issue(self, organization_id: OrganizationId, new: NewToken, now: datetime) -> tuple[Token, str]:
        """Make a token with a secret of its own."""
        secret = self._tables.mint(TOKEN_MARK)
        made = await self.create(organization_id, new.name, secret, now)
        ends_at = None if new.lifetime is None else now + new.lifetime
        self._by_secret[secret] = token = replace(made, scope=new.scope, expires_at=ends_at)
        return token, secret

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use."""
        self._tables.require_up()
        token = self._by_secret.get(secret)
        if token is None or token.revoked_at is not None or token.has_expired(now):
            return None
        if token.last_used_at is None or now - token.last_used_at >= _USE_NOTED_EVERY:
            self._by_secret[secret] = token = replace(token, last_used_at=now)
        return token

    async def list_tokens(
        self, window: Window, *, organization_id: OrganizationId | None = None
    ) -> Page[Token]:
        """Return all tokens, newest first; of one organization those that were not revoked."""
        self._tables.require_up()
        tokens = [each for each in self._by_secret.values() if _is_among(each, organization_id)]
        return page_of(newest_first(tokens, lambda each: (each.created_at, each.token_id)), window)

    async def revoke(
        self, token_id: TokenId, now: datetime, *, organization_id: OrganizationId | None = None
    ) -> bool:
        """Revoke a token, once; False when there is none of this id, or for an organization no live one."""
        self._tables.require_up()
        for secret, token in self._by_secret.items():
            if token.token_id == token_id and _is_among(token, organization_id):
                self._by_secret[secret] = replace(token, revoked_at=token.revoked_at or now)
                return True
        return False


def _is_among(token: Token, organization_id: OrganizationId | None) -> bool:
    if organization_id is None:
        return True
    return token.organization_id == organization_id and token.revoked_at is None
