"""Who may ask, and how often."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from api.assembly import install
from domain.campaign import Campaign, CampaignStatus
from domain.identity import OrganizationId
from domain.ports import Page, Token, Window
from tests.api.world import OTHER_SECRET, SECRET, World, a_campaign_body, a_problem, bearer, build_world
from tests.fakes import FakeCampaignStore, FakeTokenStore, Tables

UNAUTHORIZED = a_problem(401, "unauthorized", "Unauthorized", "Invalid or missing token")
FORBIDDEN = a_problem(403, "forbidden", "Forbidden", "Token does not belong to this organization")
PROTECTED = [
    ("POST", "/api/v1/campaigns"),
    ("POST", "/api/v1/campaigns/create"),
    ("GET", "/api/v1/campaigns/"),
    ("GET", "/api/v1/campaigns/cmp_1"),
    ("GET", "/api/v1/campaigns/cmp_1/batches"),
    ("POST", "/api/v1/batches/"),
    ("POST", "/api/v1/batches/upload"),
    ("GET", "/api/v1/batches?limit=0"),
    ("GET", "/api/v1/batches/btc_1"),
    ("GET", "/api/v1/batches/btc_1/contacts"),
    ("GET", "/api/v1/batches/btc_1/contacts/con_1"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_without_a_token_every_endpoint_answers_401_before_anything_else(
    world: World, method: str, path: str
) -> None:
    answer = await world.client.request(method, path, headers={"Authorization": ""}, content=b"{not json")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == UNAUTHORIZED
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("Basic Z2F0X2RlbW86", id="other scheme"),
        pytest.param(SECRET, id="no scheme"),
        pytest.param("Bearer", id="no secret"),
        pytest.param("Bearer demo", id="secret without its mark"),
        pytest.param("Bearer gat_unknown", id="unknown secret"),
        pytest.param(f"Bearer {SECRET} {SECRET}", id="two secrets"),
    ],
)
async def test_malformed_or_unknown_token_is_refused(world: World, authorization: str) -> None:
    answer = await world.client.get("/api/v1/campaigns/", headers={"Authorization": authorization})

    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


async def test_scheme_is_read_in_any_case(world: World) -> None:
    answer = await world.client.get("/api/v1/campaigns/", headers={"Authorization": f"bearer {SECRET}"})

    assert answer.status_code == 200


async def test_revoked_token_is_refused_from_the_next_request_on(world: World) -> None:
    token = await world.tokens.authenticate(SECRET, world.clock())
    assert token is not None
    await world.tokens.revoke(token.token_id, world.clock())

    answer = await world.client.get("/api/v1/campaigns/")

    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


class _SlowTokens:
    """Takes its time to look at a token, and counts how often it does."""

    def __init__(self, tokens: FakeTokenStore) -> None:
        self._tokens = tokens
        self.looks = 0
        self.is_looking = asyncio.Event()

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Look at a token as it is when the look begins."""
        self.looks += 1
        found = await self._tokens.authenticate(secret, now)
        self.is_looking.set()
        await asyncio.sleep(0.02)
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._tokens, name)


def with_slow_tokens(world: World) -> _SlowTokens:
    slow = _SlowTokens(world.tokens)
    install(world.app, replace(world.parts, tokens=slow))  # type: ignore[arg-type]  # passes the rest on
    return slow


async def test_requests_at_the_same_time_share_a_look_at_their_token(world: World) -> None:
    slow = with_slow_tokens(world)

    answers = await asyncio.gather(*(world.client.get("/api/v1/campaigns/") for _ in range(20)))

    assert {each.status_code for each in answers} == {200}
    assert slow.looks <= 2


async def test_request_after_a_revocation_shares_no_look_that_began_before_it(world: World) -> None:
    slow = with_slow_tokens(world)
    early = asyncio.create_task(world.client.get("/api/v1/campaigns/"))
    await slow.is_looking.wait()
    token = await world.tokens.authenticate(SECRET, world.clock())
    assert token is not None
    await world.tokens.revoke(token.token_id, world.clock())

    late = await world.client.get("/api/v1/campaigns/")

    assert ((await early).status_code, late.status_code) == (200, 401)


async def test_different_tokens_are_looked_at_on_their_own(world: World) -> None:
    with_slow_tokens(world)

    mine, unknown = await asyncio.gather(
        world.client.get("/api/v1/campaigns/"),
        world.client.get("/api/v1/campaigns/", headers={"Authorization": "Bearer gat_unknown"}),
    )

    assert (mine.status_code, unknown.status_code) == (200, 401)


