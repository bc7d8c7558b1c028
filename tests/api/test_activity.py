"""What a batch did lately, over HTTP."""

from domain.call import AttemptKind, CallStatus, StatusEvent
from tests.api.scene import a_scene
from tests.api.world import World
from tests.fakes.clock import NOON


async def test_calls_are_told_by_minute_by_hour_and_newest_first(world: World) -> None:
    scene = await a_scene(world)
    call = await world.dial(scene.waiting, 1, AttemptKind.INITIAL)
    event = StatusEvent(status=CallStatus.BUSY, happened_at=world.clock())
    await world.calls.record_event(call.execution_id, event, event_key="1", body=None)

    answer = await world.client.get(f"/api/v1/batches/{scene.batch_id}/activity")

    body = answer.json()
    assert answer.status_code == 200
    assert body["batch_id"] == scene.batch_id
    [minute] = body["calls_by_minute"]
    assert minute == {
        "minute": NOON.strftime("%Y-%m-%dT%H:%M:00Z"),
        "completed": 1,
        "busy": 1,
        "no_answer": 0,
        "failed": 0,
        "unknown": 0,
    }
    assert sum(each["ended"] for each in body["calls_by_hour"].values()) == 2
    assert {each["contact_id"] for each in body["newest_calls"]} == {scene.waiting, scene.answered}


async def test_batch_that_called_nobody_tells_nothing(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], ("+14155550123",))

    answer = await world.client.get(f"/api/v1/batches/{batch['batch_id']}/activity")

    assert answer.json() == {
        "batch_id": batch["batch_id"],
        "calls_by_minute": [],
        "calls_by_hour": {},
        "newest_calls": [],
    }
