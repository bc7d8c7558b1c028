"""The yardstick: the bare fan-out.

One parent keeps a window of children open; every child runs one activity that does nothing.
Same server, same converter and the same kind of worker as Apollo's own, so that the ratio says what
telephony, webhooks and rows cost on top.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

PARENT_QUEUE = "bench-control"
CHILD_QUEUE = "bench-contact"
ACTIVITY_QUEUE = "bench-dial"
WINDOW = 100


@activity.defn
async def do_nothing() -> None:
    """Return at once."""


@workflow.defn
class BareContact:
    """One child with one activity."""

    @workflow.run
    async def run(self) -> None:
        """Run the activity."""
        await workflow.execute_activity(
            do_nothing, task_queue=ACTIVITY_QUEUE, start_to_close_timeout=timedelta(seconds=10)
        )


@workflow.defn
class BareFanOut:
    """A sliding window of children and nothing else."""

    def __init__(self) -> None:
        self._open = 0

    @workflow.run
    async def run(self, children: int) -> None:
        """Run so many children, never more than the window at once."""
        tasks = []
        for number in range(children):
            await workflow.wait_condition(lambda: self._open < WINDOW)
            self._open += 1
            tasks.append(asyncio.create_task(self._one(number)))
        await asyncio.gather(*tasks)

    async def _one(self, number: int) -> None:
        child_id = f"{workflow.info().workflow_id}/c/{number}"
        await workflow.execute_child_workflow(BareContact.run, id=child_id, task_queue=CHILD_QUEUE)
        self._open -= 1


@asynccontextmanager
async def fan_out_workers(client: Client) -> AsyncIterator[None]:
    """Serve the fan-out's three queues, configured like Apollo's worker."""
    async with (
        Worker(client, task_queue=PARENT_QUEUE, workflows=[BareFanOut]),
        Worker(
            client,
            task_queue=CHILD_QUEUE,
            workflows=[BareContact],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_workflow_tasks=20,
        ),
        Worker(client, task_queue=ACTIVITY_QUEUE, activities=[do_nothing]),
    ):
        yield
