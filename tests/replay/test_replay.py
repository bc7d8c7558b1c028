"""Recorded histories replay: a batch that runs while a new version is deployed goes on."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import WorkflowHistory
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.worker import Interceptor, Replayer

from temporal.client import DATA_CONVERTER
from workflows.batch.workflow import BatchWorkflow
from workflows.contact.workflow import ContactWorkflow
from workflows.housekeeping.workflow import HousekeepingWorkflow
from workflows.interceptors import OneArgumentInterceptor
from workflows.sandbox import sandboxed

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*.json"))


def replayer(*interceptors: Interceptor) -> Replayer:
    return Replayer(
        workflows=[BatchWorkflow, ContactWorkflow, HousekeepingWorkflow],
        data_converter=DATA_CONVERTER,
        interceptors=[*interceptors, OneArgumentInterceptor()],
        workflow_runner=sandboxed(),
    )


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


async def failures(
    histories: Iterable[WorkflowHistory], *interceptors: Interceptor
) -> Mapping[str, Exception]:
    """Return what went wrong with each history that does not replay, by its run; one worker replays all."""

    async def one_by_one() -> AsyncIterator[WorkflowHistory]:
        for each in histories:
            yield each

    told = await replayer(*interceptors).replay_workflows(one_by_one(), raise_on_replay_failure=False)
    return told.replay_failures


@pytest.fixture(scope="module")
async def plain() -> Mapping[str, Exception]:
    """What went wrong where no traces are asked for."""
    return await failures(map(recorded, HISTORIES))


@pytest.fixture(scope="module")
async def traced() -> Mapping[str, Exception]:
    """What went wrong where traces are asked for."""
    tracing = TracingInterceptor(TracerProvider().get_tracer("test"))
    return await failures(map(recorded, HISTORIES), tracing)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_recorded_history_replays(path: Path, plain: Mapping[str, Exception]) -> None:
    assert plain.get(recorded(path).run_id) is None


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_recorded_history_replays_where_traces_are_asked_for(
    path: Path, traced: Mapping[str, Exception]
) -> None:
    assert traced.get(recorded(path).run_id) is None


def test_every_recorded_history_is_a_run_of_its_own() -> None:
    assert len({recorded(path).run_id for path in HISTORIES}) == len(HISTORIES)


def test_histories_were_recorded_of_every_workflow() -> None:
    names = {path.stem.split("_", 1)[0] for path in HISTORIES}

    assert names == {"batch", "contact", "housekeeping"}
    assert len(HISTORIES) >= 10


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_recorded_history_carries_ids_and_no_personal_data(path: Path) -> None:
    text = path.read_text()

    assert "+1415" not in text
    assert "callee_name" not in text
    assert "Person" not in text


@pytest.mark.parametrize("hours", [pytest.param(-1, id="earlier"), pytest.param(1, id="later")])
async def test_batch_goes_on_as_it_did_whenever_its_tasks_are_said_to_have_begun(hours: int) -> None:
    """A task that is prolonged while a look takes long is told another time when it is replayed."""
    (path,) = (path for path in HISTORIES if path.stem == "batch_whose_looks_outlasted_their_tasks")
    history = json.loads(path.read_text())
    begun = [each for each in history["events"] if "workflowTaskStartedEventAttributes" in each]
    for task in begun[::2]:
        at = datetime.fromisoformat(task["eventTime"]) + timedelta(hours=hours)
        task["eventTime"] = at.isoformat().replace("+00:00", "Z")

    assert not await failures([WorkflowHistory.from_json(path.stem, json.dumps(history))])


async def test_history_of_another_order_of_commands_alone_does_not_replay() -> None:
    answered, other = (path for path in HISTORIES if path.stem in ("contact_answered", "contact_asleep"))
    history = json.loads(answered.read_text())
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled:
            scheduled["activityType"]["name"] = "another_activity"
    altered = WorkflowHistory.from_json("altered", json.dumps(history))

    found = await failures([altered, recorded(other)])

    assert found.keys() == {altered.run_id}
    with pytest.raises(Exception, match=r"(?i)nondeterminism"):
        raise found[altered.run_id]
