"""Lists of campaigns, and of one campaign's batches, with every filter they have."""

from dataclasses import replace

import pytest

from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.identity import BatchId, CampaignId
from tests.api.world import World, a_problem, errors_of


async def _one_of_each(world: World) -> list[str]:
    """Campaigns in every status, in the order of the statuses; returns their ids."""
    created: list[str] = []
    for status in CampaignStatus:
        campaign_id = CampaignId((await world.create_campaign(name=status.value))["campaign_id"])
        kept = world.tables.campaigns[campaign_id]
        world.tables.campaigns[campaign_id] = replace(kept, status=status)
        created.append(campaign_id)
    return created


async def _names(world: World, query: str) -> list[str]:
    answer = await world.client.get(f"/api/v1/campaigns/?{query}")
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()]


@pytest.mark.parametrize("path", ["/api/v1/campaigns/", "/api/v1/campaigns"])
async def test_campaigns_are_listed_whole_and_newest_first(world: World, path: str) -> None:
    created = await _one_of_each(world)

    answer = await world.client.get(path)

    single = [(await world.client.get(f"/api/v1/campaigns/{each}")).json() for each in reversed(created)]
    assert (answer.json(), answer.headers["x-total-count"]) == (single, "5")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        *(pytest.param(f"status={status}", [status.value], id=status.value) for status in CampaignStatus),
        pytest.param("status=draft&status=paused", ["paused", "draft"], id="any of several"),
        pytest.param("organization_id=org_demo&status=active", ["active"], id="own organization"),
        pytest.param("skip=1&limit=2", ["completed", "paused"], id="stretch"),
        pytest.param("status=draft&skip=1", [], id="beyond the end"),
    ],
)
async def test_campaigns_are_filtered(world: World, query: str, names: list[str]) -> None:
    await _one_of_each(world)

    assert await _names(world, query) == names


async def test_foreign_organization_is_403_and_unknown_status_422(world: World) -> None:
    foreign = await world.client.get("/api/v1/campaigns/?organization_id=org_other")
    unknown = await world.client.get("/api/v1/campaigns/?status=expired")

    detail = "Token does not belong to this organization"
    assert foreign.json() == a_problem(403, "forbidden", "Forbidden", detail)
    assert [loc for loc, _ in errors_of(unknown)] == [["query", "status", 0]]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_batches_of_a_campaign_are_listed_whole_with_filters(world: World, slash: str) -> None:
    campaign, other = await world.create_campaign(), await world.create_campaign()
    await world.create_batch(other["campaign_id"])
    created = [await world.create_batch(campaign["campaign_id"]) for _ in BatchStatus]
    ids = [BatchId(each["batch_id"]) for each in created]
    for batch_id, status in zip(ids, BatchStatus, strict=True):
        world.tables.batches[batch_id] = replace(world.tables.batches[batch_id], status=status)
    path = f"/api/v1/campaigns/{campaign['campaign_id']}/batches{slash}"

    async def listed(query: str) -> list[str]:
        return [each["batch_id"] for each in (await world.client.get(f"{path}?{query}")).json()]

    assert await listed("") == ids[::-1]
    assert await listed("skip=1&limit=2") == [ids[4], ids[3]]
    for batch_id, status in zip(ids, BatchStatus, strict=True):
        assert await listed(f"status={status}") == [batch_id]
    assert await listed("status=expired&status=pending") == [ids[5], ids[0]]
    (newest, *_) = (await world.client.get(path)).json()
    assert newest["counters"]["pending"] == newest["total_contacts"] == 2


async def test_batches_of_an_unknown_campaign_are_404(world: World) -> None:
    answer = await world.client.get("/api/v1/campaigns/cmp_none/batches")

    assert answer.json() == a_problem(404, "not-found", "Not Found", "Campaign not found")
