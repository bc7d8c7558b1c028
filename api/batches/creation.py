"""Making a batch of an upload.

Until the commit every trouble is an answer, and nothing is stored. From the commit on the batch lives: what
fails then is repaired by the housekeeping, and the answer is 201 all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from anyio import move_on_after

from api.batches.number_zones import NumberZones
from api.batches.schedule import Schedule, read_schedule
from api.batches.schemas import BatchCreated
from api.batches.upload import BatchUpload
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.idempotency import OnceOnly, keyed
from api.http.ids import campaign_id_of
from domain.batch import Batch, BatchOverrides, NewBatch, calling_hours_in_force, clock_zone
from domain.campaign import Campaign, CampaignStatus
from domain.errors import CampaignClosed, FieldError, InvalidRequest

_log = structlog.get_logger()

START_SECONDS = 5
"""How long the answer may wait for the start of what is stored."""


@dataclass(frozen=True)
class BatchCreation:
    """One upload of one client."""

    dependencies: ApiDependencies
    client: Client
    upload: BatchUpload
    once: OnceOnly | None
    """Set when the request may be repeated."""

    async def run(self, now: datetime) -> str:
        """Store the batch and start its workflow; returns the JSON text of the answer.

        Raises InvalidRequest, ForeignOrganization, CampaignNotFound, CampaignClosed, EngineUnavailable,
        StoreUnavailable, IdempotencyKeyBusy, IdempotencyKeyUsed; nothing is left behind then.
        """
        head = self.upload.head
        read_schedule(head.scheduled_start, head.scheduled_end, head.timezone, now)
        self.client.require_own(head.organization_id)
        campaign = await self._campaign()
        number_zones = NumberZones(head.timezone, campaign.rules)
        number_zones.require_fallback(self.upload.contacts)
        timezone = clock_zone(head.overrides(), campaign.rules)
        schedule = read_schedule(head.scheduled_start, head.scheduled_end, timezone, now)
        new = self._new_batch(campaign, schedule)
        require_some_open_day(new.overrides, campaign)
        await self.dependencies.engine.ping()
        answer = partial(self._answer, campaign)
        batch = await self.dependencies.batches.create(
            new, await number_zones.learn(self.upload.contacts), now, keyed(self.once, answer)
        )
        await start_batch(self.dependencies, batch, now)
        return answer(batch)

    def _answer(self, campaign: Campaign, batch: Batch) -> str:
        return BatchCreated.of_import(batch, campaign, self.upload.report).model_dump_json()

    async def _campaign(self) -> Campaign:
        campaign_id = campaign_id_of(self.upload.head.campaign_id)
        campaign = await self.dependencies.campaigns.get(self.client.organization_id, campaign_id)
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


async def start_batch(dependencies: ApiDependencies, batch: Batch, now: datetime) -> None:
    """Start the workflow of a stored batch, or leave that to the housekeeping; the batch lives either way."""
    with move_on_after(START_SECONDS) as patience:
        try:
            await dependencies.engine.start_batch(batch)
            await dependencies.batches.mark_started(batch.batch_id, now)
        except Exception as failure:  # noqa: BLE001 - an error would say that there is no batch
            _log_late_start(batch, type(failure).__qualname__)
    if patience.cancelled_caught:
        _log_late_start(batch, "timeout")


def _log_late_start(batch: Batch, failure: str) -> None:
    _log.warning(
        "batch not started by its request; it is started later", batch_id=batch.batch_id, failure=failure
    )


def require_some_open_day(overrides: BatchOverrides, campaign: Campaign) -> None:
    """Raise InvalidRequest where hours are enforced that never open."""
    hours = calling_hours_in_force(overrides, campaign.rules, None)
    if hours.enforced and not hours.working_hours.any_day_enabled:
        message = "Working hours are enforced and no day is enabled"
        raise InvalidRequest([FieldError(("body", "working_hours"), message, "no_enabled_day")])
