"""The tests' clock moves on past what the test server cannot do."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import TaskQueueKind
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.workflows.skipping_server import SkippingServer

pytestmark = pytest.mark.server

QUEUE = "clock"


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(days=1), summary="a day")
        return "awake"


async def test_workflow_task_that_nobody_completes_times_out_and_is_tried_again() -> None:
    async with await SkippingServer.start() as env:
        handle = await env.client.start_workflow(Sleeps.run, id="sleeps", task_queue=QUEUE)
        taken = await env.client.workflow_service.poll_workflow_task_queue(
            PollWorkflowTaskQueueRequest(
                namespace=env.client.namespace,
                task_queue=TaskQueue(name=QUEUE, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL),
            )
        )
        assert taken.workflow_execution.workflow_id == "sleeps"
        runner = UnsandboxedWorkflowRunner()
        async with Worker(env.client, task_queue=QUEUE, workflows=[Sleeps], workflow_runner=runner):
            async with asyncio.timeout(60):
                assert await handle.result() == "awake"
