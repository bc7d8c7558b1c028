"""Pausing, resuming, cancelling and dispatching a batch: what is answered, stored and told to the engine."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.batch import BatchStatus, PausedBy
from domain.contact import ContactStatus, SkipReason
from domain.lifecycle import Action
from tests.api.scene import Scene, a_scene
from tests.api.world import World, a_problem, errors_of

DONE = {
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "close": "closed",
    "dispatch": "dispatched",
}
START = "2026-09-07T13:00:00Z"
UNTIL_START = f"Batch is pending until {START} and cannot be dispatched; use ?now=true to start it at once"


def conflict(detail: str) -> dict[str, object]:
    return a_problem(409, "conflict", "Conflict", detail)


async def _scene_in(world: World, status: str) -> Scene:
    scene = await a_scene(world, scheduled_start=START if status == "pending" else None)
    scene.move_batch(BatchStatus(status))
    return scene


@pytest.mark.parametrize(
    ("action", "status", "after"),
    [
        pytest.param("pause", "in_progress", "paused", id="pause"),
        pytest.param("pause", "paused", "paused", id="pause again"),
        pytest.param("resume", "paused", "in_progress", id="resume"),
        pytest.param("cancel", "pending", "cancelled", id="cancel"),
        pytest.param("close", "in_progress", "in_progress", id="close what is not open"),
    ],
)
async def test_legal_action_leaves_the_batch_where_the_contract_says(
    world: World, action: str, status: str, after: str
) -> None:
    scene = await _scene_in(world, status)
    before = scene.rows()

    answer = await scene.post(f"batches/{{batch_id}}/{action}")

    assert (answer.status_code, answer.json()) == (
        200,
        {"batch_id": scene.batch_id, "status": after, "message": f"Batch {DONE[action]} successfully"},
    )
    stored = world.tables.batches[scene.batch_id]
    assert (stored.status, stored.paused_by) == (after, PausedBy.BATCH if after == "paused" else None)
    assert world.engine.acts == [(scene.batch_id, Action(action))]
    if status == after:
        assert scene.rows() == before


@pytest.mark.parametrize("action", DONE)
async def test_illegal_action_is_409_and_changes_nothing(world: World, action: str) -> None:
    scene = await _scene_in(world, "completed")
    before = scene.rows()

    answer = await scene.post(f"batches/{{batch_id}}/{action}?now=true")

    assert answer.json() == conflict(f"Batch is completed and cannot be {DONE[action]}")
    assert scene.rows() == before
    assert (world.engine.acts, world.engine.dispatches) == ([], [])


async def test_resumed_batch_whose_start_lies_ahead_is_pending_again(world: World) -> None:
    scene = await _scene_in(world, "pending")
    await scene.post("batches/{batch_id}/pause")

    answer = await scene.post("batches/{batch_id}/resume")

    assert (answer.status_code, answer.json()["status"]) == (200, "pending")


async def test_batch_under_a_paused_campaign_is_not_resumed(world: World) -> None:
    scene = await _scene_in(world, "in_progress")
    await scene.post("campaigns/{campaign_id}/pause")

    answer = await scene.post("batches/{batch_id}/resume")

    assert answer.json() == conflict("Campaign is paused; resume the campaign first")
    assert world.tables.batches[scene.batch_id].paused_by is PausedBy.CAMPAIGN


async def test_pausing_a_batch_that_its_campaign_paused_changes_nothing(world: World) -> None:
    scene = await _scene_in(world, "in_progress")
    await scene.post("campaigns/{campaign_id}/pause")
    before = scene.rows()
    world.clock.pass_time(timedelta(minutes=1))

    answer = await scene.post("batches/{batch_id}/pause")

    assert (answer.status_code, answer.json()["message"]) == (200, "Batch paused successfully")
    assert scene.rows() == before


async def test_cancel_skips_whoever_waits_and_completes_the_campaign(world: World) -> None:
    scene = await _scene_in(world, "in_progress")

    await scene.post("batches/{batch_id}/cancel")

    waited = world.tables.contacts[scene.waiting]
    assert (waited.status, waited.skip_reason) == (ContactStatus.SKIPPED, SkipReason.BATCH_CANCELLED)
    assert world.tables.contacts[scene.answered].status is ContactStatus.COMPLETED
    assert world.tables.campaigns[scene.campaign_id].status == "completed"


@pytest.mark.parametrize("query", ["", "?now=false", "?now=true"])
async def test_dispatch_counts_the_pending_contacts_and_tells_the_engine(world: World, query: str) -> None:
    scene = await _scene_in(world, "in_progress")
    before = scene.rows()

    answer = await scene.post(f"batches/{{batch_id}}/dispatch{query}")

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "batch_id": scene.batch_id,
            "status": "in_progress",
            "dispatched_count": 2,
            "message": "Batch dispatch re-triggered successfully",
        },
    )
    assert world.engine.dispatches == [(scene.batch_id, scene.campaign_id, 3)]
    assert scene.rows() == before


async def test_dispatch_before_the_start_names_it(world: World) -> None:
    scene = await _scene_in(world, "pending")
    before = scene.rows()

    answer = await scene.post("batches/{batch_id}/dispatch")

    assert answer.json() == conflict(UNTIL_START)
    assert (scene.rows(), world.engine.dispatches) == (before, [])


async def test_dispatch_now_starts_a_pending_batch_at_this_instant(world: World) -> None:
    scene = await _scene_in(world, "pending")
    before = world.tables.batches[scene.batch_id]
    world.clock.pass_time(timedelta(minutes=1))

    answer = await scene.post("batches/{batch_id}/dispatch?now=true")

    assert (answer.status_code, answer.json()["status"]) == (200, "in_progress")
    now = world.clock()
    assert replace(world.tables.batches[scene.batch_id], counters=before.counters) == replace(
        before, status=BatchStatus.IN_PROGRESS, scheduled_start=now, updated_at=now
    )
    assert world.engine.dispatches == [(scene.batch_id, scene.campaign_id, 3)]


@pytest.mark.parametrize("value", ["1", "yes", "True", ""])
async def test_now_that_is_not_a_boolean_is_422_and_changes_nothing(world: World, value: str) -> None:
    scene = await _scene_in(world, "pending")
    before = scene.rows()

    answer = await scene.post(f"batches/{{batch_id}}/dispatch?now={value}")

    assert errors_of(answer) == [(["query", "now"], "bool_parsing")]
    assert scene.rows() == before
