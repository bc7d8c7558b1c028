"""How activities reach the workflow of a batch, and learn which contacts' workflows are over."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EngineUnavailable
from domain.identity import BatchId, ContactId
from domain.ports import AttemptReport, MovedTime
from temporal_requests import request_each
from workflows import names
from workflows.messages import AttemptReported, DueChanged

_BY_HAND = frozenset({WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.CANCELED})


class TemporalReports:
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

    async def closed_among(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> Sequence[ContactId]:
        """Return those whose workflow is not running."""
        statuses = await self._statuses(batch_id, contact_ids)
        return [each for each in contact_ids if statuses[each] is not WorkflowExecutionStatus.RUNNING]

    async def ended_by_hand(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> Sequence[ContactId]:
        """Return those whose workflow somebody terminated or cancelled."""
        statuses = await self._statuses(batch_id, contact_ids)
        return [each for each in contact_ids if statuses[each] in _BY_HAND]

    async def stop(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> None:
        """Wake contacts that need not wait any longer; who is not running is not woken."""
        await request_each(contact_ids, lambda each: self._signal(batch_id, each, names.STOP))

    async def move(self, batch_id: BatchId, moved: Sequence[MovedTime]) -> None:
        """Tell contacts until when they sleep now; who is not running is not told."""
        changes = {each.contact_id: DueChanged(each.attempt, each.due_at) for each in moved}
        await request_each(
            list(changes), lambda each: self._signal(batch_id, each, names.DUE_CHANGED, changes[each])
        )

    async def _signal(
        self, batch_id: BatchId, contact_id: ContactId, signal: str, message: object = None
    ) -> None:
        story = self._client.get_workflow_handle(names.contact_workflow_id(batch_id, contact_id))
        with _absence_ignored():
            await story.signal(signal, message)

    async def _statuses(
        self, batch_id: BatchId, contact_ids: Sequence[ContactId]
    ) -> dict[ContactId, WorkflowExecutionStatus | None]:
        statuses: dict[ContactId, WorkflowExecutionStatus | None] = dict.fromkeys(contact_ids)

        async def look(contact_id: ContactId) -> None:
            story = self._client.get_workflow_handle(names.contact_workflow_id(batch_id, contact_id))
            with _absence_ignored():
                statuses[contact_id] = (await story.describe()).status

        await request_each(contact_ids, look)
        return statuses


@contextmanager
def _absence_ignored() -> Iterator[None]:
    """Pass over a workflow that does not exist; any other failure means that Temporal does not answer."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise EngineUnavailable from error
