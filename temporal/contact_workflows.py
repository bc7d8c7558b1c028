"""Workflows of contacts: which of them run, and signals to them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.bounded_gather import gather_bounded
from activities.messages import DialAnswer, PlacedCall
from domain.call import CallRecord, has_ended
from domain.identity import BatchId, ContactId
from domain.ports import Attendance, RescheduledTime
from domain.watchdog import OVER
from temporal.requests import signalled
from temporal.server import translated_failures
from workflows import names
from workflows.messages import CallEvent, DueChanged

_FINAL = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)

REQUESTS_AT_ONCE = 20
DELIVERY_PATIENCE = timedelta(seconds=2)
"""Others wait to be told."""

DOUBTS = timedelta(seconds=10)
"""The server forgets a worker that was killed after so long."""


class ContactWorkflows:
    """The contacts of a server; implements `WorkflowDirectory` and `EndingDelivery`."""

    def __init__(self, client: Client, *, is_new_worker: bool = False) -> None:
        """A new worker doubts for a while that those live to which the server sends the next tasks."""
        self._client = client
        self._doubts_until = monotonic() + DOUBTS.total_seconds() if is_new_worker else 0.0
        self._freed_batches: set[BatchId] = set()

    async def attendance(
        self, batch_id: BatchId, contact_ids: Sequence[ContactId]
    ) -> Mapping[ContactId, Attendance]:
        """Return whether the workflow of each contact runs."""
        found = await gather_bounded(
            contact_ids, lambda each: self._attendance(batch_id, each), at_once=REQUESTS_AT_ONCE
        )
        return dict(zip(contact_ids, found, strict=True))

    async def stop(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> None:
        """Wake contacts that need not wait any longer; one that does not run is passed over."""
        await gather_bounded(
            contact_ids, lambda each: self._signal(batch_id, each, names.STOP), at_once=REQUESTS_AT_ONCE
        )

    async def reschedule(self, batch_id: BatchId, times: Sequence[RescheduledTime]) -> None:
        """Signal contacts until when they sleep now; one that does not run is passed over."""
        changes = {each.contact_id: DueChanged(each.attempt, each.due_at) for each in times}
        await gather_bounded(
            list(changes),
            lambda each: self._signal(batch_id, each, names.DUE_CHANGED, changes[each]),
            at_once=REQUESTS_AT_ONCE,
        )

    async def deliver(self, record: CallRecord) -> bool:
        """Tell its contact's workflow where a call stands; False when that fails now.

        An activity that lasts as long as the call is completed, all others hear of it by signal.
        Once that workflow is over the batch is signalled instead: the ending may have corrected the contact.
        """
        contact = names.contact_workflow_id(record.batch_id, record.contact_id)
        event = CallEvent(record.attempt, record.call_status, record.answered_by)
        try:
            if monotonic() < self._doubts_until:
                await self._free_from_dead_workers(record)
            if await self._completed(record):
                return True
            if not await signalled(self._client, contact, names.CALL_EVENT, event, DELIVERY_PATIENCE):
                batch = names.batch_workflow_id(record.batch_id)
                await signalled(self._client, batch, names.RECOUNT, patience=DELIVERY_PATIENCE)
        except (RPCError, RuntimeError):  # the latter from a lazy client that cannot connect
            return False
        return True

    async def _completed(self, record: CallRecord) -> bool:
        """Complete the activity that awaits the end of a call; False when none does."""
        if record.awaited_by is None or record.started_at is None or not has_ended(record.call_status):
            return False
        run_id, activity_id = record.awaited_by.split("/")
        workflow_id = names.contact_workflow_id(record.batch_id, record.contact_id)
        waiting = self._client.get_async_activity_handle(
            workflow_id=workflow_id, run_id=run_id, activity_id=activity_id
        )
        ended = PlacedCall(
            answer=DialAnswer.PLACED,
            asked_at=record.started_at,
            call_status=record.call_status,
            timing=OVER,
        )
        try:
            await waiting.complete(ended, rpc_timeout=DELIVERY_PATIENCE)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _free_from_dead_workers(self, record: CallRecord) -> None:
        """Have any worker take the next tasks of a contact and its batch, not the one that took the last."""
        workflow_ids = [names.contact_workflow_id(record.batch_id, record.contact_id)]
        if record.batch_id not in self._freed_batches:
            self._freed_batches.add(record.batch_id)
            workflow_ids.append(names.batch_workflow_id(record.batch_id))
        for workflow_id in workflow_ids:
            request = ResetStickyTaskQueueRequest(
                namespace=self._client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
            )
            with suppress(RPCError):  # then its task waits a little longer
                await self._client.workflow_service.reset_sticky_task_queue(
                    request, timeout=DELIVERY_PATIENCE
                )

    async def _signal(
        self, batch_id: BatchId, contact_id: ContactId, signal: str, message: object = None
    ) -> None:
        async with translated_failures():
            await signalled(self._client, names.contact_workflow_id(batch_id, contact_id), signal, message)

    async def _attendance(self, batch_id: BatchId, contact_id: ContactId) -> Attendance:
        contact = self._client.get_workflow_handle(names.contact_workflow_id(batch_id, contact_id))
        async with translated_failures():
            try:
                status = (await contact.describe()).status
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return Attendance.MISSING
        if status is WorkflowExecutionStatus.RUNNING:
            return Attendance.RUNNING
        return Attendance.OVER if status in _FINAL else Attendance.MISSING