@pytest.mark.parametrize("path", ["/api/v1/campaigns", "/api/v1/batches/"])
async def test_naming_another_organization_in_a_filter_is_forbidden(world: World, path: str) -> None:
    own = await world.client.get(path, params={"organization_id": "org_demo"})
    foreign = await world.client.get(path, params={"organization_id": "org_other"})

    assert own.status_code == 200
    assert (foreign.status_code, foreign.json()) == (403, FORBIDDEN)


async def test_naming_another_organization_in_a_body_is_forbidden_and_stores_nothing(world: World) -> None:
    body = a_campaign_body(organization_id="org_other")

    answer = await world.client.post("/api/v1/campaigns/", json=body)

    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert not world.tables.campaigns


async def test_object_of_another_organization_is_byte_for_byte_like_one_that_does_not_exist(
    world: World,
) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    contact = world.tables.contacts_of(batch["batch_id"])[0]
    paths = [
        (f"/campaigns/{campaign['campaign_id']}", "/campaigns/cmp_none"),
        (f"/campaigns/{campaign['campaign_id']}/batches", "/campaigns/cmp_none/batches"),
        (f"/batches/{batch['batch_id']}", "/batches/btc_none"),
        (f"/batches/{batch['batch_id']}/contacts", "/batches/btc_none/contacts"),
        (
            f"/batches/{batch['batch_id']}/contacts/{contact.contact_id}",
            f"/batches/btc_none/contacts/{contact.contact_id}",
        ),
    ]
    for foreign, missing in paths:
        one = await world.client.get("/api/v1" + foreign, headers=bearer(OTHER_SECRET))
        other = await world.client.get("/api/v1" + missing, headers=bearer(OTHER_SECRET))

        assert one.status_code == 404
        assert (one.content, one.headers) == (other.content, other.headers)


async def test_rate_limit_is_counted_per_token_and_lifted_after_a_minute() -> None:
    world = await build_world(rate_limit_per_minute=2)
    async with world.client as client:
        for _ in range(2):
            assert (await client.get("/api/v1/campaigns/")).status_code == 200
        world.clock.pass_time(timedelta(seconds=20))
        limited = await client.post("/api/v1/campaigns/", content=b"{not json")
        other = await client.get("/api/v1/campaigns/", headers=bearer(OTHER_SECRET))
        world.clock.pass_time(timedelta(seconds=40))
        later = await client.get("/api/v1/campaigns/")

    assert limited.json() == a_problem(429, "rate-limited", "Too Many Requests", "Rate limit exceeded")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "40")
    assert (other.status_code, later.status_code) == (200, 200)


class _SlowCampaigns(FakeCampaignStore):
    """Lists campaigns once it is told to."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.goes_on = asyncio.Event()

    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        await self.goes_on.wait()
        return await super().list_campaigns(organization_id, statuses, window)


async def test_token_has_so_many_requests_at_once_and_others_have_theirs() -> None:
    world = await build_world(requests_per_token=2)
    campaigns = _SlowCampaigns(world.tables)
    install(world.app, replace(world.parts, campaigns=campaigns))

    async def ask(secret: str, path: str = "/api/v1/campaigns") -> httpx.Response:
        return await world.client.get(path, headers=bearer(secret))

    held = [asyncio.create_task(ask(SECRET)) for _ in range(2)]
    await asyncio.sleep(0.05)
    refused = await ask(SECRET, "/api/v1/batches")
    other = await ask(OTHER_SECRET, "/api/v1/batches")
    campaigns.goes_on.set()
    answers = await asyncio.gather(*held)
    again = await ask(SECRET)
    await world.client.aclose()

    expected = a_problem(429, "rate-limited", "Too Many Requests", "Rate limit exceeded")
    assert (refused.status_code, refused.json(), refused.headers["retry-after"]) == (429, expected, "1")
    assert [each.status_code for each in (*answers, other, again)] == [200, 200, 200, 200]


async def test_place_of_a_request_that_is_refused_or_fails_is_free_again() -> None:
    world = await build_world(requests_per_token=1)
    install(world.app, replace(world.parts, campaigns=_BrokenCampaigns(world.tables)))

    paths = ["/api/v1/batches?limit=0", "/api/v1/campaigns", "/api/v1/batches/btc_1", "/api/v1/batches"]
    answers = [await world.client.get(path) for path in paths]
    await world.client.aclose()

    assert [each.status_code for each in answers] == [422, 500, 404, 200]


class _BrokenCampaigns(FakeCampaignStore):
    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        raise ZeroDivisionError
