"""The contacts of batches."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.call import CallRecord
from domain.contact import Contact, ContactStatus, SkipReason
from domain.disposition import ANYTHING_REPORTED, ReportedFilter
from domain.frequency import CapsAt
from domain.identity import BatchId, ContactId, ExecutionId
from domain.ports.paging import Page, Window
from domain.settlement import Basis, Settlement


class ContactStore(Protocol):
    """The contacts of batches."""

    async def pending_zones(self, batch_id: BatchId) -> Sequence[str | None]:
        """Return the different zones of a batch's pending contacts; None for those without their own."""

    async def skip_by_hand(self, batch_id: BatchId, contact_id: ContactId, now: datetime) -> Contact:
        """Skip a waiting contact at a client's request. Raises ContactNotFound, IllegalTransition."""

    async def schedule_follow_up(
        self,
        batch_id: BatchId,
        contact_id: ContactId,
        at: datetime,
        now: datetime,
        *,
        agreed_at: datetime | None = None,
    ) -> Contact:
        """Let a completed contact be called again at an agreed time.

        `agreed_at` is the time agreed, where `at` is the opening after it.
        Raises ContactNotFound, IllegalTransition when it is not completed, its batch is over,
        or no follow-up is left.
        """

    async def calls_to_hang_up(self, batch_id: BatchId, limit: int) -> Sequence[tuple[ExecutionId, str]]:
        """Return the open calls of skipped contacts, by attempt and the provider's id."""

    async def skipped_stories(
        self, batch_id: BatchId, after_position: int, limit: int
    ) -> Sequence[tuple[ContactId, int]]:
        """Return ids and positions of skipped contacts that were called before: their workflows may wait."""

    async def settle(
        self,
        contact_id: ContactId,
        attempt: int,
        settlement: Settlement,
        now: datetime,
        *,
        basis: Basis | None = None,
    ) -> Settlement:
        """Move a live contact to where its attempt left it.

        Returns what stands: a contact that was already settled is left as it is. `is_first` is true once for
        each ended call, whether its contact was moved by this or skipped before.
        Raises DecisionOvertaken where more was reported of the call than `basis` knows.
        """

    async def dispatched_by(self, batch_id: BatchId) -> str | None:
        """Return the run of the batch's workflow that asked for slots last.

        It hears when contacts it started end, and has looked at no row before it stands here.
        """

    async def give_back(
        self,
        contact_id: ContactId,
        attempt: int,
        now: datetime,
        *,
        due_at: datetime | None = None,
        ends: bool = False,
    ) -> ContactStatus:
        """Give a slot back: a contact that was certainly not dialled returns to the status it waited in.

        A contact that waits for a retry or a follow-up waits until `due_at`, if given. With `ends` there
        is no such time: the retry is over and the outcome of the last call stays; a follow-up stays agreed.
        Of a batch that is over, or with a number that is suppressed, the contact is skipped instead.
        Returns the status that stands, also when there was nothing to give back.
        """

    async def skip(
        self, contact_id: ContactId, reason: SkipReason, now: datetime, *, detail: str | None = None
    ) -> ContactStatus:
        """Skip a waiting contact; returns the status that stands, another one when it was not waiting."""

    async def list_contacts(
        self,
        batch_id: BatchId,
        statuses: Sequence[ContactStatus],
        window: Window,
        reported: ReportedFilter = ANYTHING_REPORTED,
    ) -> Page[Contact]:
        """Return contacts by position; empty `statuses` matches any."""

    async def get_contact(self, batch_id: BatchId, contact_id: ContactId) -> Contact:
        """Raises ContactNotFound."""

    async def calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, Sequence[CallRecord]]:
        """Return the call records of each contact, oldest first."""

    async def capped(
        self, contact_ids: Sequence[ContactId], caps: CapsAt
    ) -> Mapping[ContactId, Sequence[str]]:
        """Return the presets whose caps withhold the numbers of contacts, of those that are withheld."""

    async def latest_calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, CallRecord]:
        """Return the newest call record of each contact that has one."""
