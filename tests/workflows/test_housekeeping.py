"""The housekeeping on a real server: one per namespace, taken up elsewhere when its worker dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.deliveries import DeliveryActivities
from activities.housekeeping import HousekeepingActivities
from activities.interceptors import HeartbeatInterceptor
from activities.number_zones import NumberZoneActivities
from activities.retention import RetentionActivities
from activities.webhooks import WebhookActivities
from domain.call import CallStatus, StatusEvent
from domain.contact import ContactStatus
from temporal.housekeeping import start_housekeeping
from tests import fakes
from tests.fakes import FakeCallStore, FakeEndingStore
from tests.fakes.no_webhooks import no_webhooks
from tests.fakes.retention import nothing_outdated
from tests.workflows.world import SILENCE, World, a_real_server, until
from workflows import names
from workflows.housekeeping.workflow import JOBS, HousekeepingWorkflow
from workflows.messages import HousekeepingInput

pytestmark = pytest.mark.server

GRACE = timedelta(seconds=10)
"""Without it a worker cancels its activities while it tells them that it stops."""
EVERY_JOB = {job.activity.__name__ for job in JOBS}


def now() -> datetime:
    return datetime.now(UTC)


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Return as soon as the server says so."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - a server is asked, that tells nothing by itself
            await asyncio.sleep(0.05)


async def test_batch_that_was_never_started_is_started(live_world: World) -> None:
    batch_id = await live_world.a_batch(2)

    await start_housekeeping(live_world.client)

    await until(lambda: batch_id in live_world.tables.started_at)
    batch = live_world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    assert await batch.result() == "completed"
    assert len(live_world.telephone.requests) == 2


async def test_ending_that_was_stored_and_told_to_nobody_is_delivered_once(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [record] = world.calls(batch_id)
    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=now())
    await FakeCallStore(world.tables).record_event(record.execution_id, ended, event_key="1", body=None)
    story = world.contact_story(world.contacts(batch_id)[0])
    world.tables.started_at[batch_id] = now()

    await start_housekeeping(world.client)

    assert await batch.result() == "completed"
    assert await story.result() == ContactStatus.COMPLETED
    await until(lambda: all(each.delivered_at for each in world.tables.events))
    assert await _placed_calls(story) == 1
    assert await world.has_heard(story, names.CALL_EVENT) <= 1  # none where its activity was completed


async def _placed_calls(story: "WorkflowHandle[Any, Any]") -> int:
    """Return how many activities of a contact have ended: each placed a call, and lasted as long."""
    events = (await story.fetch_history()).events
    return sum(each.HasField("activity_task_completed_event_attributes") for each in events)


async def test_ending_that_is_told_twice_changes_nothing(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [record] = world.calls(batch_id)

    await world.hear(record.execution_id, StatusEvent(status=CallStatus.BUSY, happened_at=now()))
    await world.signal_status(record, CallStatus.BUSY)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)
    await world.signal_status(record, CallStatus.BUSY)
    await world.listening(world.contacts(batch_id)[0])

    assert (await world.contact_story(world.contacts(batch_id)[0]).describe()).status is (
        WorkflowExecutionStatus.RUNNING
    )
    assert len(world.telephone.requests) == 1
    await batch.signal(names.CANCEL)
    assert await batch.result() == "cancelled"


@dataclass
class Deployment:
    """Endings that wait, and a server whose workers die."""

    env: WorkflowEnvironment
    tables: fakes.Tables
    engine: fakes.FakeEngine

    @property
    def client(self) -> Client:
        return self.env.client

    def worker(self) -> Worker:
        """Return a worker that keeps world."""
        housekeeping = HousekeepingActivities(
            fakes.FakeBatchStore(self.tables), fakes.FakeRescheduleStore(self.tables), self.engine, now
        )
        delivering = DeliveryActivities(FakeEndingStore(self.tables), self.engine, self.engine, now)
        return Worker(
            self.client,
            task_queue=names.STORE_QUEUE,
            activities=[
                *housekeeping.all,
                *delivering.all,
                *WebhookActivities(no_webhooks(now)).all,
                *RetentionActivities(nothing_outdated(self.tables, now)).all,
                *NumberZoneActivities(fakes.FakeNumberZoneStore(self.tables), self.engine).all,
            ],
            interceptors=[HeartbeatInterceptor()],
            max_heartbeat_throttle_interval=timedelta(milliseconds=500),
            graceful_shutdown_timeout=GRACE,
        )

    async def jobs(self) -> dict[str, int]:
        """Return the attempt of each job under way."""
        return {
            each.activity_type.name: each.attempt
            for each in await self._pending()
            if each.HasField("last_started_time")
        }

    async def attempts(self) -> dict[str, int]:
        """Return the attempt of each job, also of one that waits to be tried again."""
        return {each.activity_type.name: each.attempt for each in await self._pending()}

    async def _pending(self) -> Sequence[PendingActivityInfo]:
        described = await self.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID).describe()
        return described.raw_description.pending_activities

    async def jobs_run(self, seconds: float = 60) -> None:
        """Return once all jobs are under way."""
        await eventually(self._all_run, seconds)

    async def handed_over(self, jobs: Collection[str]) -> None:
        """Return once each of these jobs, and no other, came to an end of its own, for a worker to go on.

        What ends during a workflow task is written into the history after it. One that is begun anew before
        the worker has stopped ends once more.
        """
        handle = self.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID)

        async def have_ended() -> bool:
            events = (await handle.fetch_history()).events
            ended = (
                events[each.activity_task_completed_event_attributes.scheduled_event_id - 1]
                for each in events
                if each.HasField("activity_task_completed_event_attributes")
            )
            kinds = (each.activity_task_scheduled_event_attributes.activity_type for each in ended)
            return {each.name for each in kinds} == set(jobs)

        await eventually(have_ended)

    async def _all_run(self) -> bool:
        return len(await self.jobs()) == len(JOBS)


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    """A server and one worker for the workflow."""
    async with await a_real_server() as env, _control(env.client):
        yield Deployment(env, fakes.Tables(), fakes.FakeEngine())


@asynccontextmanager
async def _control(client: Client) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=names.CONTROL_QUEUE,
        workflows=[HousekeepingWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def test_there_is_one_housekeeping_however_many_workers_start_it(deployment: Deployment) -> None:
    await asyncio.gather(*(start_housekeeping(deployment.client) for _ in range(5)))

    handle = deployment.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID)
    first = (await handle.describe()).run_id
    await start_housekeeping(deployment.client)
    assert (await handle.describe()).run_id == first


async def test_housekeeping_that_was_ended_by_hand_is_started_by_the_next_worker(
    deployment: Deployment,
) -> None:
    handle = deployment.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID)
    await start_housekeeping(deployment.client)
    await handle.terminate("by hand")

    await start_housekeeping(deployment.client)

    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_housekeeping_that_lacks_a_job_is_replaced_by_the_next_worker(deployment: Deployment) -> None:
    before = await deployment.client.start_workflow(
        HousekeepingWorkflow.run,
        HousekeepingInput(),  # as a worker of the former version did
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
    )
    async with deployment.worker():
        await eventually(partial(_jobs_are, deployment, 3))

        await start_housekeeping(deployment.client)

        await deployment.jobs_run()
    handle = deployment.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID)
    assert (await handle.describe()).run_id != before.first_execution_run_id


async def test_housekeeping_of_a_newer_version_is_replaced_by_one_that_was_put_back(
    deployment: Deployment,
) -> None:
    newer = await deployment.client.start_workflow(
        HousekeepingWorkflow.run,
        HousekeepingInput(jobs=len(JOBS) + 1),
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
        memo={names.JOBS: len(JOBS) + 1},
    )

    await start_housekeeping(deployment.client)

    described = await deployment.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID).describe()
    assert described.run_id != newer.first_execution_run_id
    assert await described.memo_value(names.JOBS) == len(JOBS)


async def _jobs_are(deployment: Deployment, count: int) -> bool:
    return len(await deployment.jobs()) == count


async def test_stop_of_its_worker_is_not_held_up_and_another_one_goes_on(deployment: Deployment) -> None:
    await start_housekeeping(deployment.client)
    async with deployment.worker():
        await deployment.jobs_run()
        stopped_at = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped_at < 20  # a term lasts an hour
    await deployment.handed_over(EVERY_JOB)

    async with deployment.worker():
        await deployment.jobs_run()


async def test_job_that_fails_leaves_the_others_alone(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise AssertionError("a defect")

    monkeypatch.setattr("activities.housekeeping.repeated", broken)
    await start_housekeeping(deployment.client)
    async with deployment.worker():

        async def is_tried_again() -> bool:
            return (await deployment.attempts()).get("start_batches", 0) >= 3

        await eventually(is_tried_again)

        async def delivers() -> bool:
            return "deliver_endings" in await deployment.jobs()

        await eventually(delivers)
    await deployment.handed_over(EVERY_JOB - {"start_batches", "signal_changed_rules"})  # they fail


async def test_it_continues_as_new_and_costs_no_events_meanwhile(deployment: Deployment) -> None:
    handle = deployment.client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID)
    await deployment.client.start_workflow(
        HousekeepingWorkflow.run,
        HousekeepingInput(term=timedelta(seconds=1), terms_per_run=4),
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
    )
    first = (await handle.describe()).run_id
    async with deployment.worker():

        async def is_another_run() -> bool:
            return (await handle.describe()).run_id != first

        await eventually(is_another_run, 20)

    history = await deployment.client.get_workflow_handle(handle.id, run_id=first).fetch_history()
    assert len(history.events) < 50
