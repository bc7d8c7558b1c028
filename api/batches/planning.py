"""An upload under the rules of its campaign: what is checked and decided before a batch is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.batches.number_zones import NumberZones
from api.batches.schedule import Schedule, read_schedule
from api.batches.schemas import BatchHead
from api.batches.upload import BatchUpload
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import campaign_id_of
from domain.batch import BatchOverrides, NewBatch, calling_hours_in_force, clock_zone
from domain.campaign import Campaign, CampaignStatus
from domain.contact import NewContact
from domain.errors import CampaignClosed, FieldError, InvalidRequest
from domain.zones import OF_BATCH


@dataclass(frozen=True)
class BatchPlan:
    """A batch as an upload asks for it, allowed by its campaign and not stored."""

    campaign: Campaign
    new: NewBatch
    upload: BatchUpload
    given: Sequence[NewContact]
    """Its contacts, without the zones of their numbers."""
    number_zones: NumberZones

    async def contacts(self) -> Sequence[NewContact]:
        """Return the contacts, with the zones of their numbers where they are asked for; may take seconds."""
        return await self.number_zones.learn(self.given)


async def plan_batch(
    dependencies: ApiDependencies, client: Client, upload: BatchUpload, now: datetime
) -> BatchPlan:
    """Return what would be stored.

    Raises InvalidRequest, ForeignOrganization, CampaignNotFound, CampaignClosed, StoreUnavailable.
    """
    head = upload.head
    read_schedule(head.scheduled_start, head.scheduled_end, head.timezone, now)
    client.require_own(head.organization_id)
    campaign = await _open_campaign(dependencies, client, head)
    number_zones = NumberZones(head.timezone, campaign.rules)
    number_zones.require_fallback(upload.contacts)
    timezone = clock_zone(head.overrides(), campaign.rules)
    schedule = read_schedule(head.scheduled_start, head.scheduled_end, timezone, now)
    new = _new_batch(head, client, campaign, schedule)
    require_some_open_day(new.overrides, campaign)
    return BatchPlan(campaign, new, upload, upload.contacts_in(timezone), number_zones)


async def _open_campaign(dependencies: ApiDependencies, client: Client, head: BatchHead) -> Campaign:
    campaign_id = campaign_id_of(head.campaign_id)
    campaign = await dependencies.campaigns.get(client.organization_id, campaign_id)
    if campaign.status is CampaignStatus.CANCELLED:
        raise CampaignClosed
    return campaign


def _new_batch(head: BatchHead, client: Client, campaign: Campaign, schedule: Schedule) -> NewBatch:
    return NewBatch(
        campaign_id=campaign.campaign_id,
        organization_id=client.organization_id,
        name=head.name,
        scheduled_start=schedule.start,
        scheduled_end=schedule.end,
        concurrency_limit=head.concurrency_limit,
        keep_open=head.keep_open or False,
        overrides=head.overrides(),
        call_context=head.call_context or {},
        metadata=head.metadata or {},
    )


def require_some_open_day(overrides: BatchOverrides, campaign: Campaign) -> None:
    """Raise InvalidRequest where hours are enforced that never open."""
    hours = calling_hours_in_force(overrides, campaign.rules, OF_BATCH)
    if hours.enforced and not hours.working_hours.any_day_enabled:
        message = "Working hours are enforced and no day is enabled"
        raise InvalidRequest([FieldError(("body", "working_hours"), message, "no_enabled_day")])
