"""A worker that is asked to stop in the middle of a dial keeps the provider's answer before it ends."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.server]

ANSWER_IS_HELD = "+14155550108"


@pytest.fixture
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    plan = a_plan(
        folder,
        simulator_arguments=("--hold-seconds", "3"),
        environment={"APOLLO_DIAL_TIMEOUT_SECONDS": "10"},
    )
    try:
        with a_world(plan) as opened:
            yield opened
    finally:
        shutil.rmtree(folder)


def dials_of(world: World, workflow_id: str) -> list[str]:
    """Return what a contact's history tells of its dials."""
    history = json.loads(world.temporal("show", "-w", workflow_id, "-o", "json").stdout)
    events: list[dict[str, Any]] = history["events"]
    scheduled = {
        event["eventId"]
        for event in events
        if event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name")
        == "place_call"
    }
    attributes = [
        (event["eventType"], value) for event in events for key, value in event.items() if "Attributes" in key
    ]
    return [kind for kind, value in attributes if value.get("scheduledEventId") in scheduled]


def test_worker_that_is_stopped_in_a_dial_waits_for_the_answer_and_keeps_it(world: World) -> None:
    batch_id = world.call_everybody([ANSWER_IS_HELD], limit=1)
    world.wait_for(lambda: len(world.create_requests(batch_id)) == 1)
    [contact] = world.contacts(batch_id)
    [worker] = [child for child in world.stack.children if child.name == "worker"]

    worker.stop()

    assert worker.exit_code == 0
    assert dials_of(world, f"batch/{batch_id}/c/{contact['contact_id']}") == [
        "EVENT_TYPE_ACTIVITY_TASK_STARTED",
        "EVENT_TYPE_ACTIVITY_TASK_COMPLETED",
    ]
    world.start_worker()
    world.wait_for_end(batch_id)
    assert len(world.create_requests(batch_id)) == 1
    assert world.contacts(batch_id)[0]["status"] == "completed"
