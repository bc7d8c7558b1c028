"""The Temporal server itself: whether it answers, and the pollers of its task queues."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    GetSystemInfoRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from domain.diagnosis.facts import QueueFacts, QueueRole
from domain.errors import EngineUnavailable
from domain.ports import EngineHealth
from temporal.descriptions import queue_facts
from temporal.requests import PATIENCE
from workflows import names

DESCRIBE_PATIENCE = timedelta(seconds=1.5)
"""Of two questions one after the other, a person waits for the answer to both."""

WORKFLOW, ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
QUEUES = (
    (names.CONTROL_QUEUE, WORKFLOW, QueueRole.WORKFLOW),
    (names.CONTACT_QUEUE, WORKFLOW, QueueRole.WORKFLOW),
    (names.STORE_QUEUE, ACTIVITY, QueueRole.WORKFLOW),
    (names.DIAL_QUEUE, ACTIVITY, QueueRole.DIAL),
)


class TemporalServer:
    """Questions that no workflow has to answer; implements `EngineServer`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ping(self) -> None:
        """Return when the server answers."""
        async with translated_failures():
            await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=PATIENCE)

    async def health(self) -> EngineHealth:
        """Say whether the server answers and how many workers poll; never raises."""
        try:
            workflows, dials = await asyncio.gather(
                self._queue(names.CONTROL_QUEUE, WORKFLOW, PATIENCE),
                self._queue(names.DIAL_QUEUE, ACTIVITY, PATIENCE),
            )
        except (RPCError, RuntimeError):
            return EngineHealth(ok=False)
        return EngineHealth(ok=True, workflow_pollers=len(workflows.pollers), dial_pollers=len(dials.pollers))

    async def queues(self) -> Sequence[QueueFacts]:
        """Return the pollers of each task queue."""
        async with translated_failures():
            described = await asyncio.gather(
                *(self._queue(name, kind, DESCRIBE_PATIENCE) for name, kind, _ in QUEUES)
            )
        return [
            queue_facts(name, role, answer) for (name, _, role), answer in zip(QUEUES, described, strict=True)
        ]

    async def _queue(
        self, name: str, kind: TaskQueueType.ValueType, patience: timedelta
    ) -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=kind,
            report_stats=True,
        )
        return await self._client.workflow_service.describe_task_queue(request, timeout=patience)


@asynccontextmanager
async def translated_failures() -> AsyncIterator[None]:
    """Say in our words that Temporal does not answer; a lazy client then raises RuntimeError."""
    try:
        yield
    except (RPCError, RuntimeError) as error:
        raise EngineUnavailable from error
