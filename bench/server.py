"""The servers under measurement: the API, and Temporal's."""

from collections.abc import Sequence

import httpx
from temporalio.client import Client

from embedded.stack import RunningStack
from temporal.client import connect
from workflows.names import batch_workflow_id


def api_of(stack: RunningStack, *, timeout: float = 60) -> httpx.AsyncClient:
    """Return a client of the stack's API, with its token; each answer may take so many seconds."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    return httpx.AsyncClient(base_url=f"{stack.plan.api_url}/api/v1", headers=headers, timeout=timeout)


async def client_of(stack: RunningStack) -> Client:
    """Return a client of the server that the stack works with."""
    return await connect(stack.plan.settings.model_copy(update={"temporal_address": stack.temporal_address}))


async def run_lengths(client: Client, batch_id: str) -> Sequence[int]:
    """Return how many events each run of a batch's workflow has, in no order."""
    runs = client.list_workflows(f"WorkflowId = '{batch_workflow_id(batch_id)}'")
    return [run.history_length async for run in runs]
