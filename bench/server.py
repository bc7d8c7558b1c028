"""The Temporal server under measurement."""

from collections.abc import Sequence

from temporalio.client import Client

from embedded.stack import RunningStack
from temporal.client import connect
from workflows.names import batch_workflow_id


async def client_of(stack: RunningStack) -> Client:
    """Return a client of the server that the stack works with."""
    return await connect(stack.plan.settings.model_copy(update={"temporal_address": stack.temporal_address}))


async def run_lengths(client: Client, batch_id: str) -> Sequence[int]:
    """Return how many events each run of a batch's workflow has, in no order."""
    runs = client.list_workflows(f"WorkflowId = '{batch_workflow_id(batch_id)}'")
    return [run.history_length async for run in runs]
