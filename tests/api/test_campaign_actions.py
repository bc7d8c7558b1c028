"""Pausing, resuming and cancelling a campaign: what is answered, and what its batches do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.campaign import CampaignStatus
from domain.contact import SkipReason
from domain.identity import BatchId
from domain.lifecycle import Action
from tests.api.scene import Scene, a_scene
from tests.api.world import World, a_problem, errors_of

DONE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}


async def _scene_in(world: World, status: str) -> Scene:
    scene = await a_scene(world)
    if status in ("paused", "cancelled"):
        await scene.post(f"campaigns/{{campaign_id}}/{'pause' if status == 'paused' else 'cancel'}")
    if status in ("draft", "completed"):
        del world.tables.batches[scene.batch_id]
        kept = world.tables.campaigns[scene.campaign_id]
        world.tables.campaigns[scene.campaign_id] = replace(kept, status=CampaignStatus(status))
    world.engine.acts.clear()
    return scene


async def _with_one_paused_on_its_own(world: World) -> tuple[Scene, BatchId]:
    scene = await a_scene(world)
    other = BatchId((await world.create_batch(scene.campaign_id))["batch_id"])
    await world.client.post(f"/api/v1/batches/{other}/pause")
    world.engine.acts.clear()
    return scene, other


def _batches(world: World) -> dict[str, tuple[str, str | None]]:
    return {each.batch_id: (each.status, each.paused_by) for each in world.tables.batches.values()}


@pytest.mark.parametrize(
    ("action", "status", "after"),
    [
        pytest.param("pause", "active", "paused", id="pause"),
        pytest.param("pause", "paused", "paused", id="pause again"),
        pytest.param("resume", "paused", "active", id="resume"),
        pytest.param("cancel", "draft", "cancelled", id="cancel"),
    ],
)
async def test_legal_action_leaves_the_campaign_where_the_contract_says(
    world: World, action: str, status: str, after: str
) -> None:
    scene = await _scene_in(world, status)
    before = scene.rows()
    world.clock.pass_time(timedelta(minutes=1))

    answer = await scene.post(f"campaigns/{{campaign_id}}/{action}")

    message = f"Campaign {DONE[action]} successfully"
    assert (answer.status_code, answer.json()) == (
        200,
        {"campaign_id": scene.campaign_id, "status": after, "message": message},
    )
    assert world.tables.campaigns[scene.campaign_id].status == after
    if status == after:
        assert (scene.rows(), world.engine.acts) == (before, [])


@pytest.mark.parametrize("action", DONE)
async def test_illegal_action_is_409_and_changes_nothing(world: World, action: str) -> None:
    scene = await _scene_in(world, "completed")
    before = scene.rows()

    answer = await scene.post(f"campaigns/{{campaign_id}}/{action}?all=true")

    detail = f"Campaign is completed and cannot be {DONE[action]}"
    assert answer.json() == a_problem(409, "conflict", "Conflict", detail)
    assert (scene.rows(), world.engine.acts) == (before, [])


async def test_pause_holds_running_batches_and_leaves_those_paused_before(world: World) -> None:
    scene, other = await _with_one_paused_on_its_own(world)

    await scene.post("campaigns/{campaign_id}/pause")

    assert _batches(world) == {scene.batch_id: ("paused", "campaign"), other: ("paused", "batch")}
    assert world.engine.acts == [(scene.batch_id, Action.PAUSE)]


@pytest.mark.parametrize(
    ("query", "other_after"),
    [
        pytest.param("", ("paused", "batch"), id="only those of the campaign"),
        pytest.param("?all=false", ("paused", "batch"), id="said so"),
        pytest.param("?all=true", ("in_progress", None), id="all of them"),
    ],
)
async def test_resume_brings_back_batches_paused_with_the_campaign_or_all(
    world: World, query: str, other_after: tuple[str, str | None]
) -> None:
    scene, other = await _with_one_paused_on_its_own(world)
    await scene.post("campaigns/{campaign_id}/pause")
    world.engine.acts.clear()

    await scene.post(f"campaigns/{{campaign_id}}/resume{query}")

    after = _batches(world)
    assert after == {scene.batch_id: ("in_progress", None), other: other_after}
    told = [batch_id for batch_id, (status, _) in after.items() if status == "in_progress"]
    assert sorted(world.engine.acts) == sorted((BatchId(each), Action.RESUME) for each in told)


async def test_resume_of_an_active_campaign_changes_nothing_even_with_all(world: World) -> None:
    scene, _ = await _with_one_paused_on_its_own(world)
    before = scene.rows()

    answer = await scene.post("campaigns/{campaign_id}/resume?all=true")

    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    assert (scene.rows(), world.engine.acts) == (before, [])


async def test_cancel_ends_every_unfinished_batch_and_skips_its_people(world: World) -> None:
    scene, other = await _with_one_paused_on_its_own(world)

    await scene.post("campaigns/{campaign_id}/cancel")

    assert _batches(world) == {scene.batch_id: ("cancelled", None), other: ("cancelled", None)}
    assert sorted(world.engine.acts) == sorted((each, Action.CANCEL) for each in (scene.batch_id, other))
    assert world.tables.contacts[scene.waiting].skip_reason is SkipReason.CAMPAIGN_CANCELLED


@pytest.mark.parametrize("value", ["1", "yes", "True", ""])
async def test_all_that_is_not_a_boolean_is_422_and_changes_nothing(world: World, value: str) -> None:
    scene = await _scene_in(world, "paused")
    before = scene.rows()

    answer = await scene.post(f"campaigns/{{campaign_id}}/resume?all={value}")

    assert errors_of(answer) == [(["query", "all"], "bool_parsing")]
    assert scene.rows() == before
