"""Tokens in memory."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.identity import TOKEN_PREFIX, OrganizationId, TokenId
from domain.ports import Page, Token, Window
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

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use."""
        self._tables.require_up()
        token = self._by_secret.get(secret)
        if token is None or token.revoked_at is not None:
            return None
        if token.last_used_at is None or now - token.last_used_at >= _USE_NOTED_EVERY:
            self._by_secret[secret] = token = replace(token, last_used_at=now)
        return token

    async def list_tokens(self, window: Window) -> Page[Token]:
        """Return all tokens, newest first."""
        self._tables.require_up()
        tokens = self._by_secret.values()
        return page_of(newest_first(tokens, lambda each: (each.created_at, each.token_id)), window)

    async def revoke(self, token_id: TokenId, now: datetime) -> bool:
        """Revoke a token, once; False when there is none of this id."""
        self._tables.require_up()
        for secret, token in self._by_secret.items():
            if token.token_id == token_id:
                self._by_secret[secret] = replace(token, revoked_at=token.revoked_at or now)
                return True
        return False
