"""Making a batch of an upload: everything is stored and started, or nothing is."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from anyio import move_on_after

from api.dependencies import Client
from api.identifiers import campaign_id_of
from api.intake.batch import BatchUpload
from api.intake.schedule import Schedule, read_schedule
from api.parts import ApiParts
from domain.batch import Batch, NewBatch, calling_hours_in_force
from domain.campaign import Campaign, CampaignStatus
from domain.errors import CampaignClosed, FieldError, InvalidRequest, TechnicalError

_log = structlog.get_logger()

_UNDO_SECONDS = 5


@dataclass(frozen=True)
class BatchCreation:
    """One upload of one client."""

    parts: ApiParts
    client: Client
    upload: BatchUpload

    async def run(self, now: datetime) -> tuple[Batch, Campaign]:
        """Store the batch and start its workflow.

        Raises InvalidRequest, ForeignOrganization, CampaignNotFound, CampaignClosed, EngineUnavailable,
        StoreUnavailable; nothing is left behind then.
        """
        head = self.upload.head
        read_schedule(head, head.timezone, now)
        self.client.require_own(head.organization_id)
        campaign = await self._campaign()
        schedule = read_schedule(head, head.timezone or campaign.rules.timezone, now)
        new = self._new_batch(campaign, schedule)
        _require_some_open_day(new, campaign)
        await self.parts.engine.ping()
        return await self._store_and_start(new, now), campaign

    async def _campaign(self) -> Campaign:
        campaign_id = campaign_id_of(self.upload.head.campaign_id)
        campaign = await self.parts.campaigns.get(self.client.organization_id, campaign_id)
        if campaign.status is CampaignStatus.CANCELLED:
            raise CampaignClosed
        return campaign

    def _new_batch(self, campaign: Campaign, schedule: Schedule) -> NewBatch:
        head = self.upload.head
        return NewBatch(
            campaign_id=campaign.campaign_id,
            organization_id=self.client.organization_id,
            name=head.name,
            scheduled_start=schedule.start,
            scheduled_end=schedule.end,
            concurrency_limit=head.concurrency_limit,
            overrides=head.overrides(),
            call_context=head.call_context or {},
            metadata=head.metadata or {},
        )

    async def _store_and_start(self, new: NewBatch, now: datetime) -> Batch:
        batch = await self.parts.batches.create(new, self.upload.contacts, now)
        try:
            await self.parts.engine.start_batch(batch)
        except BaseException:
            await self._undo(batch)
            raise
        await self._note_start(batch, now)
        return batch

    async def _undo(self, batch: Batch) -> None:
        """Also when the request is being cancelled, for its sender will ask again."""
        with move_on_after(_UNDO_SECONDS, shield=True):
            try:
                await self.parts.batches.discard(batch.batch_id)
            except TechnicalError:
                _log.warning("batch not discarded; it will be started later", batch_id=batch.batch_id)

    async def _note_start(self, batch: Batch, now: datetime) -> None:
        try:
            await self.parts.batches.mark_started(batch.batch_id, now)
        except TechnicalError:
            _log.warning("start of the batch not noted; it is made good later", batch_id=batch.batch_id)


def _require_some_open_day(new: NewBatch, campaign: Campaign) -> None:
    hours = calling_hours_in_force(new.overrides, campaign.rules, None)
    if hours.enforced and not hours.working_hours.any_day_enabled:
        message = "Working hours are enforced and no day is enabled"
        raise InvalidRequest([FieldError(("body", "working_hours"), message, "no_enabled_day")])
