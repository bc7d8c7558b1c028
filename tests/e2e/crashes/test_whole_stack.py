"""Real batches on the whole stack, over HTTP from end to end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.ledger_check import faults
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]

EXPECTED = {
    # last two digits: status, retry_count, follow_up_count, call statuses
    "01": ("max_retries_reached", 1, 0, ["busy", "busy"]),
    "02": ("max_retries_reached", 1, 0, ["no_answer", "no_answer"]),
    "03": ("max_retries_reached", 1, 0, ["failed", "failed"]),
    "04": ("completed", 1, 0, ["busy", "completed"]),
    "05": ("completed", 0, 0, ["completed"]),
    "06": ("completed", 0, 0, ["completed"]),
    "07": ("completed", 0, 0, ["completed"]),
    "08": ("completed", 0, 0, ["completed"]),
    "09": ("completed", 0, 0, ["completed"]),
    "10": ("max_retries_reached", 1, 0, ["failed", "failed"]),
    "11": ("completed", 0, 1, ["completed", "completed"]),
    "12": ("completed", 0, 0, ["completed"]),
    "55": ("completed", 0, 0, ["completed"]),
}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent() as opened:
        yield opened


@pytest.fixture
def world(stack: World) -> World:
    """The stack of this file, its ledger empty."""
    stack.empty_ledger()
    return stack


def numbers(count: int, ending: str = "55") -> list[str]:
    return [f"+1415555{number:02}{ending}" for number in range(count)]


def test_every_kind_of_call_comes_to_the_end_the_contract_names(world: World) -> None:
    called = [f"+1415555{tens}{ending}" for tens in ("01", "02") for ending in EXPECTED]

    batch_id = world.call_everybody(called, limit=6)
    world.wait_for_end(batch_id)

    for contact in world.contacts(batch_id):
        records = contact["call_records"]
        assert isinstance(records, list)
        story = (
            contact["status"],
            contact["retry_count"],
            contact["follow_up_count"],
            [record["call_status"] for record in records],
        )
        ending = str(contact["phone_number"])[-2:]
        assert story == EXPECTED[ending], f"numbers in {ending}"
    assert faults(world.reckoning(batch_id), contacts=len(called), limit=6) == []


def test_live_counters_come_from_the_workflow_and_agree_with_the_contacts_when_quiet(world: World) -> None:
    batch_id = world.call_everybody(numbers(20), limit=4)
    world.wait_for(lambda: world.finished(batch_id) >= 3)

    running = world.live_counters(batch_id)
    assert sum(running.values()) == 20
    assert running["dispatched"] + running["in_flight"] <= 4

    world.wait_for_end(batch_id)
    ended, _ = world.counters(batch_id)
    assert ended == world.workflow_counters(batch_id)
    assert ended["completed"] == 20


def test_worker_killed_in_the_middle_costs_no_call_and_rings_nobody_twice(world: World) -> None:
    batch_id = world.call_everybody([*numbers(24), *numbers(6, "04")], limit=6)
    world.wait_for(lambda: world.finished(batch_id) >= 6)

    world.kill("worker")
    world.start_worker()
    world.wait_for_end(batch_id)

    reckoning = world.reckoning(batch_id)
    assert faults(reckoning, contacts=30, limit=6) == []
    assert reckoning.contact_statuses == {"completed": 30}


def test_api_killed_in_the_middle_loses_no_outcome(world: World) -> None:
    batch_id = world.call_everybody(numbers(20), limit=5)
    world.wait_for(lambda: world.finished(batch_id) >= 5)

    world.kill("api")
    world.start_api()
    world.wait_for_end(batch_id)

    reckoning = world.reckoning(batch_id)
    assert faults(reckoning, contacts=20, limit=5) == []
    assert reckoning.contact_statuses == {"completed": 20}


def test_stack_that_was_stopped_goes_on_with_its_batches_when_it_is_started_again(data_dir: Path) -> None:
    plan = a_plan(data_dir)
    with a_world(plan) as world:
        batch_id = world.call_everybody(numbers(20), limit=4)
        world.wait_for(lambda: world.finished(batch_id) >= 6)

    with a_world(plan) as world:
        world.wait_for_end(batch_id)
        counters = world.api.batch(batch_id)["counters"]
        assert isinstance(counters, dict)
        # The simulator forgets its calls when it stops: who was on the phone then ends unknown.
        assert counters["completed"] + counters["failed"] == 20
        assert counters["completed"] >= 10
