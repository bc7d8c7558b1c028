"""A deleted campaign is gone for clients, and what is still heard of its calls is kept."""

from dataclasses import replace

import pytest

from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignStatus
from tests.api.scene import Scene, a_scene
from tests.api.world import World, a_batch_body, a_problem

GONE = a_problem(404, "not-found", "Not Found", "Campaign not found")
BATCH_GONE = a_problem(404, "not-found", "Not Found", "Batch not found")


async def _delete(world: World, campaign_id: str) -> tuple[int, bytes]:
    answer = await world.client.delete(f"/api/v1/campaigns/{campaign_id}")
    return answer.status_code, answer.content


async def _over(world: World) -> Scene:
    scene = await a_scene(world)
    await scene.post("campaigns/{campaign_id}/cancel")
    return scene


@pytest.mark.parametrize(
    "status", [CampaignStatus.DRAFT, CampaignStatus.COMPLETED, CampaignStatus.CANCELLED], ids=str
)
async def test_campaign_with_nothing_left_to_do_is_deleted_once(world: World, status: CampaignStatus) -> None:
    scene = await _over(world)
    kept = world.tables.campaigns[scene.campaign_id]
    world.tables.campaigns[scene.campaign_id] = replace(kept, status=status)

    assert await _delete(world, scene.campaign_id) == (204, b"")
    second = await world.client.delete(f"/api/v1/campaigns/{scene.campaign_id}")
    assert second.json() == GONE


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        pytest.param(["pending"], "1 unfinished batch", id="pending"),
        pytest.param(["in_progress"], "1 unfinished batch", id="in progress"),
        pytest.param(["paused"], "1 unfinished batch", id="paused"),
        pytest.param(["in_progress", "paused", "completed"], "2 unfinished batches", id="several"),
        pytest.param(["expired", "cancelled", "pending"], "1 unfinished batch", id="all but one over"),
    ],
)
async def test_campaign_with_unfinished_batches_is_409_and_stays(
    world: World, statuses: list[str], said: str
) -> None:
    campaign = await world.create_campaign()
    for status in statuses:
        batch_id = (await world.create_batch(campaign["campaign_id"]))["batch_id"]
        world.tables.batches[batch_id] = replace(world.tables.batches[batch_id], status=BatchStatus(status))

    answer = await world.client.delete(f"/api/v1/campaigns/{campaign['campaign_id']}")

    detail = f"Campaign has {said} and cannot be deleted"
    assert answer.json() == a_problem(409, "conflict", "Conflict", detail)
    assert (await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")).status_code == 200


PATHS = [
    ("GET", "campaigns/{campaign}", GONE),
    ("PATCH", "campaigns/{campaign}", GONE),
    ("GET", "campaigns/{campaign}/stats", GONE),
    ("GET", "campaigns/{campaign}/batches", GONE),
    ("POST", "campaigns/{campaign}/pause", GONE),
    ("POST", "campaigns/{campaign}/resume", GONE),
    ("POST", "campaigns/{campaign}/cancel", GONE),
    ("GET", "batches/{batch}", BATCH_GONE),
    ("GET", "batches/{batch}/export.csv", BATCH_GONE),
    ("GET", "batches/{batch}/contacts", BATCH_GONE),
    ("GET", "batches/{batch}/contacts/{contact}", BATCH_GONE),
    ("POST", "batches/{batch}/pause", BATCH_GONE),
    ("POST", "batches/{batch}/cancel", BATCH_GONE),
    ("POST", "batches/{batch}/dispatch", BATCH_GONE),
    ("POST", "batches/{batch}/contacts/{contact}/skip", BATCH_GONE),
]


@pytest.mark.parametrize(("method", "path", "gone"), PATHS, ids=[f"{m} {p}" for m, p, _ in PATHS])
async def test_everything_of_a_deleted_campaign_is_404(
    world: World, method: str, path: str, gone: dict[str, object]
) -> None:
    scene = await _over(world)
    await _delete(world, scene.campaign_id)

    target = path.format(campaign=scene.campaign_id, batch=scene.batch_id, contact=scene.waiting)
    answer = await world.client.request(
        method, f"/api/v1/{target}", json={"name": "x"} if method == "PATCH" else None
    )

    assert answer.json() == gone


async def test_deleted_campaign_and_its_batches_are_in_no_list(world: World) -> None:
    scene = await _over(world)
    other = await world.create_campaign()
    await _delete(world, scene.campaign_id)

    campaigns = await world.client.get("/api/v1/campaigns/")
    batches = await world.client.get("/api/v1/batches/")
    of_campaign = await world.client.get(f"/api/v1/batches/?campaign_id={scene.campaign_id}")

    assert [each["campaign_id"] for each in campaigns.json()] == [other["campaign_id"]]
    assert campaigns.headers["x-total-count"] == "1"
    assert (batches.json(), of_campaign.json()) == ([], [])


async def test_deleted_campaign_takes_no_batch(world: World) -> None:
    campaign = await world.create_campaign()
    await _delete(world, campaign["campaign_id"])

    answer = await world.client.post("/api/v1/batches/", json=a_batch_body(campaign["campaign_id"]))

    assert answer.json() == GONE


async def test_webhook_that_comes_after_the_deletion_is_recorded(world: World) -> None:
    scene = await a_scene(world)
    (call,) = world.tables.calls.values()
    unknown = replace(call, call_status=CallStatus.UNKNOWN)
    world.tables.calls[call.execution_id] = unknown
    await scene.post("campaigns/{campaign_id}/cancel")
    await _delete(world, scene.campaign_id)

    answer = await world.client.post(
        "/webhooks/call-status", json={"execution_id": call.execution_id, "call_status": "completed"}
    )

    assert answer.status_code == 200
    assert world.tables.calls[call.execution_id].call_status is CallStatus.COMPLETED


async def test_campaign_is_deleted_while_temporal_is_unreachable(world: World) -> None:
    campaign = await world.create_campaign()
    world.engine.is_down = True

    assert await _delete(world, campaign["campaign_id"]) == (204, b"")
