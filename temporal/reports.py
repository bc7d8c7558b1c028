"""How activities reach the workflow of a batch, and learn which contacts' workflows are over."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EngineUnavailable
from domain.identity import BatchId, ContactId
from domain.ports import AttemptReport, Attendance, RescheduledTime
from temporal.requests import request_each
from workflows import names
from workflows.messages import AttemptReported, DueChanged

_FINAL = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)


class ContactWorkflows:
    """Signals and look-ups over a Temporal client; implements `BatchReports` and `WorkflowDirectory`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Give a slot back; to the batch's id and never to a run, so that it reaches whichever is current."""
        batch = self._client.get_workflow_handle(names.batch_workflow_id(batch_id))
        message = AttemptReported(report.contact_id, report.attempt, report.status, report.withheld)
        try:
            await batch.signal(names.ATTEMPT_REPORTED, message)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise EngineUnavailable from error
        return True

    async def attendance(
        self, batch_id: BatchId, contact_ids: Sequence[ContactId]
    ) -> Mapping[ContactId, Attendance]:
        """Return whether the workflow of each contact runs."""
        found = await request_each(contact_ids, lambda each: self._attendance(batch_id, each))
        return dict(zip(contact_ids, found, strict=True))

    async def stop(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> None:
        """Wake contacts that need not wait any longer; who is not running is not woken."""
        await request_each(contact_ids, lambda each: self._signal(batch_id, each, names.STOP))

    async def reschedule(self, batch_id: BatchId, times: Sequence[RescheduledTime]) -> None:
        """Tell contacts until when they sleep now; one that is not running is not told."""
        changes = {each.contact_id: DueChanged(each.attempt, each.due_at) for each in times}
        await request_each(
            list(changes), lambda each: self._signal(batch_id, each, names.DUE_CHANGED, changes[each])
        )

    async def _signal(
        self, batch_id: BatchId, contact_id: ContactId, signal: str, message: object = None
    ) -> None:
        story = self._client.get_workflow_handle(names.contact_workflow_id(batch_id, contact_id))
        with _absence_ignored():
            await story.signal(signal, message)

    async def _attendance(self, batch_id: BatchId, contact_id: ContactId) -> Attendance:
        contact = self._client.get_workflow_handle(names.contact_workflow_id(batch_id, contact_id))
        with _absence_ignored():
            status = (await contact.describe()).status
            if status is WorkflowExecutionStatus.RUNNING:
                return Attendance.RUNNING
            return Attendance.OVER if status in _FINAL else Attendance.MISSING
        return Attendance.MISSING


@contextmanager
def _absence_ignored() -> Iterator[None]:
    """Pass over a workflow that does not exist; any other failure means that Temporal does not answer."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise EngineUnavailable from error
