"""The only file of the API that speaks to Temporal."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    DescribeWorkflowExecutionRequest,
    GetSystemInfoRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.batch import Batch
from domain.call import CallRecord
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.diagnosis.facts import QueueFacts, QueueRole
from domain.errors import EngineUnavailable
from domain.identity import BatchId, ContactId
from domain.lifecycle import Action
from domain.ports import EngineHealth, WorkflowDescription
from temporal.descriptions import newest_failure, queue_facts, status_word, told_failure
from temporal.encryption import PayloadUnreadable
from workflows import names, search_attributes
from workflows.messages import BatchInput, CallEvent, ContactSkipped, FollowUpScheduled, PolicyChanged
from workflows.text import quantity

BATCH_WORKFLOW = "BatchWorkflow"
PATIENCE = timedelta(seconds=3)
QUERY_PATIENCE = timedelta(seconds=1)
"""A person waits for the answer; the database has nearly the same one."""
DESCRIBE_PATIENCE = timedelta(seconds=1.5)
"""Of two questions one after the other, a person waits for the answer to both."""
DELIVERY_PATIENCE = timedelta(seconds=2)
"""The relay has others to tell; the request that brought a webhook waits even shorter."""

WORKFLOW, ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
QUEUES = (
    (names.CONTROL_QUEUE, WORKFLOW, QueueRole.WORKFLOW),
    (names.CONTACT_QUEUE, WORKFLOW, QueueRole.WORKFLOW),
    (names.STORE_QUEUE, ACTIVITY, QueueRole.WORKFLOW),
    (names.DIAL_QUEUE, ACTIVITY, QueueRole.DIAL),
)
FAILURE_IS_AMONG = 10
"""Newest events that are searched for the failure of a workflow's task."""
UNANSWERED = (
    *(RPCError, RuntimeError),  # the latter from a lazy client that cannot connect
    *(WorkflowQueryFailedError, WorkflowQueryRejectedError),
    *(PayloadUnreadable, KeyError),  # the latter from a process without any key
)
"""What a question to a workflow raises when nobody answers it, or nobody here can read the answer."""


