"""Stretches of lists, their headers, and what else a list may be asked."""

import pytest

from tests.api.world import World, errors_of

HOST = "http://apollo.test"


async def _five_contacts(world: World) -> str:
    campaign = await world.create_campaign()
    numbers = [f"+1415555{n:04}" for n in range(5)]
    batch = await world.create_batch(campaign["campaign_id"], numbers)
    return f"/api/v1/batches/{batch['batch_id']}/contacts"


@pytest.mark.parametrize(
    ("skip", "limit", "positions", "links"),
    [
        pytest.param(0, 2, [1, 2], {"next": 2}, id="first page"),
        pytest.param(2, 2, [3, 4], {"next": 4, "prev": 0}, id="in between"),
        pytest.param(4, 2, [5], {"prev": 2}, id="last page"),
        pytest.param(1, 2, [2, 3], {"next": 3, "prev": 0}, id="less than a page before"),
        pytest.param(0, 5, [1, 2, 3, 4, 5], {}, id="all at once"),
        pytest.param(100, 2, [], {"prev": 3}, id="beyond the end"),
        pytest.param(2147483647, 1000, [], {"prev": 0}, id="far beyond the end"),
    ],
)
async def test_page_carries_the_total_and_links_to_its_neighbours(
    world: World, skip: int, limit: int, positions: list[int], links: dict[str, int]
) -> None:
    path = await _five_contacts(world)

    answer = await world.client.get(f"{path}?status=pending&status=busy&x=%C3%A9&skip={skip}&limit={limit}")

    assert [each["position"] for each in answer.json()] == positions
    assert answer.headers["x-total-count"] == "5"
    expected = [
        f'<{HOST}{path}?status=pending&status=busy&x=%C3%A9&skip={target}&limit={limit}>; rel="{relation}"'
        for relation, target in links.items()
    ]
    assert sorted(answer.headers.get("link", "").split(", ")) == sorted(expected or [""])


async def test_links_lead_from_end_to_end(world: World) -> None:
    path = await _five_contacts(world)
    seen, url = [], f"{path}/?limit=2"
    while url:
        answer = await world.client.get(url)
        seen += [each["position"] for each in answer.json()]
        url = answer.links.get("next", {}).get("url", "")

    assert seen == [1, 2, 3, 4, 5]


async def test_empty_list_has_a_total_and_no_link(world: World) -> None:
    answer = await world.client.get("/api/v1/campaigns?skip=5")

    assert (answer.json(), answer.headers["x-total-count"]) == ([], "0")
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("skip=-1", "skip"),
        ("skip=2147483648", "skip"),
        ("skip=1.0", "skip"),
        ("skip=", "skip"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=abc", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=1_0", "limit"),
        ("limit=" + "9" * 30, "limit"),
        ("status=ready", "status"),
        ("status=", "status"),
        ("status=pending&status=PENDING", "status"),
    ],
)
async def test_query_out_of_range_is_422_before_the_batch_is_looked_up(
    world: World, query: str, name: str
) -> None:
    for path in ("/batches/btc_none/contacts", "/batches", "/campaigns/cmp_none/batches"):
        answer = await world.client.get(f"/api/v1{path}?{query}")

        assert [loc[:2] for loc, _ in errors_of(answer)] == [["query", name]]


@pytest.mark.parametrize("value", ["1", "yes", "True", "", "on"])
async def test_boolean_in_a_query_is_true_or_false(world: World, value: str) -> None:
    answer = await world.client.get(f"/api/v1/batches/btc_none/contacts?include_calls={value}")

    assert errors_of(answer) == [(["query", "include_calls"], "bool_parsing")]


async def test_unknown_query_parameters_are_ignored(world: World) -> None:
    answer = await world.client.get("/api/v1/campaigns/?colour=blue&batch_status=1")

    assert answer.json() == []


async def test_batches_are_listed_newest_first_with_filters(world: World) -> None:
    first, second = await world.create_campaign(), await world.create_campaign()
    one = await world.create_batch(first["campaign_id"])
    two = await world.create_batch(second["campaign_id"], scheduled_start="2030-01-01T00:00:00Z")

    async def listed(query: str) -> list[str]:
        answer = await world.client.get(f"/api/v1/batches/?{query}")
        return [each["batch_id"] for each in answer.json()]

    assert await listed("") == [two["batch_id"], one["batch_id"]]
    assert await listed(f"campaign_id={first['campaign_id']}") == [one["batch_id"]]
    assert await listed("status=pending") == [two["batch_id"]]
    assert await listed("status=pending&status=in_progress&limit=1&skip=1") == [one["batch_id"]]
    assert await listed("campaign_id=cmp_none") == []
    assert await listed("campaign_id=%00") == []
