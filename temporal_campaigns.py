"""How activities reach the workflows that share a campaign's slots."""

from collections.abc import Mapping, Sequence

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId
from domain.leases import SlotsNeeded
from domain.ports import BatchRun
from temporal_requests import request_each
from workflows import attributes, names
from workflows.campaign import CampaignWorkflow
from workflows.messages import CampaignInput


class TemporalCampaigns:
    """Signals and look-ups over a Temporal client; implements `CapacityDirectory`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ask_campaign(self, campaign_id: CampaignId, organization_id: str, needed: SlotsNeeded) -> None:
        """Hand a batch's needs to its campaign's workflow, which is started when none runs."""
        start = CampaignInput(campaign_id=campaign_id, organization_id=organization_id)
        try:
            await self._client.start_workflow(
                CampaignWorkflow.run,
                start,
                id=names.campaign_workflow_id(campaign_id),
                task_queue=names.CONTROL_QUEUE,
                start_signal=names.SLOTS_NEEDED,
                start_signal_args=[needed],
                search_attributes=attributes.of_campaign(start),
                static_summary="shares slots among batches",
                static_details=f"{campaign_id} of {organization_id}",
            )
        except RPCError as error:
            raise EngineUnavailable from error

    async def batch_runs(self, batch_ids: Sequence[BatchId]) -> Mapping[BatchId, BatchRun]:
        """Return how the batches' workflows stand."""
        try:
            found = await request_each(batch_ids, self._batch_run)
        except RPCError as error:
            raise EngineUnavailable from error
        return dict(zip(batch_ids, found, strict=True))

    async def _batch_run(self, batch_id: BatchId) -> BatchRun:
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        try:
            described = await batch.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return BatchRun(is_running=False, has_run=False)
            raise
        if described.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED):
            # One that completed left nobody behind.
            return BatchRun(is_running=described.status is WorkflowExecutionStatus.RUNNING, has_run=True)
        return BatchRun(is_running=False, has_run=True, dispatched=await self._dispatched(batch_id))

    async def _dispatched(self, batch_id: BatchId) -> int:
        counted = await self._client.count_workflows(
            f"BatchId = '{batch_id}' AND WorkflowType = 'ContactWorkflow' "
            "AND ContactStatus = 'dispatched' AND ExecutionStatus = 'Running'"
        )
        return counted.count
