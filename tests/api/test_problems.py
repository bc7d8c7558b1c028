"""Every error has a place in the table, and every wrong path or method an answer of its own."""

import httpx
import pytest
from structlog.testing import capture_logs

from api.http.problems import KIND_OF
from domain.campaign import Campaign
from domain.errors import ApolloError
from tests.api.world import SECRET, World, a_problem, bearer

NOT_FOUND = a_problem(404, "not-found", "Not Found", "Not Found")


def _leaves(error: type[ApolloError]) -> list[type[ApolloError]]:
    children = [each for child in error.__subclasses__() for each in _leaves(child)]
    return children or [error]


def test_every_leaf_of_the_error_tree_is_mapped() -> None:
    unmapped = [each.__name__ for each in _leaves(ApolloError) if not {*each.__mro__} & {*KIND_OF}]

    assert unmapped == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1",
        "/api/v1/nothing",
        "/healthz/",
        "/docs/",
        "/webhooks/call-status/",
        "/api/v1/campaigns/create/",
        "/api/v1/campaigns/cmp_1/",
        "/api/v1/campaigns//",
        "/api/v1/batches/btc_1/contacts/con_1/",
    ],
)
async def test_unknown_path_is_404_and_never_a_redirect(world: World, path: str) -> None:
    answer = await world.client.get(path)

    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/campaigns",
        "/api/v1/campaigns/",
        "/api/v1/batches",
        "/api/v1/batches/",
    ],
)
async def test_collections_answer_with_and_without_a_trailing_slash(world: World, path: str) -> None:
    assert (await world.client.get(path)).json() == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/campaigns", "GET, HEAD, POST"),
        ("PATCH", "/api/v1/batches/", "GET, HEAD, POST"),
        ("POST", "/api/v1/batches/btc_1", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/api/v1/batches/btc_1/contacts", "GET, HEAD, POST"),
        ("GET", "/webhooks/call-status", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("PUT", "/api/v1/batches/upload", "DELETE, GET, HEAD, PATCH, POST"),
    ],
)
async def test_wrong_method_is_405_and_names_every_allowed_one(
    world: World, method: str, path: str, allowed: str
) -> None:
    answer = await world.client.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    expected = a_problem(405, "method-not-allowed", "Method Not Allowed", "Method Not Allowed")
    assert answer.json() == expected


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/campaigns/cmp_none", "Campaign not found"),
        ("/campaigns/btc_000001", "Campaign not found"),
        ("/campaigns/cmp_%00", "Campaign not found"),
        ("/campaigns/create", "Campaign not found"),
        ("/campaigns/cmp_none/batches", "Campaign not found"),
        ("/batches/btc_none", "Batch not found"),
        ("/batches/upload", "Batch not found"),
        ("/batches/btc_%EF%BF%BD/contacts", "Batch not found"),
        ("/batches/btc_none/contacts/con_none", "Batch not found"),
    ],
)
async def test_unknown_id_or_one_of_a_wrong_shape_is_404(world: World, path: str, detail: str) -> None:
    answer = await world.client.get("/api/v1" + path)

    assert (answer.status_code, answer.json()) == (404, a_problem(404, "not-found", "Not Found", detail))


async def test_database_down_is_503_with_retry_after_everywhere(world: World) -> None:
    world.tables.is_down = True
    asked = [
        await world.client.get("/api/v1/batches/btc_1"),
        await world.client.post("/api/v1/campaigns/", json={}),
        await world.client.post(
            "/webhooks/call-status", json={"execution_id": "exec_1", "call_status": "ringing"}
        ),
    ]

    for answer in asked:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        expected = a_problem(503, "unavailable", "Service Unavailable", "Database is unreachable")
        assert answer.json() == expected


async def test_defect_is_500_without_a_word_of_its_inside_on_the_wire_or_in_the_log(world: World) -> None:
    campaign = await world.create_campaign()
    world.tables.campaigns[campaign["campaign_id"]] = _Broken()  # type: ignore[assignment] # a planted defect

    with capture_logs() as logs:
        answer = await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")

    expected = a_problem(500, "internal", "Internal Server Error", "Internal server error")
    assert (answer.status_code, answer.json()) == (500, expected)
    assert [each["event"] for each in logs] == ["request failed"]
    assert "+1415" not in repr(logs)


class _Broken:
    @property
    def organization_id(self) -> Campaign:
        raise RuntimeError("+14155550123")


async def test_problem_is_the_same_over_a_client_that_follows_redirects(world: World) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(world.app),
        base_url="http://apollo.test",
        follow_redirects=True,
        headers=bearer(SECRET),
    ) as client:
        answer = await client.get("/api/v1/campaigns/cmp_1/")

    assert (answer.status_code, answer.history) == (404, [])