class TemporalGateway:
    """Starts, signals and asks workflows; implements `BatchEngine`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ping(self) -> None:
        """Return when the server answers."""
        async with _translated_failures():
            await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=PATIENCE)

    async def start_batch(self, batch: Batch) -> None:
        """Start the batch's workflow; nothing happens when it runs or ran already.

        One that kept its slots in its own memory is replaced; its contacts go on.
        """
        async with _translated_failures():
            try:
                await self._start(batch, WorkflowIDReusePolicy.REJECT_DUPLICATE)
            except WorkflowAlreadyStartedError:
                if not await self._keeps_slots_in_database(batch.batch_id):
                    await self._replace(batch)

    async def _keeps_slots_in_database(self, batch_id: BatchId) -> bool:
        described = await self._client.get_workflow_handle(names.batch_workflow_id(batch_id)).describe(
            rpc_timeout=PATIENCE
        )
        return bool(await described.memo_value(names.SLOTS_IN_DATABASE, default=False))

    async def _replace(self, batch: Batch) -> None:
        with suppress(RPCError):  # a campaign without slots to lease has none
            await self._client.get_workflow_handle(f"campaign/{batch.campaign_id}").terminate(
                "slots are kept in the database", rpc_timeout=PATIENCE
            )
        await self._start(
            batch, WorkflowIDReusePolicy.ALLOW_DUPLICATE, conflict=WorkflowIDConflictPolicy.TERMINATE_EXISTING
        )

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Ask the running workflow for its numbers; None without an answer in time that can be read."""
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        try:
            tally: BatchTally = await batch.query(
                names.COUNTERS,
                result_type=BatchTally,
                # A workflow that ended, by whosever hand, still answers with what it last knew.
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=QUERY_PATIENCE,
            )
        except UNANSWERED:
            return None
        return tally

    async def deliver(self, record: CallRecord) -> bool:
        """Tell the contact's workflow where its call stands; False when it cannot be told now.

        Once that workflow is over the batch is told instead: the ending may have corrected the contact.
        """
        contact = names.contact_workflow_id(record.batch_id, record.contact_id)
        event = CallEvent(attempt=record.attempt, call_status=record.call_status)
        try:
            if not await self._signal(contact, names.CALL_EVENT, event, patience=DELIVERY_PATIENCE):
                batch = names.batch_workflow_id(record.batch_id)
                await self._signal(batch, names.RECOUNT, patience=DELIVERY_PATIENCE)
        except (RPCError, RuntimeError):  # the latter from a lazy client that cannot connect
            return False
        return True

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Tell the batch's workflow that it was paused, resumed or cancelled; nothing happens without one."""
        # The change is stored: a signal of that name would do it once more, after the next one perhaps.
        await self._tell(batch_id, names.POLICY_CHANGED, PolicyChanged(action))

    async def policy_changed(self, batch_id: BatchId, *, rescheduled_since: datetime | None = None) -> None:
        """Tell the batch's workflow that rules of its campaign changed; nothing happens without one."""
        changed = PolicyChanged(rescheduled_since=rescheduled_since)
        await self._tell(batch_id, names.POLICY_CHANGED, changed)

    async def dispatch(self, batch: Batch) -> None:
        """Tell the batch's workflow to look for contacts again, and start it anew when it is gone."""
        async with _translated_failures():
            await self._start(batch, WorkflowIDReusePolicy.ALLOW_DUPLICATE, signal=names.DISPATCH)

    async def _start(
        self,
        batch: Batch,
        reuse_policy: WorkflowIDReusePolicy,
        *,
        conflict: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.UNSPECIFIED,
        signal: str | None = None,
    ) -> None:
        start = BatchInput(
            batch_id=batch.batch_id, campaign_id=batch.campaign_id, organization_id=batch.organization_id
        )
        await self._client.start_workflow(
            BATCH_WORKFLOW,
            start,
            id=names.batch_workflow_id(batch.batch_id),
            task_queue=names.CONTROL_QUEUE,
            id_reuse_policy=reuse_policy,
            id_conflict_policy=conflict,
            memo={names.SLOTS_IN_DATABASE: True},
            search_attributes=search_attributes.of_batch(
                start, status=batch.status, begins_at=batch.scheduled_start
            ),
            static_summary=quantity(batch.total_contacts, "contact"),
            static_details=f"{batch.batch_id} of {batch.organization_id}, under {batch.campaign_id}",
            start_signal=signal,
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
        async with _translated_failures():
            await self._signal(names.batch_workflow_id(batch_id), signal, message, patience=PATIENCE)

    async def _signal(
        self, workflow_id: str, signal: str, message: object = None, *, patience: timedelta
    ) -> bool:
        """Signal a workflow; False when none of this id runs. Raises RPCError, RuntimeError."""
        workflow = self._client.get_workflow_handle(workflow_id)
        try:
            await workflow.signal(signal, message, rpc_timeout=patience)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def health(self) -> EngineHealth:
        """Say whether the server answers and how many workers poll; never raises."""
        try:
            workflows, dials = await asyncio.gather(
                self._queue(names.CONTROL_QUEUE, WORKFLOW, PATIENCE),
                self._queue(names.DIAL_QUEUE, ACTIVITY, PATIENCE),
            )
        except (RPCError, RuntimeError):
            return EngineHealth(ok=False)
        return EngineHealth(ok=True, workflow_pollers=len(workflows.pollers), dial_pollers=len(dials.pollers))

    async def queues(self) -> Sequence[QueueFacts]:
        """Tell who serves each task queue."""
        async with _translated_failures():
            described = await asyncio.gather(
                *(self._queue(name, kind, DESCRIBE_PATIENCE) for name, kind, _ in QUEUES)
            )
        return [
            queue_facts(name, role, answer) for (name, _, role), answer in zip(QUEUES, described, strict=True)
        ]

    async def describe_batch(self, batch_id: BatchId) -> WorkflowDescription:
        """Tell how the batch's workflow stands; asks the server alone, so it needs no worker."""
        workflow_id = names.batch_workflow_id(batch_id)
        request = DescribeWorkflowExecutionRequest(
            namespace=self._client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
        async with _translated_failures():
            try:
                described = await self._client.workflow_service.describe_workflow_execution(
                    request, timeout=DESCRIBE_PATIENCE
                )
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return WorkflowDescription(workflow_id=workflow_id, status="missing")
            info = described.workflow_execution_info
            fails = described.pending_workflow_task.attempt >= 2
            return WorkflowDescription(
                workflow_id=workflow_id,
                status=status_word(info.status),
                run_id=info.execution.run_id,
                history_length=info.history_length,
                pending_failure=await self._failure(info.execution) if fails else None,
            )

    async def dispatcher(self, batch_id: BatchId) -> Mapping[str, object] | None:
        """Ask the workflow what it knows and waits for; None when no worker answers in time."""
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        try:
            view: dict[str, object] = await batch.query(
                names.DEBUG,
                result_type=dict[str, object],
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=QUERY_PATIENCE,
            )
        except UNANSWERED:
            return None
        return view

    async def _failure(self, run: WorkflowExecution) -> str | None:
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace, execution=run, maximum_page_size=FAILURE_IS_AMONG
        )
        answer = await self._client.workflow_service.get_workflow_execution_history_reverse(
            request, timeout=DESCRIBE_PATIENCE
        )
        failure = newest_failure(answer.history.events)
        if failure is None:
            return None
        try:
            return told_failure(await self._client.data_converter.decode_failure(failure))
        except PayloadUnreadable as error:
            return str(error)

    async def _queue(
        self, name: str, kind: TaskQueueType.ValueType, patience: timedelta
    ) -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=kind,
            report_stats=True,
        )
        return await self._client.workflow_service.describe_task_queue(request, timeout=patience)


@asynccontextmanager
async def _translated_failures() -> AsyncIterator[None]:
    """Say in our words that Temporal does not answer; a lazy client then raises RuntimeError."""
    try:
        yield
    except (RPCError, RuntimeError) as error:
        raise EngineUnavailable from error
