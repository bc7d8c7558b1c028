"""Recorded histories replay: a batch that runs while a new version is deployed goes on."""

import json
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


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path) -> None:
    await replayer().replay_workflow(recorded(path))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_history_replays_where_traces_are_asked_for(path: Path) -> None:
    tracing = TracingInterceptor(TracerProvider().get_tracer("test"))
    await replayer(tracing).replay_workflow(recorded(path))


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


async def test_history_of_another_order_of_commands_does_not_replay() -> None:
    history = json.loads(next(path for path in HISTORIES if path.stem == "contact_answered").read_text())
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled:
            scheduled["activityType"]["name"] = "another_activity"

    with pytest.raises(Exception, match=r"(?i)nondeterminism"):
        await replayer().replay_workflow(WorkflowHistory.from_json("altered", json.dumps(history)))
