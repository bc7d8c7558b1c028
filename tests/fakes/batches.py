"""Batches in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.audit import Actor
from domain.batch import (
    MAX_CONTACTS_OF_BATCH,
    TERMINAL_BATCH,
    Batch,
    BatchStatus,
    NewBatch,
    PausedBy,
    status_of_new_batch,
)
from domain.campaign import Campaign, CampaignStatus
from domain.contact import WAITING, Contact, ContactStatus, NewContact, SkipReason
from domain.counters import Counters
from domain.errors import (
    BatchFull,
    BatchNotFound,
    CampaignClosed,
    CampaignNotFound,
    CampaignPaused,
    NobodyLeft,
    NumbersKnown,
)
from domain.identity import BATCH_PREFIX, CONTACT_PREFIX, BatchId, CampaignId, ContactId, OrganizationId
from domain.lifecycle import (
    Action,
    changes_nothing,
    require_deletable,
    require_dispatchable,
    require_open_to_contacts,
    status_after_change,
    status_of_resumed_batch,
)
from domain.number_zones import ZONES_VERSION
from domain.ports import (
    AppendedContacts,
    BatchAmendment,
    CalledAgain,
    ChangedBatch,
    KeyedRequest,
    Page,
    Window,
)
from tests.fakes.idempotency import effect_once
from tests.fakes.requeueing import is_called_again
from tests.fakes.tables import CANCELLABLE, Tables, newest_first, page_of

_REVIVED = frozenset({CampaignStatus.DRAFT, CampaignStatus.COMPLETED})


class FakeBatchStore:
    """Implements BatchStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(
        self,
        new: NewBatch,
        contacts: Sequence[NewContact],
        now: datetime,
        keyed: KeyedRequest[Batch] | None = None,
    ) -> Batch:
        """Keep a batch and its contacts, and bring its campaign to life.

        Raises CampaignNotFound, CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed.
        """
        return effect_once(self._tables, keyed, lambda: self._create(new, contacts, now))

    def _create(self, new: NewBatch, contacts: Sequence[NewContact], now: datetime) -> Batch:
        campaign = self._campaign_for(new)
        status, paused_by = status_of_new_batch(campaign.status, new.scheduled_start, now)
        batch = Batch(
            batch_id=BatchId(self._tables.mint(BATCH_PREFIX)),
            campaign_id=new.campaign_id,
            organization_id=new.organization_id,
            parent_batch_id=new.parent_batch_id,
            name=new.name,
            status=status,
            paused_by=paused_by,
            total_contacts=len(contacts),
            concurrency_limit=new.concurrency_limit,
            scheduled_start=new.scheduled_start,
            scheduled_end=new.scheduled_end,
            keep_open=new.keep_open,
            overrides=new.overrides,
            call_context=new.call_context,
            metadata=new.metadata,
            counters=Counters(),
            created_at=now,
            updated_at=now,
        )
        self._tables.batches[batch.batch_id] = batch
        for position, contact in enumerate(contacts, start=1):
            self._keep_contact(batch, position, contact)
        if campaign.status in _REVIVED:
            self._move_campaign(campaign, CampaignStatus.ACTIVE, now)
        return self._counted(batch)

    async def requeue(
        self,
        new: NewBatch,
        which: CalledAgain,
        now: datetime,
        keyed: KeyedRequest[Batch] | None = None,
    ) -> Batch:
        """Raises NobodyLeft, CampaignNotFound, CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed."""
        parent = new.parent_batch_id
        assert parent is not None, "a batch that calls contacts again names whose they are"

        def requeueing() -> Batch:
            again = [
                NewContact(
                    phone_number=each.phone_number,
                    external_id=each.external_id,
                    timezone=each.timezone,
                    number_timezones=each.number_timezones,
                    call_variables=each.call_variables,
                    priority=each.priority,
                )
                for each in self._tables.contacts_of(parent)
                if is_called_again(self._tables, each, new, which, now)
            ]
            if not again:
                raise NobodyLeft
            return self._create(new, again, now)

        return effect_once(self._tables, keyed, requeueing)

    async def append(
        self,
        organization_id: OrganizationId,
        batch_id: BatchId,
        contacts: Sequence[NewContact],
        now: datetime,
        keyed: KeyedRequest[AppendedContacts] | None = None,
        *,
        refuses_duplicates: bool = False,
    ) -> AppendedContacts:
        """Raises what `BatchStore.append` does."""
        batch, _ = await self.get(organization_id, batch_id)

        def appending() -> AppendedContacts:
            require_open_to_contacts(batch.status)
            people = self._tables.contacts_of(batch_id)
            known = {
                each.phone_number for each in people if each.skip_reason is not SkipReason.INVALID_NUMBER
            }
            is_known = [each.skip_detail is None and each.phone_number in known for each in contacts]
            if any(is_known) and refuses_duplicates:
                raise NumbersKnown([row for row, each in enumerate(is_known) if each])
            fresh = [each for each, known in zip(contacts, is_known, strict=True) if not known]
            total = batch.total_contacts + len(fresh)
            if total > MAX_CONTACTS_OF_BATCH:
                raise BatchFull.of(MAX_CONTACTS_OF_BATCH, batch.total_contacts)
            for position, contact in enumerate(fresh, start=batch.total_contacts + 1):
                self._keep_contact(replace(batch, created_at=now), position, contact)
            if fresh:
                self._tables.batches[batch_id] = replace(batch, total_contacts=total, updated_at=now)
                self._tables.rests_since[batch_id] = now
            return AppendedContacts(total_contacts=total, duplicates=sum(is_known))

        return effect_once(self._tables, keyed, appending)

    async def mark_started(self, batch_id: BatchId, now: datetime) -> None:
        """Keep that the batch's workflow was started; the first time stands."""
        self._tables.require_up()
        if batch_id in self._tables.batches:
            self._tables.started_at.setdefault(batch_id, now)

    async def unstarted(self, after: BatchId | None, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches that were never started, by id, those behind `after`."""
        self._tables.require_up()
        overdue = [
            each.batch_id
            for each in self._tables.batches.values()
            if each.batch_id not in self._tables.started_at
            and each.batch_id > (after or "")
            and each.status not in TERMINAL_BATCH
        ]
        return sorted(overdue)[:limit]

    async def to_be_roused(self, before: datetime, limit: int) -> Sequence[BatchId]:
        """Return batches taken to rest before an instant that have reason not to, longest first."""
        self._tables.require_up()
        resting = sorted(self._tables.rests_since.items(), key=lambda each: each[1])
        return [
            batch_id
            for batch_id, since in resting
            if since < before and self._has_reason_to_look(self._tables.batches[batch_id])
        ][:limit]

    def _has_reason_to_look(self, batch: Batch) -> bool:
        if batch.status in TERMINAL_BATCH or not batch.keep_open:
            return True
        return self._tables.counters_of(batch.batch_id).unfinished > 0

    async def mark_roused(self, batch_ids: Sequence[BatchId], before: datetime) -> None:
        """Keep that the workflows of batches that rested before an instant were signalled since."""
        self._tables.require_up()
        for each in batch_ids:
            if self._tables.rests_since.get(each, before) < before:
                del self._tables.rests_since[each]

    async def load(self, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Raises BatchNotFound."""
        self._tables.require_up()
        batch = self._tables.batches.get(batch_id)
        if batch is None or not self._tables.sees(batch.campaign_id):
            raise BatchNotFound
        return self._counted(batch), self._tables.campaigns[batch.campaign_id]

    async def get(self, organization_id: OrganizationId, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Raises BatchNotFound, also for a batch of another organization."""
        batch, campaign = await self.load(batch_id)
        if batch.organization_id != organization_id or batch_id in self._tables.deleted_batches:
            raise BatchNotFound
        return batch, campaign

    async def get_uncounted(
        self, organization_id: OrganizationId, batch_id: BatchId
    ) -> tuple[Batch, Campaign]:
        """Raises BatchNotFound, also for a batch of another organization."""
        batch, campaign = await self.get(organization_id, batch_id)
        return replace(batch, counters=Counters()), campaign

    async def count(self, batch_id: BatchId) -> Counters:
        """Return the counters of a batch from its contacts."""
        self._tables.require_up()
        return self._tables.counters_of(batch_id)

    async def count_in_progress(self, batch_id: BatchId) -> int:
        """Return how many contacts ring or talk."""
        self._tables.require_up()
        return self._tables.counters_of(batch_id).in_flight

    async def list_batches(
        self,
        organization_id: OrganizationId,
        *,
        campaign_id: CampaignId | None,
        statuses: Sequence[BatchStatus],
        window: Window,
    ) -> Page[tuple[Batch, Campaign]]:
        """Return batches, newest first; empty `statuses` matches any."""
        self._tables.require_up()
        matching = [
            (self._counted(each), self._tables.campaigns[each.campaign_id])
            for each in self._tables.batches.values()
            if each.organization_id == organization_id
            and self._tables.shows(each)
            and campaign_id in (None, each.campaign_id)
            and (not statuses or each.status in statuses)
        ]
        return page_of(newest_first(matching, lambda each: (each[0].created_at, each[0].batch_id)), window)

    async def begin(self, batch_id: BatchId, now: datetime) -> BatchStatus:
        """Move a `pending` batch to `in_progress`. Raises BatchNotFound."""
        batch, _ = await self.load(batch_id)
        if batch.status is BatchStatus.PENDING:
            batch = replace(batch, status=BatchStatus.IN_PROGRESS, updated_at=now)
            self._tables.batches[batch_id] = batch
        return batch.status

    async def finish(self, batch_id: BatchId, now: datetime) -> Batch:
        """Complete a batch whose contacts are all terminal, and its campaign with its last one."""
        batch, campaign = await self.load(batch_id)
        if batch.status in TERMINAL_BATCH or batch.counters.unfinished or batch.keep_open:
            return batch
        finished = replace(batch, status=BatchStatus.COMPLETED, paused_by=None, updated_at=now)
        self._tables.batches[batch_id] = finished
        self._tables.complete_campaign(campaign.campaign_id, now)
        return finished

    async def act(
        self,
        batch_id: BatchId,
        action: Action,
        now: datetime,
        *,
        organization_id: OrganizationId | None = None,
        by: Actor | None = None,
    ) -> Batch:
        """Raises BatchNotFound, IllegalTransition, CampaignPaused."""
        batch, campaign = await self.load(batch_id)
        is_foreign = organization_id not in (None, batch.organization_id)
        if is_foreign or batch_id in self._tables.deleted_batches:
            raise BatchNotFound
        if changes_nothing(batch, action):
            return batch
        match action:
            case Action.PAUSE:
                self._move(batch, BatchStatus.PAUSED, now, paused_by=PausedBy.BATCH)
            case Action.RESUME:
                if campaign.status is CampaignStatus.PAUSED:
                    raise CampaignPaused
                self._move(batch, status_of_resumed_batch(batch.scheduled_start, now), now)
            case Action.CLOSE:
                self._tables.batches[batch_id] = replace(batch, keep_open=False, updated_at=now)
            case _:
                self._end(batch, BatchStatus.CANCELLED, now)
        return self._counted(self._tables.batches[batch_id])

    async def change(
        self,
        organization_id: OrganizationId,
        batch_id: BatchId,
        amend: BatchAmendment,
        now: datetime,
        *,
        bears_on_calls: bool,
    ) -> ChangedBatch:
        """Raises BatchNotFound, and what `amend` raises."""
        before, campaign = await self.get(organization_id, batch_id)
        after = amend(before, campaign)
        if after is before:
            return ChangedBatch(batch=before, campaign=campaign, is_to_be_signalled=False)
        if bears_on_calls:
            after = replace(after, status=status_after_change(after, now))
        after = replace(after, updated_at=now)
        self._tables.batches[batch_id] = after
        others_know = not bears_on_calls or self._announce_late(campaign, batch_id, now)
        return ChangedBatch(
            batch=after, campaign=campaign, is_to_be_signalled=bears_on_calls, others_know=others_know
        )

    def _announce_late(self, campaign: Campaign, batch_id: BatchId, now: datetime) -> bool:
        """Leave a change to the housekeeping until it is announced; tells whether nothing was left before."""
        tables, campaign_id = self._tables, campaign.campaign_id
        tables.batch_versions[batch_id] += 1
        version = tables.policy_versions.setdefault(campaign_id, 1)
        announced = tables.recomputed_versions.get(campaign_id, 1)
        tables.recomputed_versions[campaign_id] = min(announced, version - 1)
        tables.campaigns[campaign_id] = replace(campaign, updated_at=now)
        return announced >= version

    async def delete(self, organization_id: OrganizationId, batch_id: BatchId, now: datetime) -> None:
        """Raises BatchNotFound, IllegalTransition."""
        batch, _ = await self.get(organization_id, batch_id)
        require_deletable(batch.status)
        self._tables.deleted_batches.add(batch_id)

    async def expire(self, batch_id: BatchId, now: datetime) -> Batch:
        """End a batch whose `scheduled_end` has come; else change nothing. Raises BatchNotFound."""
        batch, _ = await self.load(batch_id)
        is_time_up = batch.scheduled_end is not None and batch.scheduled_end <= now
        if is_time_up and batch.status not in TERMINAL_BATCH:
            is_done = batch.keep_open and not batch.counters.unfinished
            self._end(batch, BatchStatus.COMPLETED if is_done else BatchStatus.EXPIRED, now)
        return self._counted(self._tables.batches[batch_id])

    async def dispatch(
        self, organization_id: OrganizationId, batch_id: BatchId, now: datetime, *, start_now: bool
    ) -> tuple[Batch, int]:
        """Raises BatchNotFound, IllegalTransition."""
        batch, _ = await self.get(organization_id, batch_id)
        require_dispatchable(batch, start_now=start_now)
        if batch.status is BatchStatus.PENDING:
            begun = replace(batch, status=BatchStatus.IN_PROGRESS, scheduled_start=now, updated_at=now)
            self._tables.batches[batch_id] = batch = begun
        return batch, batch.counters.pending

    def _move(
        self, batch: Batch, status: BatchStatus, now: datetime, *, paused_by: PausedBy | None = None
    ) -> None:
        moved = replace(batch, status=status, paused_by=paused_by, updated_at=now)
        self._tables.batches[batch.batch_id] = moved

    def _end(self, batch: Batch, status: BatchStatus, now: datetime) -> None:
        self._move(batch, status, now)
        if status is BatchStatus.EXPIRED:
            self._tables.skip_everybody(batch.batch_id, WAITING, SkipReason.BATCH_EXPIRED, now)
        else:
            reason = SkipReason.BATCH_CANCELLED
            self._tables.skip_everybody(batch.batch_id, CANCELLABLE, reason, now)
        self._tables.complete_campaign(batch.campaign_id, now)

    def _campaign_for(self, new: NewBatch) -> Campaign:
        campaign = self._tables.campaigns.get(new.campaign_id)
        if not self._tables.sees(new.campaign_id) or campaign is None:
            raise CampaignNotFound
        if campaign.organization_id != new.organization_id:
            raise CampaignNotFound
        if campaign.status is CampaignStatus.CANCELLED:
            raise CampaignClosed
        return campaign

    def _keep_contact(self, batch: Batch, position: int, new: NewContact) -> None:
        is_bad = new.skip_detail is not None
        is_suppressed = self._tables.is_suppressed(batch.organization_id, new.phone_number, batch.created_at)
        reason = SkipReason.SUPPRESSED if is_suppressed else None
        reason = SkipReason.INVALID_NUMBER if is_bad else reason
        contact = Contact(
            contact_id=ContactId(self._tables.mint(CONTACT_PREFIX)),
            batch_id=batch.batch_id,
            campaign_id=batch.campaign_id,
            position=position,
            external_id=new.external_id,
            phone_number=new.phone_number,
            timezone=new.timezone,
            number_timezones=new.number_timezones,
            zones_version=None if new.number_timezones is None else ZONES_VERSION,
            call_variables=new.call_variables,
            not_before=new.not_before,
            priority=new.priority,
            status=ContactStatus.PENDING if reason is None else ContactStatus.SKIPPED,
            skip_reason=reason,
            skip_detail=new.skip_detail,
            created_at=batch.created_at,
            updated_at=batch.created_at,
        )
        self._tables.contacts[contact.contact_id] = contact

    def _counted(self, batch: Batch) -> Batch:
        return replace(batch, counters=self._tables.counters_of(batch.batch_id))

    def _move_campaign(self, campaign: Campaign, status: CampaignStatus, now: datetime) -> None:
        moved = replace(campaign, status=status, updated_at=now)
        self._tables.campaigns[campaign.campaign_id] = moved
