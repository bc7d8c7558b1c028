"""The housekeeping's workflow: started by whichever worker comes first."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from temporal.requests import PATIENCE
from workflows import names
from workflows.messages import HousekeepingInput

HOUSEKEEPING_WORKFLOW = "HousekeepingWorkflow"


async def start_housekeeping(client: Client) -> None:
    """Start the workflow unless it runs; one that was ended by hand is started again. Raises RPCError."""
    await client.start_workflow(
        HOUSEKEEPING_WORKFLOW,
        HousekeepingInput(),
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary="delivers endings, starts batches, signals changed rules",
        static_details="Runs for ever. Ended by hand, it is started again by the next worker.",
        rpc_timeout=PATIENCE,
    )
