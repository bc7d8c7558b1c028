"""The housekeeping's workflow: started by whichever worker comes first."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from temporal.requests import PATIENCE
from workflows import names
from workflows.housekeeping.workflow import JOBS
from workflows.messages import HousekeepingInput

HOUSEKEEPING_WORKFLOW = "HousekeepingWorkflow"
_FIRST_JOBS = 3
"""Of a run that does not say how many it has."""


async def start_housekeeping(client: Client) -> None:
    """Start the workflow unless it runs; one that was ended by hand is started again. Raises RPCError.

    One with other jobs is replaced, and what it did goes on at once: it lacks some, for it began under an
    older version, or has some that this version, which was put back, cannot do.
    """
    has_other_jobs = await _jobs_of_running(client) != len(JOBS)
    await client.start_workflow(
        HOUSEKEEPING_WORKFLOW,
        HousekeepingInput(jobs=len(JOBS)),
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
        if has_other_jobs
        else WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        memo={names.JOBS: len(JOBS)},
        static_summary="delivers endings, starts batches, signals changed rules, posts webhooks",
        static_details="Runs for ever. Ended by hand, it is started again by the next worker.",
        rpc_timeout=PATIENCE,
    )


async def _jobs_of_running(client: Client) -> int:
    """Return how many jobs the last run has; as many as there are where none was ever started."""
    try:
        described = await client.get_workflow_handle(names.HOUSEKEEPING_WORKFLOW_ID).describe(
            rpc_timeout=PATIENCE
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return len(JOBS)
        raise
    return int(await described.memo_value(names.JOBS, default=_FIRST_JOBS))
