"""Every command of the page about operations, typed as it stands there against a real stack.

The stack is one of our own, or the one that `tests/e2e/operated_stack.py` is told of.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.operated_stack import an_operated_world
from tests.e2e.operations_page import Typed, read_page
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.world import World
from workflows.names import SEARCH_ATTRIBUTES

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

TYPED = read_page()
BIN = Path(sys.executable).parent
TCTL = shutil.which("tctl")
_turn = count()

# Section to the batch's status afterwards; the scene is a batch in progress unless the table says otherwise.
MOVES: Mapping[str, str] = {
    "Pause a batch": "paused",
    "Resume a batch": "in_progress",
    "Cancel a batch": "cancelled",
    "Cancel a batch without a reason": "cancelled",
    "Dispatch": "in_progress",
    "Skip one contact": "in_progress",
}
BROKEN = ("A batch was terminated", "A batch was deleted", "A batch was reset")
READS = (
    "Look at one batch",
    "Look inside one contact",
    "Find batches and contacts",
    "See the backlog",
    "Limit the calls per second",
    "Drain a worker",
    "Find wedged workflows",
    "Search attributes",
)
REFUSED = "Somebody tries to pause on the server"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with an_operated_world() as opened:
        yield opened


@dataclass(frozen=True)
class Scene:
    """A batch of five: one sleeps for an hour after a busy line, two talk, two are pending."""

    world: World
    ids: Mapping[str, str]

    @property
    def batch_id(self) -> str:
        return self.ids["BATCH_ID"]

    @property
    def status(self) -> object:
        return self.world.api.batch(self.batch_id)["status"]

    def contact_status(self) -> object:
        [contact] = [
            each
            for each in self.world.contacts(self.batch_id)
            if each["contact_id"] == self.ids["CONTACT_ID"]
        ]
        return contact["status"]

    def type(self, command: Typed) -> "subprocess.CompletedProcess[str]":
        """Run a line of the page as an operator does."""
        program, *words = shlex.split(command.filled(self.ids))
        ours = {
            "TEMPORAL_ADDRESS": self.world.stack.temporal_address,
            "TEMPORAL_CLI_ADDRESS": self.world.stack.temporal_address,
            "APOLLO_API_URL": self.world.stack.plan.api_url,
            "APOLLO_API_TOKEN": self.world.stack.token,
        }
        confirmed = ["--yes"] if "delete" in words else []
        return subprocess.run(  # noqa: S603 - the page is ours
            [TCTL or program if program == "tctl" else str(BIN / program), *words, *confirmed],
            env={**os.environ, **ours},
            capture_output=True,
            check=False,
            text=True,
            timeout=40,
        )


@pytest.fixture
def scene(world: World) -> Scene:
    campaign_id = a_campaign(
        world,
        retry_policy={"max_retries": 2, "cooldown_minutes": 60},
        metadata={"concurrency_limit": 10},
    )
    # Numbers of its own: nobody is called while another scene talks to him.
    numbers = [f"+141555{next(_turn):03}{ending}" for ending in ("01", "55", "55", "55", "55")]
    batch_id = a_batch(world, campaign_id, numbers, concurrency_limit=2)
    world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] == 1)
    world.wait_for(lambda: world.counters(batch_id)[0]["in_flight"] == 2)
    world.wait_for(lambda: world.running_workflows(f"BatchId='{batch_id}' AND ContactStatus='retrying'") == 1)
    [sleeper] = [each for each in world.contacts(batch_id) if each["status"] == "retrying"]
    ids = {
        "BATCH_ID": batch_id,
        "CONTACT_ID": str(sleeper["contact_id"]),
        "CAMPAIGN_ID": campaign_id,
        "ORGANIZATION_ID": "org_demo",
    }
    return Scene(world, ids)


def typed(section: str, mark: str = "run") -> list[Typed]:
    return [each for each in TYPED if (each.section, each.mark) == (section, mark)]


def in_both_tools(sections: Iterable[str]) -> list[object]:
    """Return each section with the mark of its lines; those of tctl only where it is: `make test-tctl`."""
    with_tctl = [section for section in sections if TCTL is not None and typed(section, "tctl")]
    return [
        *(pytest.param(section, "run", id=section) for section in sections),
        *(pytest.param(section, "tctl", id=f"{section}, tctl") for section in with_tctl),
    ]


def rings_twice(world: World) -> int:
    executions = [ring["execution_id"] for ring in world.rings()]
    return len(executions) - len(set(executions))


def test_every_section_with_commands_is_tried() -> None:
    sections = {each.section for each in TYPED}

    assert sections == {*MOVES, *BROKEN, *READS, REFUSED}
    assert {each.mark for each in TYPED} == {"run", "breaks", "refused", "tctl"}


@pytest.mark.parametrize(("section", "mark"), in_both_tools(READS))
def test_command_that_only_looks_answers_and_changes_nothing(scene: Scene, section: str, mark: str) -> None:
    before = scene.status, scene.contact_status()

    done = [scene.type(each) for each in typed(section, mark)]

    assert [(each.returncode, each.stderr) for each in done if each.returncode] == []
    assert (scene.status, scene.contact_status()) == before == ("in_progress", "retrying")


def test_searches_find_the_sleeping_contact_and_its_batch(scene: Scene) -> None:
    sleepers, due, counted, of_organization, _, children = (
        scene.type(each).stdout for each in typed("Find batches and contacts")
    )

    assert scene.ids["CONTACT_ID"] in sleepers
    assert scene.ids["CONTACT_ID"] in due
    assert "1" in re.findall(r"\d+", counted)
    assert f"batch/{scene.batch_id}" in of_organization
    assert "3" in re.findall(r"\d+", children)


@pytest.mark.parametrize(("section", "mark"), in_both_tools(MOVES))
def test_command_moves_the_batch_as_the_page_says(
    world: World, scene: Scene, section: str, mark: str
) -> None:
    workflow_id = f"batch/{scene.batch_id}"
    if section == "Resume a batch":
        world.api.act("batches", scene.batch_id, "pause")

    done = [scene.type(each) for each in typed(section, mark)]

    assert [(each.returncode, each.stderr) for each in done if each.returncode] == []
    world.wait_for(lambda: scene.status == MOVES[section], 10)
    world.wait_until_quiet(workflow_id)
    assert scene.status == MOVES[section]
    is_skipped = section == "Skip one contact" or MOVES[section] == "cancelled"
    assert scene.contact_status() == ("skipped" if is_skipped else "retrying")


@pytest.mark.parametrize("section", BROKEN)
def test_broken_batch_goes_on_and_rings_nobody_twice(world: World, scene: Scene, section: str) -> None:
    [breaks] = typed(section, "breaks")
    workflow_id = f"batch/{scene.batch_id}"
    first_run = world.described(workflow_id)["workflowExecutionInfo"]["execution"]["runId"]
    assert scene.type(breaks).returncode == 0
    world.wait_for(lambda: run_of(world, workflow_id) != (first_run, "WORKFLOW_EXECUTION_STATUS_RUNNING"))

    for each in typed(section):
        assert scene.type(each).returncode == 0

    world.wait_for(lambda: run_of(world, workflow_id)[1] == "WORKFLOW_EXECUTION_STATUS_RUNNING", 20)
    world.wait_for(lambda: world.workflow_counters(scene.batch_id)["dispatched"] == 2, 20)
    assert (scene.status, scene.contact_status()) == ("in_progress", "retrying")
    assert rings_twice(world) == 0


def run_of(world: World, workflow_id: str) -> tuple[str, str]:
    """Return the newest run and its status, empty when there is none."""
    told = world.temporal("describe", "-w", workflow_id, "-o", "json")
    if told.returncode:
        return "", ""
    info = world.described(workflow_id)["workflowExecutionInfo"]
    return info["execution"]["runId"], info["status"]


def test_server_refuses_to_pause_a_workflow(scene: Scene) -> None:
    [refused] = typed(REFUSED, "refused")

    assert scene.type(refused).returncode != 0
    assert scene.status == "in_progress"


def test_page_creates_every_search_attribute() -> None:
    created = re.findall(
        r"create --name (\w+) --type (\w+)", "\n".join(each.line for each in typed("Search attributes"))
    )

    assert dict(created) == dict(SEARCH_ATTRIBUTES)


def test_tctl_line_says_what_the_line_above_it_says() -> None:
    words = {"--workflow_id": "-w", "--query_type": "--name", "--query": "-q", "--taskqueue": "--task-queue"}
    for line in (each for each in TYPED if each.mark == "tctl"):
        translated = [words.get(word, word) for word in shlex.split(line.line)[1:]]
        wanted = [word for word in translated if word not in ("taskqueue", "--taskqueuetype", "activity")]

        said = [shlex.split(each.line)[1:] for each in typed(line.section)]
        assert any(set(wanted) <= set(words) for words in said), line.line
