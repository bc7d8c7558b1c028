"""API tokens, kept straight in the database: the operator's way, and the embedded stack's."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from domain.audit import COMMAND_LINE
from domain.identity import OrganizationId, TokenId
from domain.ports import NewToken, Token, Window
from store.access.tokens import PostgresTokenStore
from store.audit.recording import act_as
from store.database.engine import create_store_engine
from store.database.ids import mint

_LISTED = 1000


def register_token(database_url: str, organization_id: OrganizationId, secret: str) -> None:
    """Make the API accept `secret` for the organization; a second time changes nothing."""

    async def register() -> None:
        async with _tokens(database_url) as tokens:
            await tokens.create(organization_id, "bootstrap", secret, datetime.now(UTC))

    asyncio.run(register())


def create_token(database_url: str, organization_id: OrganizationId, new: NewToken) -> tuple[Token, str]:
    """Return a fresh token and its secret, which nobody can read again."""

    async def create() -> tuple[Token, str]:
        async with _tokens(database_url) as tokens:
            return await tokens.issue(organization_id, new, datetime.now(UTC))

    return asyncio.run(create())


def list_tokens(database_url: str) -> Sequence[Token]:
    """Return every token, newest first."""

    async def fetch() -> Sequence[Token]:
        found: list[Token] = []
        async with _tokens(database_url) as tokens:
            while True:
                page = await tokens.list_tokens(Window(skip=len(found), limit=_LISTED))
                found += page.items
                if not page.items or len(found) >= page.total:
                    return found

    return asyncio.run(fetch())


def revoke_token(database_url: str, token_id: TokenId) -> bool:
    """Make a token worthless; False when there is none of this id."""

    async def revoke() -> bool:
        async with _tokens(database_url) as tokens:
            return await tokens.revoke(token_id, datetime.now(UTC))

    return asyncio.run(revoke())


@asynccontextmanager
async def _tokens(database_url: str) -> AsyncIterator[PostgresTokenStore]:
    act_as(COMMAND_LINE)
    engine = create_store_engine(database_url, pool_size=1)
    try:
        yield PostgresTokenStore(engine, mint)
    finally:
        await engine.dispose()
