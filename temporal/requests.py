"""A signal to a workflow that may not run."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

PATIENCE = timedelta(seconds=3)


async def signalled(
    client: Client,
    workflow_id: str,
    signal: str,
    message: object = None,
    patience: timedelta = PATIENCE,
) -> bool:
    """Signal a workflow; False when none of this id runs. Raises RPCError, RuntimeError."""
    try:
        await client.get_workflow_handle(workflow_id).signal(signal, message, rpc_timeout=patience)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True
