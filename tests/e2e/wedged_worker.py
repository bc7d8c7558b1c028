"""A worker whose batches fail in their task, as after a bad release: `python -m tests.e2e.wedged_worker`."""

import asyncio

from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from observability.logging import configure_logs
from settings import Settings, read_settings
from temporal.client import connect
from temporal.process_exit import leave
from workflows import names
from workflows.messages import BatchInput


@workflow.defn(name="BatchWorkflow")
class WedgedWorkflow:
    """Raises what no workflow should, about somebody."""

    @workflow.run
    async def run(self, _start: BatchInput) -> str:
        """Fail the task, again and again."""
        raise KeyError("nobody is known under +1 (415) 555-0123")


async def serve(settings: Settings) -> None:
    """Work until the process is killed."""
    worker = Worker(
        await connect(settings),
        task_queue=names.CONTROL_QUEUE,
        workflows=[WedgedWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await worker.run()


def main() -> None:
    """Read the settings as the real worker does, and fail."""
    settings = read_settings()
    configure_logs(settings.log_level, process="wedged worker")
    asyncio.run(serve(settings))
    leave(0)


if __name__ == "__main__":
    main()
