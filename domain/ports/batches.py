"""Batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.audit import Actor
from domain.batch import Batch, BatchStatus, NewBatch
from domain.campaign import Campaign
from domain.contact import ContactStatus, NewContact
from domain.counters import Counters
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.lifecycle import Action
from domain.ports.idempotency import KeyedRequest
from domain.ports.paging import Page, Window

BatchAmendment = Callable[[Batch, Campaign], Batch]
"""Return the changed batch, its status aside; the same object means no change."""


@dataclass(frozen=True, kw_only=True)
class ChangedBatch:
    """A batch after a change, and who is to be told."""

    batch: Batch
    campaign: Campaign
    is_to_be_signalled: bool
    """Whether it bears on calls, so that the batch's workflow is to follow it."""
    others_know: bool = True
    """Whether every batch of the campaign was signalled its rules before; else the housekeeping does it."""


@dataclass(frozen=True, kw_only=True)
class CalledAgain:
    """Which contacts of a batch a new one calls again."""

    statuses: frozenset[ContactStatus]
    """Terminal ones."""
    dispositions: frozenset[str] = frozenset()
    """Of the newest call; empty matches any, and none."""


@dataclass(frozen=True, kw_only=True)
class AppendedContacts:
    """What became of contacts that were sent to a batch."""

    total_contacts: int
    """Of the batch."""
    duplicates: int
    """Contacts whose numbers were in the batch already."""


class BatchStore(Protocol):
    """Batches."""

    async def create(
        self,
        new: NewBatch,
        contacts: Sequence[NewContact],
        now: datetime,
        keyed: KeyedRequest[Batch] | None = None,
    ) -> Batch:
        """Keep a batch and all its contacts, in order, and bring its campaign to life.

        Contacts with `skip_detail` are kept as skipped, reason `invalid_number`.
        Raises CampaignNotFound, CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed.
        """

    async def requeue(
        self,
        new: NewBatch,
        which: CalledAgain,
        now: datetime,
        keyed: KeyedRequest[Batch] | None = None,
    ) -> Batch:
        """Keep a batch of contacts of its parent, in order, and bring its campaign to life.

        Bad rows, contacts skipped for a suppression and numbers that are suppressed now are left out.
        Raises NobodyLeft, CampaignNotFound, CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed.
        """

    async def append(  # noqa: PLR0913 - what is appended, and how
        self,
        organization_id: OrganizationId,
        batch_id: BatchId,
        contacts: Sequence[NewContact],
        now: datetime,
        keyed: KeyedRequest[AppendedContacts] | None = None,
        *,
        refuses_duplicates: bool = False,
    ) -> AppendedContacts:
        """Keep contacts behind those of a batch that is not over; numbers it has already are passed over.

        Bad rows are nobody's duplicates.
        Raises BatchNotFound, IllegalTransition, BatchFull, NumbersKnown where duplicates are refused,
        IdempotencyKeyBusy, IdempotencyKeyUsed.
        """

    async def mark_started(self, batch_id: BatchId, now: datetime) -> None:
        """Keep that the batch's workflow was started."""

    async def unstarted(self, after: BatchId | None, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches whose workflow was never started, by id, those behind `after`."""

    async def to_be_roused(self, before: datetime, limit: int) -> Sequence[BatchId]:
        """Return batches that were taken to rest before an instant and have reason not to, longest first.

        Somebody is to be called, the batch is no longer kept open, or it is over.
        """

    async def mark_roused(self, batch_ids: Sequence[BatchId], before: datetime) -> None:
        """Keep that the workflows of batches that rested before an instant were signalled since."""

    async def load(self, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Return a batch of any organization with counters from its contacts. Raises BatchNotFound."""

    async def get(self, organization_id: OrganizationId, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Return a batch with counters from its contacts. Raises BatchNotFound."""

    async def get_uncounted(
        self, organization_id: OrganizationId, batch_id: BatchId
    ) -> tuple[Batch, Campaign]:
        """Return a batch without counting its contacts: its counters are zero.

        Raises BatchNotFound.
        """

    async def count(self, batch_id: BatchId) -> Counters:
        """Return the counters of a batch from its contacts."""

    async def count_in_progress(self, batch_id: BatchId) -> int:
        """Return how many contacts ring or talk."""

    async def list_batches(
        self,
        organization_id: OrganizationId,
        *,
        campaign_id: CampaignId | None,
        statuses: Sequence[BatchStatus],
        window: Window,
    ) -> Page[tuple[Batch, Campaign]]:
        """Return batches, newest first, with counters from their contacts."""

    async def begin(self, batch_id: BatchId, now: datetime) -> BatchStatus:
        """Move a `pending` batch to `in_progress`; returns the status that stands."""

    async def finish(self, batch_id: BatchId, now: datetime) -> Batch:
        """Complete a running batch whose contacts are all terminal, and its campaign with its last batch.

        Returns the batch as it stands; unchanged while any contact is unfinished, or it is kept open.
        """

    async def act(
        self,
        batch_id: BatchId,
        action: Action,
        now: datetime,
        *,
        organization_id: OrganizationId | None = None,
        by: Actor | None = None,
    ) -> Batch:
        """Pause, resume, cancel or close a batch as the life cycle allows, and return it as it stands.

        `by` is who asks for it; None is the actor of the current task.

        A resumed batch is `pending` while its `scheduled_start` is ahead.
        Cancel skips every contact that waits or is being set up, in one statement, and completes the campaign
        with its last batch.
        Close lets a batch that is kept open end with its contacts.
        With `organization_id` a foreign batch does not exist.
        Raises BatchNotFound, IllegalTransition, CampaignPaused.
        """

    async def change(
        self,
        organization_id: OrganizationId,
        batch_id: BatchId,
        amend: BatchAmendment,
        now: datetime,
        *,
        bears_on_calls: bool,
    ) -> ChangedBatch:
        """Change a batch, for every later dial; one whose start lies ahead no more begins.

        A change that bears on no call raises no version and signals nobody.
        An error in `amend` leaves everything unchanged. Raises BatchNotFound.
        """

    async def delete(self, organization_id: OrganizationId, batch_id: BatchId, now: datetime) -> None:
        """Soft-delete a batch that is over. Raises BatchNotFound, IllegalTransition."""

    async def expire(self, batch_id: BatchId, now: datetime) -> Batch:
        """End a batch whose `scheduled_end` has come, and skip every contact that waits; else change nothing.

        One that is kept open is completed when everybody is done.

        Raises BatchNotFound.
        """

    async def dispatch(
        self, organization_id: OrganizationId, batch_id: BatchId, now: datetime, *, start_now: bool
    ) -> tuple[Batch, int]:
        """Let a batch be handed to calling again; returns it and the number of its pending contacts.

        With `start_now` a batch that is `pending` begins, and its `scheduled_start` is now.
        Raises BatchNotFound, IllegalTransition.
        """
