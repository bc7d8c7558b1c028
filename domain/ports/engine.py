"""The durable side of batches, as the API and the activities see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.batch import Batch
from domain.call import AttemptKind
from domain.contact import ContactStatus
from domain.diagnosis.facts import QueueFacts
from domain.identity import BatchId, ContactId
from domain.lifecycle import Action
from domain.ports.diagnostics import EngineDiagnostics


@dataclass(frozen=True, kw_only=True)
class EngineHealth:
    """Whether Temporal answers, and how many workers listen."""

    ok: bool
    workflow_pollers: int = 0
    dial_pollers: int = 0


class EngineServer(Protocol):
    """What the engine tells without a workflow. Raises EngineUnavailable."""

    async def ping(self) -> None:
        """Return when the engine answers."""

    async def health(self) -> EngineHealth:
        """Say whether the engine answers and who polls it; never raises."""

    async def queues(self) -> Sequence[QueueFacts]:
        """Tell who serves each task queue."""


class BatchWorkflows(Protocol):
    """Workflows of batches. Raises EngineUnavailable."""

    async def start_batch(self, batch: Batch) -> None:
        """Start the batch's workflow; nothing happens when it runs already."""

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Tell the batch's workflow that it was paused, resumed or cancelled; nothing happens without one."""

    async def policy_changed(self, batch_id: BatchId) -> None:
        """Tell the batch's workflow that rules of its campaign changed; nothing happens without one.

        Contacts were moved at that instant or later, if one is given.
        """

    async def dispatch(self, batch: Batch) -> None:
        """Signal the batch's workflow to look for contacts again, and restart it when it is gone."""

    async def contact_skipped(self, batch_id: BatchId, contact_id: ContactId, was: ContactStatus) -> None:
        """Tell the batch that a waiting contact was skipped by hand."""

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


class BatchEngine(BatchWorkflows, EngineDiagnostics, EngineServer, Protocol):
    """The durable side of batches, as the API sees it. Raises EngineUnavailable."""


@dataclass(frozen=True, kw_only=True)
class AttemptReport:
    """A contact's report to its batch when it gives its slot back."""

    contact_id: ContactId
    attempt: int
    status: ContactStatus
    """Where the contact stands now."""
    withheld: bool = False
    """A gate was closed: the batch may not know yet that it is held."""


class BatchReports(Protocol):
    """The way from a contact to the workflow of its batch."""

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Give a slot back; False when the batch's workflow is gone. Raises EngineUnavailable."""


@dataclass(frozen=True, kw_only=True)
class RescheduledTime:
    """When a contact that sleeps is to be called now."""

    contact_id: ContactId
    attempt: int
    """The attempt it sleeps until; for another attempt the time is ignored."""
    due_at: datetime | None
    """None where it need not wait any longer."""


class Attendance(StrEnum):
    """Whether a contact's workflow runs."""

    RUNNING = "running"
    MISSING = "missing"
    """None runs, and one may be started."""
    OVER = "over"
    """It was terminated, cancelled or failed."""


class WorkflowDirectory(Protocol):
    """The contacts' workflows."""

    async def attendance(
        self, batch_id: BatchId, contact_ids: Sequence[ContactId]
    ) -> Mapping[ContactId, Attendance]:
        """Return whether the workflow of each contact runs. Raises EngineUnavailable."""

    async def stop(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> None:
        """Wake contacts that need not wait any longer; those without a running workflow are left out.

        Raises EngineUnavailable.
        """

    async def reschedule(self, batch_id: BatchId, times: Sequence[RescheduledTime]) -> None:
        """Signal to contacts until when they sleep now; those without a running workflow are left out.

        Raises EngineUnavailable.
        """
