"""A worker that is asked to stop in the middle of a dial keeps the provider's answer before it ends."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from embedded.processes import ChildProcess
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server]

ANSWER_IS_HELD = "+14155550108"


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(simulator_arguments=("--hold-seconds", "3")) as opened:
        yield opened


def a_patient_worker(world: World) -> ChildProcess:
    """Put a worker in the other's place that waits for an answer longer than the simulator holds it."""
    assert world.stack.parts is not None
    worker = world.stack.parts.worker()
    world.kill("worker")
    told = {**worker.environment, "APOLLO_DIAL_TIMEOUT_SECONDS": "10"}
    return world.start(replace(worker, environment=told))


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
    worker = a_patient_worker(world)
    batch_id = world.call_everybody([ANSWER_IS_HELD], limit=1)
    world.wait_for(lambda: len(world.create_requests(batch_id)) == 1)
    [contact] = world.contacts(batch_id)

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
