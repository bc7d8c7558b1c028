"""Activities about a batch as a whole."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity

from activities.failures import translating_failures
from activities.messages import (
    ActedOnBatch,
    ActOnBatch,
    BeginBatch,
    DueContacts,
    ExpireBatch,
    FinishBatch,
    FinishedBatch,
    FreshContact,
    FreshPage,
    LoadBatch,
    LoadedBatch,
    NextContacts,
    SlotHolder,
    SlotRequest,
)
from domain.batch import (
    MAX_CONCURRENCY_LIMIT,
    TERMINAL_BATCH,
    Batch,
    calling_hours_in_force,
    concurrency_in_force,
)
from domain.campaign import Campaign
from domain.contact import ContactStatus
from domain.counters import Counters, field_of
from domain.errors import BatchNotFound, Conflict
from domain.frequency import CapsAt
from domain.identity import BatchId
from domain.ports import BatchStore, ContactStore
from domain.working_hours import is_open, next_opening

LOOK_AGAIN_WHEN_BUSY = timedelta(seconds=5)
"""Between two looks for contacts whose numbers were on the phone."""


class BatchActivities:
    """Read and move batches in the store."""

    def __init__(self, batches: BatchStore, contacts: ContactStore, clock: Callable[[], datetime]) -> None:
        self._batches = batches
        self._contacts = contacts
        self._clock = clock

    @activity.defn
    @translating_failures
    async def load_batch(self, request: LoadBatch) -> LoadedBatch:
        """Return how a batch stands; a batch that was taken back does not exist."""
        try:
            batch, campaign = await self._batches.load(BatchId(request.batch_id))
        except BatchNotFound:
            return LoadedBatch(exists=False)
        live = await self._contacts.live_contacts(batch.batch_id, MAX_CONCURRENCY_LIMIT)
        return LoadedBatch(
            exists=True,
            total_contacts=batch.total_contacts,
            status=batch.status,
            concurrency_limit=concurrency_in_force(batch.concurrency_limit, campaign.rules),
            campaign_limit=campaign.rules.concurrency_limit,
            scheduled_start=batch.scheduled_start,
            scheduled_end=batch.scheduled_end,
            paused_by=batch.paused_by,
            counts=_counts(batch.counters),
            live=[SlotHolder(contact_id, attempt) for contact_id, attempt in live],
        )

    @activity.defn
    @translating_failures
    async def begin_batch(self, request: BeginBatch) -> None:
        """Open a batch whose scheduled start has come."""
        await self._batches.begin(BatchId(request.batch_id), self._clock())

    @activity.defn
    @translating_failures
    async def act_on_batch(self, request: ActOnBatch) -> ActedOnBatch | None:
        """Pause, resume or cancel a batch; what its life cycle forbids changes nothing.

        None is what a worker of an earlier version answers.
        """
        try:
            acted = await self._batches.act(BatchId(request.batch_id), request.action, self._clock())
        except (Conflict, BatchNotFound) as refusal:
            return ActedOnBatch(str(refusal))
        return ActedOnBatch(f"now {acted.status}")

    @activity.defn
    @translating_failures
    async def expire_batch(self, request: ExpireBatch) -> None:
        """End a batch whose scheduled end has come."""
        await self._batches.expire(BatchId(request.batch_id), self._clock())

    @activity.defn
    @translating_failures
    async def next_contacts(self, request: NextContacts) -> FreshPage:
        """Return the next pending contacts by position whose windows are open and whose numbers are free."""
        batch_id, now = BatchId(request.batch_id), self._clock()
        batch, campaign = await self._batches.load(batch_id)
        zones = await self._contacts.pending_zones(batch_id)
        hours = {zone: calling_hours_in_force(batch.overrides, campaign.rules, zone) for zone in zones}
        closed = [zone for zone in zones if not is_open(hours[zone], now)]
        page = await self._contacts.next_page(
            batch_id,
            request.after_position,
            request.limit,
            closed_zones=closed,
            caps=CapsAt(campaign.rules.frequency_caps, now),
        )
        openings = [next_opening(hours[zone], now, before=batch.scheduled_end) for zone in closed]
        if page.busy:
            openings.append(now + LOOK_AGAIN_WHEN_BUSY)
        # Not from `hours`: somebody of another zone may have become pending since the zones were read.
        capped = [_opening(batch, campaign, zone, until) for zone, until in page.capped]
        return FreshPage(
            contacts=[FreshContact(contact_id, position) for contact_id, position in page.rows],
            opens_at=min((at for at in openings if at is not None), default=None),
            busy=page.busy,
            last_position=page.last_position or 0,
            capped=len(page.capped),
            capped_until=min((at for at in capped if at is not None), default=None),
        )

    @activity.defn
    @translating_failures
    async def due_contacts(self, request: DueContacts) -> list[SlotRequest]:
        """Return contacts whose retry or follow-up is due."""
        due = await self._contacts.due_contacts(BatchId(request.batch_id), self._clock(), request.limit)
        return [SlotRequest(contact_id, attempt, kind) for contact_id, attempt, kind in due]

    @activity.defn
    @translating_failures
    async def finish_batch(self, request: FinishBatch) -> FinishedBatch:
        """Complete a batch whose contacts are all terminal."""
        batch = await self._batches.finish(BatchId(request.batch_id), self._clock())
        return FinishedBatch(is_over=batch.status in TERMINAL_BATCH)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (
            self.load_batch,
            self.begin_batch,
            self.act_on_batch,
            self.expire_batch,
            self.next_contacts,
            self.due_contacts,
            self.finish_batch,
        )


def _opening(batch: Batch, campaign: Campaign, zone: str | None, at: datetime) -> datetime | None:
    """Return when somebody of a zone may be called from then on, None when not before the batch's end."""
    hours = calling_hours_in_force(batch.overrides, campaign.rules, zone)
    return next_opening(hours, at, before=batch.scheduled_end)


def _counts(counters: Counters) -> dict[ContactStatus, int]:
    return {status: getattr(counters, field_of(status)) for status in ContactStatus}
