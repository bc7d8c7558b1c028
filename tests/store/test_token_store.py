"""A token is known by its hash alone."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.access import TokenScope
from domain.identity import OrganizationId, TokenId
from domain.ports import NewToken, Page, Token, TokenStore, Window
from store.access.tokens import PostgresTokenStore
from store.database.engine import transaction
from store.database.ids import mint
from store.schema.tables import tokens
from tests.builders import MONDAY_NOON, ORGANIZATION

pytestmark = pytest.mark.store

SECRET = "gat_secret"


@pytest.fixture
def store(store_engine: AsyncEngine) -> TokenStore:
    return PostgresTokenStore(store_engine, mint)


async def test_token_is_returned_without_its_secret(store: TokenStore) -> None:
    token = await store.create(ORGANIZATION, "laptop", SECRET, MONDAY_NOON)
    assert token == Token(
        token_id=token.token_id, organization_id=ORGANIZATION, name="laptop", created_at=MONDAY_NOON
    )


async def test_secret_is_nowhere_in_the_database(store: TokenStore, store_engine: AsyncEngine) -> None:
    await store.create(ORGANIZATION, "laptop", SECRET, MONDAY_NOON)
    async with transaction(store_engine) as connection:
        row = (await connection.execute(select(tokens))).one()
    assert SECRET not in repr(row)


async def test_same_secret_again_returns_the_token_that_has_it(store: TokenStore) -> None:
    token = await store.create(ORGANIZATION, "laptop", SECRET, MONDAY_NOON)
    again = await store.create(OrganizationId("org_other"), "phone", SECRET, MONDAY_NOON + timedelta(days=1))
    assert again == token


async def test_use_is_noted_to_the_minute(store: TokenStore) -> None:
    await store.create(ORGANIZATION, "laptop", SECRET, MONDAY_NOON)
    uses = [timedelta(0), timedelta(seconds=59), timedelta(seconds=60)]
    noted = []
    for use in uses:
        token = await store.authenticate(SECRET, MONDAY_NOON + use)
        assert token is not None
        noted.append(token.last_used_at)
    assert noted == [MONDAY_NOON, MONDAY_NOON, MONDAY_NOON + timedelta(seconds=60)]


async def test_unknown_secret_is_nobodys(store: TokenStore) -> None:
    assert await store.authenticate("gat_unknown", MONDAY_NOON) is None


async def test_revoked_token_no_longer_authenticates(store: TokenStore) -> None:
    token = await store.create(ORGANIZATION, "laptop", SECRET, MONDAY_NOON)
    assert await store.revoke(token.token_id, MONDAY_NOON)
    assert await store.authenticate(SECRET, MONDAY_NOON) is None
    assert await store.revoke(token.token_id, MONDAY_NOON + timedelta(days=1))
    (listed,) = (await store.list_tokens(Window())).items
    assert listed.revoked_at == MONDAY_NOON


async def test_issued_token_has_a_secret_of_its_own_and_authenticates_until_it_expires(
    store: TokenStore,
) -> None:
    new = NewToken(name="agent", scope=TokenScope.AGENT, lifetime=timedelta(hours=12))
    token, secret = await store.issue(ORGANIZATION, new, MONDAY_NOON)
    _, another = await store.issue(ORGANIZATION, new, MONDAY_NOON)
    ends_at = MONDAY_NOON + timedelta(hours=12)

    shown = await store.authenticate(secret, ends_at - timedelta(seconds=1))

    assert (token.scope, token.expires_at) == (TokenScope.AGENT, ends_at)
    assert shown is not None
    assert shown.token_id == token.token_id
    assert await store.authenticate(secret, ends_at) is None
    assert secret != another


async def test_organization_lists_and_revokes_its_own_live_tokens(store: TokenStore) -> None:
    mine, _ = await store.issue(ORGANIZATION, NewToken(name="mine"), MONDAY_NOON)
    gone, _ = await store.issue(ORGANIZATION, NewToken(name="gone"), MONDAY_NOON)
    foreign, _ = await store.issue(OrganizationId("org_other"), NewToken(name="foreign"), MONDAY_NOON)

    revoked = [
        await store.revoke(each.token_id, MONDAY_NOON, organization_id=ORGANIZATION)
        for each in (gone, gone, foreign)
    ]

    assert revoked == [True, False, False]
    assert await store.list_tokens(Window(), organization_id=ORGANIZATION) == Page(items=[mine], total=1)


async def test_revoking_nothing_says_so(store: TokenStore) -> None:
    assert not await store.revoke(TokenId("tok_nothing"), MONDAY_NOON)


async def test_tokens_are_listed_newest_first(store: TokenStore) -> None:
    kept = [await store.create(ORGANIZATION, name, f"gat_{name}", MONDAY_NOON) for name in "abc"]
    assert await store.list_tokens(Window(skip=1, limit=1)) == Page(items=[kept[1]], total=3)
    assert (await store.list_tokens(Window())).items == kept[::-1]
