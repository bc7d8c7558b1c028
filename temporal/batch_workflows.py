"""Workflows of batches: started, signalled, asked and described."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.batch import Batch
from domain.call import AttemptKind
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.identity import BatchId, ContactId
from domain.lifecycle import Action
from domain.ports import AttemptReport, WorkflowDescription
from temporal.descriptions import failure_text, newest_failure, status_word
from temporal.encryption import PayloadUnreadable
from temporal.requests import PATIENCE, signalled
from temporal.server import DESCRIBE_PATIENCE, TemporalServer, translated_failures
from workflows import names, search_attributes
from workflows.messages import AttemptReported, BatchInput, ContactSkipped, FollowUpScheduled, PolicyChanged
from workflows.options import TASK_TIMEOUT
from workflows.text import quantity

Answer = TypeVar("Answer")

BATCH_WORKFLOW = "BatchWorkflow"
QUERY_PATIENCE = timedelta(seconds=1)
"""A person waits for the answer; the database has nearly the same one."""
FAILURE_IS_AMONG = 10
"""Newest events that are searched for the failure of a workflow's task."""
UNANSWERED = (
    *(RPCError, RuntimeError),  # the latter from a lazy client that cannot connect
    *(WorkflowQueryFailedError, WorkflowQueryRejectedError),
    *(PayloadUnreadable, KeyError),  # the latter from a process without any key
)
"""What a question to a workflow raises when nobody answers it, or nobody here can read the answer."""


class BatchWorkflows(TemporalServer):
    """The batches of a server; implements `BatchEngine` and `BatchReports`."""

    async def start_batch(self, batch: Batch) -> None:
        """Start the batch's workflow; nothing happens when it runs or ran already.

        One that kept its slots in its own memory is replaced; its contacts go on.
        """
        async with translated_failures():
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
        return await self._query(batch_id, names.COUNTERS, BatchTally)

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Tell the batch's workflow that it was paused, resumed or cancelled; nothing happens without one."""
        # The change is stored: a signal of that name would do it once more, after the next one perhaps.
        await self._tell(batch_id, names.POLICY_CHANGED, PolicyChanged(action))

    async def policy_changed(self, batch_id: BatchId) -> None:
        """Tell the batch's workflow that rules of its campaign changed; nothing happens without one."""
        await self._tell(batch_id, names.POLICY_CHANGED, PolicyChanged())

    async def dispatch(self, batch: Batch) -> None:
        """Signal the batch's workflow to read its contacts again; start it when it is gone."""
        async with translated_failures():
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
            task_timeout=TASK_TIMEOUT,
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
        self,
        batch_id: BatchId,
        contact_id: ContactId,
        attempt: int,
        at: datetime,
        *,
        kind: AttemptKind = AttemptKind.FOLLOW_UP,
    ) -> None:
        """Tell the batch that a completed contact is to be called again, as attempt `attempt`."""
        agreed = FollowUpScheduled(contact_id, attempt, at, kind)
        await self._tell(batch_id, names.FOLLOW_UP_SCHEDULED, agreed)

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Give a slot back; to the batch's id and never to a run, so that it reaches whichever is current."""
        message = AttemptReported(report.contact_id, report.attempt, report.status, report.withheld)
        return await self._tell(batch_id, names.ATTEMPT_REPORTED, message)

    async def _tell(self, batch_id: BatchId, signal: str, message: object = None) -> bool:
        """Signal a batch's workflow; False when none runs. Raises EngineUnavailable."""
        async with translated_failures():
            return await signalled(self._client, names.batch_workflow_id(batch_id), signal, message)

    async def describe_batch(self, batch_id: BatchId) -> WorkflowDescription:
        """Tell how the batch's workflow stands; asks the server alone, so it needs no worker."""
        workflow_id = names.batch_workflow_id(batch_id)
        request = DescribeWorkflowExecutionRequest(
            namespace=self._client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
        async with translated_failures():
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
        return await self._query(batch_id, names.DEBUG, dict[str, object])

    async def _query(self, batch_id: BatchId, query: str, answer: type[Answer]) -> Answer | None:
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        try:
            told: Answer = await batch.query(
                query,
                result_type=answer,
                # A workflow that ended, by whosever hand, still answers with what it last knew.
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=QUERY_PATIENCE,
            )
        except UNANSWERED:
            return None
        return told

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
            return failure_text(await self._client.data_converter.decode_failure(failure))
        except PayloadUnreadable as error:
            return str(error)
