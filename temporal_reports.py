"""How activities reach the workflow of a batch, and learn which contacts' workflows are over."""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EngineUnavailable
from domain.identity import BatchId, ContactId
from domain.ports import AttemptReport
from workflows import names
from workflows.messages import AttemptReported

LOOK_UPS_AT_ONCE = 10


class TemporalReports:
    """Signals and look-ups over a Temporal client; implements `BatchReports` and `WorkflowDirectory`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Give a slot back; to the batch's id and never to a run, so that it reaches whichever is current."""
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        message = AttemptReported(report.contact_id, report.attempt, report.status)
        try:
            await batch.signal(names.ATTEMPT_REPORTED, message)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise EngineUnavailable from error
        return True

    async def closed_among(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> Sequence[ContactId]:
        """Return those whose workflow is not running."""
        gate = asyncio.Semaphore(LOOK_UPS_AT_ONCE)

        async def is_closed(contact_id: ContactId) -> bool:
            async with gate:
                return not await self._is_running(names.contact_workflow_id(batch_id, contact_id))

        closed = await asyncio.gather(*(is_closed(each) for each in contact_ids))
        return [each for each, is_over in zip(contact_ids, closed, strict=True) if is_over]

    async def _is_running(self, workflow_id: str) -> bool:
        try:
            description = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise EngineUnavailable from error
        return description.status is WorkflowExecutionStatus.RUNNING
