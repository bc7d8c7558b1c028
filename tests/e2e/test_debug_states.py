"""The real system brought into the states that `debug` tells apart, and out of them again.

One stack lives through all of it, in this order: no worker, no dial worker, all workers, no Temporal.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from embedded.module_command import module_command
from embedded.stack import RunningStack
from embedded.stop_request import StopRequest
from embedded.supervisor import Part
from tests.e2e.debugging import assert_everybody_was_called_once, debug, diagnosis, statuses
from tests.e2e.scenes import a_batch, a_campaign, ahead
from tests.e2e.world import World, a_plan

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

TALK_SECONDS = 2
NUMBERS = tuple(f"+1415555{each:02}55" for each in range(5))
LIMIT = 3


class WorkerlessStack(RunningStack):
    """Everything but a worker, as if nobody had polled for a long time."""

    def _start(self, *parts: Part) -> None:
        super()._start(*(part for part in parts if part.command.name != "worker"))

    def _wait_until_whole(self) -> None:
        """It never is."""


@contextmanager
def a_world_without_worker() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    stack = WorkerlessStack(a_plan(folder, talk_seconds=TALK_SECONDS), StopRequest(), lambda _: None)
    try:
        stack.begin()
        with closing(World(stack)) as world, world.api:
            yield world
            kill_workers(world)
    finally:
        stack.end()
        shutil.rmtree(folder)


def kill_workers(world: World) -> None:
    """End them at once: asked to stop, each would wait for the Temporal that was killed."""
    for part in world.living():
        if part.name.startswith("worker"):
            world.kill(part.name)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world_without_worker() as opened:
        yield opened


@pytest.fixture(scope="module")
def left_alone(world: World) -> str:
    """A batch created while nobody works."""
    return a_batch(world, a_campaign(world), NUMBERS, concurrency_limit=LIMIT)


def start_worker(world: World, role: str) -> None:
    assert world.stack.parts is not None
    argv = module_command("worker", "--role", role)
    world.start(replace(world.stack.parts.worker(), name=f"worker-{role}", argv=argv))


def around_today() -> list[str]:
    today = datetime.now(UTC).date()
    days: list[date] = [today + timedelta(days=each) for each in (-1, 0, 1)]
    return [day.isoformat() for day in days]


def test_without_a_worker_contacts_wait_and_the_worker_is_missed(world: World, left_alone: str) -> None:
    told = debug(world, left_alone)

    assert told["diagnosis"] == "worker_down"
    assert "Start the worker" in told["diagnostics"]["tip"]
    assert (told["worker"]["state"], told["workflow"]["status"]) == ("down", "running")
    assert told["dispatcher"] is None
    assert statuses(told) == {"pending": len(NUMBERS)}
    assert len(told["pending_sample"]) == 3
    assert world.rings() == []


def test_batch_that_is_held_or_scheduled_is_told_so_before_its_worker_is_missed(world: World) -> None:
    campaign_id = a_campaign(world)
    paused = a_batch(world, campaign_id)
    world.api.act("batches", paused, "pause")
    scheduled = a_batch(world, a_campaign(world), scheduled_start=ahead(hours=1))
    with_its_campaign = a_batch(world, campaign_id)
    world.api.act("campaigns", campaign_id, "pause")

    held, held_too = debug(world, paused), debug(world, with_its_campaign)

    assert diagnosis(world, scheduled) == "scheduled"
    assert (held["diagnosis"], held_too["diagnosis"]) == ("paused", "paused")
    assert f"batches/{paused}/resume" in held["diagnostics"]["tip"]
    assert f"campaigns/{campaign_id}/resume" in held_too["diagnostics"]["tip"]
    for batch_id in (paused, scheduled, with_its_campaign):
        world.api.act("batches", batch_id, "cancel")
    assert diagnosis(world, paused) == "cancelled"


def test_with_all_workers_but_the_dialling_one_that_one_is_missed(world: World, left_alone: str) -> None:
    for role in ("control", "contact", "store"):
        start_worker(world, role)

    world.wait_for(lambda: diagnosis(world, left_alone) != "worker_down", 30)

    told = debug(world, left_alone)
    assert told["diagnosis"] == "dial_worker_down"
    assert "--role dial" in told["diagnostics"]["tip"]
    assert told["worker"]["state"] == "up"
    world.wait_for(lambda: debug(world, left_alone)["dispatcher"] is not None, 10)
    assert world.rings() == []


def test_batch_completes_by_itself_once_every_worker_is_there(world: World, left_alone: str) -> None:
    start_worker(world, "dial")
    world.wait_for_end(left_alone, 40)

    told = debug(world, left_alone)

    assert (told["diagnosis"], statuses(told)) == ("completed", {"completed": len(NUMBERS)})
    assert told["outcomes"]["answer_rate"] == 1.0
    assert told["webhooks"]["last_received_at"] is not None
    assert_everybody_was_called_once(world, left_alone, NUMBERS, limit=LIMIT)


def test_batch_whose_calls_go_out_is_healthy_and_one_at_its_limit_waits(world: World) -> None:
    campaign_id = a_campaign(world)
    busy = a_batch(world, campaign_id, ("+14155552055", "+14155552155"), concurrency_limit=1)
    at_ease = a_batch(world, campaign_id, ("+14155552255",), concurrency_limit=5)
    world.wait_for(lambda: world.counters(at_ease)[0]["in_flight"] == 1, 10)

    well, full = debug(world, at_ease), debug(world, busy)

    assert (well["diagnosis"], full["diagnosis"]) == ("healthy", "waiting_for_capacity")
    assert well["capacity"] == {"limit": 5, "in_use": 1, "campaign_limit": None, "campaign_in_use": 2}
    assert "raise concurrency_limit" in full["diagnostics"]["tip"]
    world.wait_for_end(busy, 20)


def test_batch_without_an_opening_today_is_outside_working_hours(world: World) -> None:
    campaign_id = a_campaign(world, blackout_dates=around_today(), working_hours_enforced=True)

    told = debug(world, a_batch(world, campaign_id))

    assert told["diagnosis"] == "outside_working_hours"
    assert told["window"]["open"] is False
    assert told["window"]["opens_at"] > datetime.now(UTC).isoformat()


def test_terminated_batch_is_missed_and_dispatch_finishes_it_with_nobody_called_twice(
    world: World,
) -> None:
    world.empty_ledger()
    numbers = ("+14155553055", "+14155553155", "+14155553255")
    batch_id = a_batch(world, a_campaign(world), numbers, concurrency_limit=1)
    world.wait_for(lambda: world.counters(batch_id)[0]["in_flight"] == 1, 10)
    world.temporal("terminate", "-w", f"batch/{batch_id}", "--reason", "by hand")

    told = debug(world, batch_id)
    world.api.act("batches", batch_id, "dispatch")

    assert told["diagnosis"] == "workflow_missing"
    assert told["workflow"]["status"] == "terminated"
    assert f"batches/{batch_id}/dispatch" in told["diagnostics"]["tip"]
    world.wait_for_end(batch_id, 50)
    assert diagnosis(world, batch_id) == "completed"
    assert_everybody_was_called_once(world, batch_id, numbers, limit=1)


def test_without_temporal_the_answer_comes_in_time_from_what_is_stored(world: World) -> None:
    batch_id = a_batch(world, a_campaign(world), scheduled_start=ahead(hours=1))
    world.kill("temporal")

    told = [debug(world, batch_id) for _ in range(3)]

    assert {each["diagnosis"] for each in told} == {"temporal_down"}
    assert told[0]["worker"] == {"state": "unknown", "task_queues": []}
    assert told[0]["workflow"]["status"] == "unknown"
    assert statuses(told[0]) == {"pending": 2}
