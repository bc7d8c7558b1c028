"""Making a batch of an upload.

Until the commit every trouble is an answer, and nothing is stored. From the commit on the batch lives: what
fails then is repaired by the housekeeping, and the answer is 201 all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from anyio import move_on_after

from api.batches.schemas import BatchCreated, BatchHead
from api.batches.upload import BatchUpload
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.idempotency import OnceOnly, keyed
from api.http.ids import campaign_id_of
from domain.batch import Batch, NewBatch, calling_hours_in_force
from domain.campaign import Campaign, CampaignStatus
from domain.errors import CampaignClosed, FieldError, InvalidRequest
from domain.given_time import GivenTime

_log = structlog.get_logger()

START_SECONDS = 5
"""How long the answer may wait for the start of what is stored."""


@dataclass(frozen=True)
class _Schedule:
    """Instants in UTC; None means at once, or never."""

    start: datetime | None
    end: datetime | None


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
        _read_schedule(head, head.timezone, now)
        self.client.require_own(head.organization_id)
        campaign = await self._campaign()
        schedule = _read_schedule(head, head.timezone or campaign.rules.timezone, now)
        new = self._new_batch(campaign, schedule)
        _require_some_open_day(new, campaign)
        await self.dependencies.engine.ping()
        answer = partial(self._answer, campaign)
        batch = await self.dependencies.batches.create(
            new, self.upload.contacts, now, keyed(self.once, answer)
        )
        await self._start(batch, now)
        return answer(batch)

    def _answer(self, campaign: Campaign, batch: Batch) -> str:
        return BatchCreated.of_import(batch, campaign, self.upload.report).model_dump_json()

    async def _campaign(self) -> Campaign:
        campaign_id = campaign_id_of(self.upload.head.campaign_id)
        campaign = await self.dependencies.campaigns.get(self.client.organization_id, campaign_id)
        if campaign.status is CampaignStatus.CANCELLED:
            raise CampaignClosed
        return campaign

    def _new_batch(self, campaign: Campaign, schedule: _Schedule) -> NewBatch:
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

    async def _start(self, batch: Batch, now: datetime) -> None:
        """Start the workflow, or leave that to the housekeeping; the batch lives either way."""
        with move_on_after(START_SECONDS) as patience:
            try:
                await self.dependencies.engine.start_batch(batch)
                await self.dependencies.batches.mark_started(batch.batch_id, now)
            except Exception as failure:  # noqa: BLE001 - an error would say that there is no batch
                _log_late_start(batch, type(failure).__qualname__)
        if patience.cancelled_caught:
            _log_late_start(batch, "timeout")


def _log_late_start(batch: Batch, failure: str) -> None:
    _log.warning(
        "batch not started by its request; it is started later", batch_id=batch.batch_id, failure=failure
    )


def _require_some_open_day(new: NewBatch, campaign: Campaign) -> None:
    hours = calling_hours_in_force(new.overrides, campaign.rules, None)
    if hours.enforced and not hours.working_hours.any_day_enabled:
        message = "Working hours are enforced and no day is enabled"
        raise InvalidRequest([FieldError(("body", "working_hours"), message, "no_enabled_day")])


def _read_schedule(head: BatchHead, timezone: str | None, now: datetime) -> _Schedule:
    """Return the schedule; without a zone, only as far as it is known without one.

    Raises InvalidRequest for an instant out of range, or an end that is not after both `now` and the start.
    """
    start = _instant("scheduled_start", head.scheduled_start, timezone)
    end = _instant("scheduled_end", head.scheduled_end, timezone)
    if end is not None and end <= now:
        raise _wrong("scheduled_end", "Must be later than now", "past_end")
    if start is not None and end is not None and end <= start:
        raise _wrong("scheduled_end", "Must be later than scheduled_start", "end_before_start")
    return _Schedule(start, end)


def _instant(name: str, given: GivenTime | None, timezone: str | None) -> datetime | None:
    if given is None or (given.is_local and timezone is None):
        return None
    try:
        return given.instant(timezone or "UTC")
    except ValueError as error:
        raise _wrong(name, str(error), "datetime") from None


def _wrong(name: str, message: str, code: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body", name), message, code)])
