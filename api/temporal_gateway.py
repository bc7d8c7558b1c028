"""The only file of the API that speaks to Temporal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.call import CallRecord
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId, ContactId
from domain.lifecycle import Action
from domain.ports import EngineHealth
from workflows import names
from workflows.messages import BatchInput, CallEvent, ContactSkipped, FollowUpScheduled

BATCH_WORKFLOW = "BatchWorkflow"
PATIENCE = timedelta(seconds=3)
QUERY_PATIENCE = timedelta(seconds=1)
"""A person waits for the answer; the database has nearly the same one."""
DELIVERY_PATIENCE = timedelta(seconds=2)
"""A provider waits for the answer to its webhook."""


class TemporalGateway:
    """Starts, signals and asks workflows; implements `BatchEngine`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ping(self) -> None:
        """Return when the server answers."""
        async with _translated_failures():
            await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=PATIENCE)

    async def start_batch(self, batch_id: BatchId, campaign_id: CampaignId, total_contacts: int) -> None:
        """Start the batch's workflow; nothing happens when it runs or ran already."""
        async with _translated_failures():
            try:
                await self._client.start_workflow(
                    BATCH_WORKFLOW,
                    BatchInput(batch_id=batch_id, campaign_id=campaign_id),
                    id=names.batch_workflow_id(batch_id),
                    task_queue=names.CONTROL_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    search_attributes=_attributes(batch_id, campaign_id),
                    static_summary=f"{total_contacts} contacts",
                    rpc_timeout=PATIENCE,
                )
            except WorkflowAlreadyStartedError:
                return

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Ask the running workflow for its numbers; None when no worker answers in time."""
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        try:
            tally: BatchTally = await batch.query(
                names.COUNTERS,
                result_type=BatchTally,
                # A workflow that ended, by whosever hand, still answers with what it last knew.
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=QUERY_PATIENCE,
            )
        except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError, RuntimeError):
            return None
        return tally

    async def deliver(self, record: CallRecord) -> bool:
        """Tell the contact's workflow where its call stands; False when it cannot be told now."""
        contact = self._client.get_workflow_handle(
            names.contact_workflow_id(record.batch_id, record.contact_id)
        )
        event = CallEvent(attempt=record.attempt, call_status=record.call_status)
        try:
            await contact.signal(names.CALL_EVENT, event, rpc_timeout=DELIVERY_PATIENCE)
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        except RuntimeError:  # a lazy client that cannot connect
            return False
        return True

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Tell the batch's workflow that it was paused, resumed or cancelled; nothing happens without one."""
        # The change is stored: a signal of that name would do it once more, after the next one perhaps.
        await self._tell(batch_id, names.POLICY_CHANGED, action)

    async def dispatch(self, batch_id: BatchId, campaign_id: CampaignId, total_contacts: int) -> None:
        """Tell the batch's workflow to look for contacts again, and start it anew when it is gone."""
        async with _translated_failures():
            await self._client.start_workflow(
                BATCH_WORKFLOW,
                BatchInput(batch_id=batch_id, campaign_id=campaign_id),
                id=names.batch_workflow_id(batch_id),
                task_queue=names.CONTROL_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=_attributes(batch_id, campaign_id),
                static_summary=f"{total_contacts} contacts",
                start_signal=names.DISPATCH,
                rpc_timeout=PATIENCE,
            )

    async def contact_skipped(self, batch_id: BatchId, contact_id: ContactId, was: ContactStatus) -> None:
        """Tell the batch that a waiting contact was skipped by hand."""
        await self._tell(batch_id, names.CONTACT_SKIPPED, ContactSkipped(contact_id, was))

    async def follow_up_scheduled(
        self, batch_id: BatchId, contact_id: ContactId, attempt: int, at: datetime
    ) -> None:
        """Tell the batch that a completed contact is to be called again, as attempt `attempt`."""
        await self._tell(batch_id, names.FOLLOW_UP_SCHEDULED, FollowUpScheduled(contact_id, attempt, at))

    async def _tell(self, batch_id: BatchId, signal: str, message: object = None) -> None:
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        async with _translated_failures():
            try:
                await batch.signal(signal, message, rpc_timeout=PATIENCE)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def health(self) -> EngineHealth:
        """Say whether the server answers and how many workers poll; never raises."""
        try:
            workflow_pollers, dial_pollers = await asyncio.gather(
                self._pollers(names.CONTROL_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
                self._pollers(names.DIAL_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
            )
        except (RPCError, RuntimeError):
            return EngineHealth(ok=False)
        return EngineHealth(ok=True, workflow_pollers=workflow_pollers, dial_pollers=dial_pollers)

    async def _pollers(self, queue: str, kind: TaskQueueType.ValueType) -> int:
        described = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
            ),
            timeout=PATIENCE,
        )
        return len(described.pollers)


def _attributes(batch_id: BatchId, campaign_id: CampaignId) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword("BatchId"), batch_id),
            SearchAttributePair(SearchAttributeKey.for_keyword("CampaignId"), campaign_id),
        ]
    )


@asynccontextmanager
async def _translated_failures() -> AsyncIterator[None]:
    """Say in our words that Temporal does not answer; a lazy client then raises RuntimeError."""
    try:
        yield
    except (RPCError, RuntimeError) as error:
        raise EngineUnavailable from error
