"""A worker killed with -9 at every step of a dial: nobody is asked for twice, nobody is forgotten."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.api_client import JsonObject
from console.ledger_check import faults
from embedded.module_command import module_command
from tests.e2e.mortal_worker import Step
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

CONTACTS, LIMIT = 6, 3
ORDINARY, ANSWER_IS_HELD = "55", "08"
"""Last two digits."""


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent() as opened:
        yield opened


def call_under_a_worker_that_dies(world: World, step: Step, numbers: list[str], victim: Path) -> str:
    """Start a batch under a mortal worker, and give it an ordinary one once that is dead."""
    world.kill("worker")
    world.empty_ledger()
    assert world.stack.parts is not None
    argv = module_command("tests.e2e.mortal_worker", "--dies", step, "--victim", str(victim))
    mortal = world.start(replace(world.stack.parts.worker(), name="mortal-worker", argv=argv))
    batch_id = world.call_everybody(numbers, limit=LIMIT)
    world.wait_for(lambda: mortal.exit_code is not None)
    world.start_worker()
    assert mortal.exit_code == -signal.SIGKILL
    return batch_id


def calls_of(contacts: list[JsonObject], contact_id: str) -> list[JsonObject]:
    [records] = [each["call_records"] for each in contacts if each["contact_id"] == contact_id]
    assert isinstance(records, list)
    return records


@pytest.mark.parametrize(
    ("step", "ending", "victims_calls"),
    [
        pytest.param(Step.BEFORE_THE_ROW, ORDINARY, [("completed", 1)], id="before the row"),
        pytest.param(
            Step.AFTER_THE_ROW, ORDINARY, [("failed", 0), ("completed", 1)], id="after the row, nobody asked"
        ),
        pytest.param(
            Step.DURING_THE_REQUEST, ANSWER_IS_HELD, [("completed", 1)], id="request sent, no answer yet"
        ),
        pytest.param(Step.AFTER_THE_ANSWER, ORDINARY, [("completed", 1)], id="answered"),
        pytest.param(Step.BEFORE_IT_IS_KEPT, ORDINARY, [("completed", 1)], id="about to be kept"),
        pytest.param(Step.AFTER_IT_IS_KEPT, ORDINARY, [("completed", 1)], id="kept"),
    ],
)
def test_worker_killed_in_a_dial_asks_for_nobody_twice_and_forgets_nobody(
    world: World, step: Step, ending: str, victims_calls: list[tuple[str, int]], tmp_path: Path
) -> None:
    # Who is dialled first; were nobody's answer ever to come, Apollo would rightly stop to dial.
    numbers = [f"+1415555{each:02}{ending if each < LIMIT else ORDINARY}" for each in range(CONTACTS)]
    victim = tmp_path / "victim"

    batch_id = call_under_a_worker_that_dies(world, step, numbers, victim)
    world.wait_for_end(batch_id)
    world.wait_for(lambda: world.running_workflows(f"BatchId='{batch_id}'") == 0, 15)

    contacts = world.contacts(batch_id)
    reckoning = world.reckoning(batch_id)
    assert faults(reckoning, contacts=CONTACTS, limit=LIMIT) == []
    assert reckoning.contact_statuses == {"completed": CONTACTS}
    assert Counter(ring["to"] for ring in world.rings()) == dict.fromkeys(numbers, 1)
    requests = Counter(each["execution_id"] for each in world.create_requests(batch_id))
    assert set(requests.values()) == {1}
    told = [
        (call["call_status"], requests[call["execution_id"]])
        for call in calls_of(contacts, victim.read_text(encoding="utf-8"))
    ]
    assert told == victims_calls
