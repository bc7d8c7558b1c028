"""What a token of each scope may ask: every route of the API's own description, no more and no less."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import httpx
import pytest

from api.http.scopes import opens
from domain.access import TokenScope
from domain.ports import NewToken
from tests.api.world import ORGANIZATION, World, a_problem, bearer, build_world

REFUSED = a_problem(403, "forbidden", "Forbidden", "Token does not allow this")
TOKENLESS = ("/healthz", "/readyz", "/metrics", "/webhooks/")
IDS = {"campaign_id": "cmp_1", "batch_id": "btc_1", "contact_id": "con_1", "suppression_id": "sup_1"}
OF_AGENTS = {
    ("GET", "/api/v1/executions/{execution_id}"),
    ("POST", "/api/v1/executions/{execution_id}/disposition"),
}

Route = tuple[str, str]


@pytest.fixture(scope="module")
async def scoped() -> AsyncIterator[tuple[World, Mapping[TokenScope, str]]]:
    """One API for all routes, and the secret of a token of each scope."""
    world = await build_world()
    secrets = {
        scope: (await world.tokens.issue(ORGANIZATION, NewToken(name=scope, scope=scope), world.clock()))[1]
        for scope in TokenScope
    }
    async with world.client:
        yield world, secrets


async def routes_of(world: World) -> list[Route]:
    paths = (await world.client.get("/openapi.json")).json()["paths"]
    return [
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if not any(each in path for each in TOKENLESS)
    ]


async def ask(world: World, route: Route, secret: str) -> httpx.Response:
    """Ask for something that does not exist, with a body that cannot be read."""
    method, path = route
    names = {name.strip("{}"): "none" for name in path.split("/") if name.startswith("{")}
    return await world.client.request(
        method, path.format(**names | IDS), headers=bearer(secret), content=b"{not json"
    )


def is_open(scope: TokenScope, route: Route) -> bool:
    """Tell what the contract says, in its own words."""
    method, path = route
    match scope:
        case TokenScope.FULL:
            return True
        case TokenScope.READ:
            return method == "GET" and not path.startswith("/api/v1/tokens")
        case TokenScope.AGENT:
            return route in OF_AGENTS


@pytest.mark.parametrize("scope", TokenScope)
async def test_exactly_the_allowed_routes_pass_and_the_others_are_refused_before_anything_else(
    scoped: tuple[World, Mapping[TokenScope, str]], scope: TokenScope
) -> None:
    world, secrets = scoped
    routes = await routes_of(world)

    for route in routes:
        answer = await ask(world, route, secrets[scope])
        if is_open(scope, route):
            assert answer.status_code not in (401, 403), route
        else:
            assert (answer.status_code, answer.json()) == (403, REFUSED), route

    assert len(routes) > 25


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        pytest.param(TokenScope.READ, "/api/v1/campaigns", 200, id="collection without slash"),
        pytest.param(TokenScope.READ, "/api/v1/campaigns/", 200, id="collection with slash"),
        pytest.param(TokenScope.READ, "/api/v1/tokens/", 403, id="tokens with slash"),
        pytest.param(TokenScope.AGENT, "/api/v1/campaigns/", 403, id="agent"),
    ],
)
async def test_head_and_a_slash_at_the_end_open_what_get_opens(
    scoped: tuple[World, Mapping[TokenScope, str]], scope: TokenScope, path: str, status: int
) -> None:
    world, secrets = scoped

    read = await world.client.get(path, headers=bearer(secrets[scope]))
    head = await world.client.head(path, headers=bearer(secrets[scope]))

    assert (read.status_code, head.status_code) == (status, status)


@pytest.mark.parametrize(
    "route", [("GET", "/api/v1/anything"), ("POST", "/api/v1/executions/{execution_id}")]
)
def test_route_that_nobody_named_is_closed_to_agents(route: Route) -> None:
    assert not opens(TokenScope.AGENT, *route)


@pytest.mark.parametrize("route", sorted(OF_AGENTS))
def test_agents_are_let_in_to_what_concerns_their_call(route: Route) -> None:
    assert opens(TokenScope.AGENT, *route)


async def test_token_is_401_from_the_instant_at_which_it_expires(world: World) -> None:
    new = NewToken(name="short", lifetime=timedelta(seconds=60))
    _, secret = await world.tokens.issue(ORGANIZATION, new, world.clock())

    async def status() -> int:
        return (await world.client.get("/api/v1/campaigns", headers=bearer(secret))).status_code

    world.clock.pass_time(timedelta(seconds=59))
    before = await status()
    world.clock.pass_time(timedelta(seconds=1))

    assert (before, await status()) == (200, 401)
