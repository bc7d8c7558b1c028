"""The tests' clock moves on past what the test server cannot do."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import TaskQueueKind
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.testservice.v1 import LockTimeSkippingRequest
from temporalio.api.workflowservice.v1 import (
    ListOpenWorkflowExecutionsRequest,
    ListOpenWorkflowExecutionsResponse,
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.workflows import skipping_server
from tests.workflows.skipping_server import SkippingServer

pytestmark = pytest.mark.server

QUEUE = "clock"


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(days=1), summary="a day")
        return "awake"


@activity.defn
async def knock() -> str:
    return "come in"


@workflow.defn
class Knocks:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(knock, start_to_close_timeout=timedelta(minutes=1))


TASK_QUEUE = TaskQueue(name=QUEUE, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL)


def a_worker(env: WorkflowEnvironment) -> Worker:
    return Worker(
        env.client,
        task_queue=QUEUE,
        workflows=[Sleeps, Knocks],
        activities=[knock],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def test_workflow_task_that_nobody_completes_times_out_and_is_tried_again() -> None:
    async with await SkippingServer.start() as env:
        handle = await env.client.start_workflow(Sleeps.run, id="sleeps", task_queue=QUEUE)
        taken = await env.client.workflow_service.poll_workflow_task_queue(
            PollWorkflowTaskQueueRequest(namespace=env.client.namespace, task_queue=TASK_QUEUE)
        )
        assert taken.workflow_execution.workflow_id == "sleeps"
        async with a_worker(env), asyncio.timeout(60):
            assert await handle.result() == "awake"


async def test_activity_whose_task_went_to_nobody_times_out_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(skipping_server, "LOST_AFTER_SECONDS", 0.5)
    async with await SkippingServer.start() as env:
        poll = PollActivityTaskQueueRequest(namespace=env.client.namespace, task_queue=TASK_QUEUE)
        nobody = asyncio.ensure_future(env.client.workflow_service.poll_activity_task_queue(poll))
        handle = await env.client.start_workflow(Knocks.run, id="knocks", task_queue=QUEUE)
        only_workflows = Worker(
            env.client,
            task_queue=QUEUE,
            workflows=[Knocks],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=0,  # its tasks may go to another
        )
        async with only_workflows:
            assert (await nobody).activity_type.name == "knock"
        async with a_worker(env), asyncio.timeout(60):
            assert await handle.result() == "come in"


async def test_clock_that_is_locked_for_work_that_is_none_skips_all_the_same() -> None:
    async with await SkippingServer.start() as env:
        await env.client.test_service.lock_time_skipping(LockTimeSkippingRequest())
        async with a_worker(env), asyncio.timeout(60):
            handle = await env.client.start_workflow(Sleeps.run, id="sleeps", task_queue=QUEUE)
            assert await handle.result() == "awake"


async def test_clock_waits_for_a_run_that_the_server_cannot_list_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    async with await SkippingServer.start() as env:
        service = env.client.workflow_service
        list_open = service.list_open_workflow_executions
        refused: list[ListOpenWorkflowExecutionsRequest] = []

        async def list_reluctantly(
            request: ListOpenWorkflowExecutionsRequest,
        ) -> ListOpenWorkflowExecutionsResponse:
            if len(refused) < 2:
                refused.append(request)
                raise RPCError("Application error processing RPC", RPCStatusCode.UNKNOWN, b"")
            return await list_open(request)

        monkeypatch.setattr(service, "list_open_workflow_executions", list_reluctantly)
        async with a_worker(env), asyncio.timeout(60):
            handle = await env.client.start_workflow(Sleeps.run, id="sleeps", task_queue=QUEUE)
            assert await handle.result() == "awake"
        assert len(refused) == 2
