"""One upload of contacts, run under a campaign, and the rules in force for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.caller_id import CallerIds, CallerIdStrategy
from domain.campaign import CampaignRules, CampaignStatus
from domain.contact import Contact, SkipReason
from domain.counters import Counters
from domain.disposition import DispositionRule, OnMachine
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.presets import schedules_of
from domain.redial import RedialPolicy
from domain.working_hours import CallingHours, WorkingHours
from domain.zones import OF_BATCH, zones_in_force

DEFAULT_CONCURRENCY_LIMIT = 10
"""Of a batch without its own limit, under a campaign without one."""


MAX_CONCURRENCY_LIMIT = 2000

MAX_CONTACTS_OF_BATCH = 1_000_000


class BatchStatus(StrEnum):
    """Where a batch stands; wire values of `status`."""

    PENDING = "pending"
    """Its `scheduled_start` lies ahead."""
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TERMINAL_BATCH = frozenset({BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED})
UNFINISHED_BATCH = frozenset(BatchStatus) - TERMINAL_BATCH


class PausedBy(StrEnum):
    """Who paused a batch."""

    BATCH = "batch"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, kw_only=True)
class BatchOverrides:
    """What a batch decides instead of its campaign; None follows the campaign as it is now."""

    max_retries_override: int | None = None
    retry_policy: RedialPolicy | None = None
    working_hours_enforced: bool | None = None
    working_hours: WorkingHours | None = None
    timezone: str | None = None
    phone_numbers: tuple[str, ...] | None = None
    phone_number_strategy: CallerIdStrategy | None = None
    on_machine: OnMachine | None = None
    disposition_rules: tuple[DispositionRule, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class NewBatch:
    """An accepted upload, before it is kept."""

    campaign_id: CampaignId
    organization_id: OrganizationId
    parent_batch_id: BatchId | None = None
    """The batch whose contacts are called again, None for an upload."""
    name: str | None = None
    scheduled_start: datetime | None = None
    scheduled_end: datetime | None = None
    concurrency_limit: int | None = None
    keep_open: bool = False
    overrides: BatchOverrides = field(default_factory=BatchOverrides)
    call_context: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch as it is kept. All instants are aware."""

    batch_id: BatchId
    campaign_id: CampaignId
    organization_id: OrganizationId
    parent_batch_id: BatchId | None = None
    name: str | None = None
    status: BatchStatus
    paused_by: PausedBy | None = None
    total_contacts: int
    concurrency_limit: int | None = None
    """Its own; None inherits, see `concurrency_in_force`."""
    scheduled_start: datetime | None = None
    scheduled_end: datetime | None = None
    keep_open: bool = False
    """It goes on when everybody is done, until it is closed."""
    overrides: BatchOverrides = field(default_factory=BatchOverrides)
    call_context: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    counters: Counters
    created_at: datetime
    updated_at: datetime


def status_of_new_batch(
    campaign: CampaignStatus, scheduled_start: datetime | None, now: datetime
) -> tuple[BatchStatus, PausedBy | None]:
    """Return how a batch begins its life under a campaign in the given status."""
    if campaign is CampaignStatus.PAUSED:
        return BatchStatus.PAUSED, PausedBy.CAMPAIGN
    if scheduled_start is not None and scheduled_start > now:
        return BatchStatus.PENDING, None
    return BatchStatus.IN_PROGRESS, None


def concurrency_shown(own: int | None, campaign: CampaignRules) -> int:
    """Return the batch's limit as clients see it: its own, else the inherited one."""
    return own or campaign.concurrency_limit or DEFAULT_CONCURRENCY_LIMIT


def concurrency_in_force(own: int | None, campaign: CampaignRules) -> int:
    """Return how many live contacts the batch may have; the campaign's cap holds above its own."""
    shown = concurrency_shown(own, campaign)
    return min(shown, campaign.concurrency_limit or shown)


def redial_policy_in_force(overrides: BatchOverrides, campaign: CampaignRules) -> tuple[RedialPolicy, int]:
    """Return the policy and the number of retries that hold for the batch's contacts."""
    policy = overrides.retry_policy or campaign.retry_policy
    if overrides.max_retries_override is not None:
        return policy, overrides.max_retries_override
    return policy, policy.max_retries


def on_machine_in_force(overrides: BatchOverrides, campaign: CampaignRules) -> OnMachine:
    return overrides.on_machine or campaign.on_machine


def disposition_rules_in_force(
    overrides: BatchOverrides, campaign: CampaignRules
) -> tuple[DispositionRule, ...]:
    rules = overrides.disposition_rules
    return campaign.disposition_rules if rules is None else rules


def caller_ids_in_force(overrides: BatchOverrides, campaign: CampaignRules) -> CallerIds:
    return CallerIds(
        strategy=overrides.phone_number_strategy or campaign.phone_number_strategy,
        numbers=overrides.phone_numbers or campaign.phone_numbers,
        are_own=bool(overrides.phone_numbers),
        is_sticky=campaign.sticky_caller_id,
    )


def call_variables_in_force(campaign: CampaignRules, own: Mapping[str, object]) -> dict[str, object]:
    """Return what an agent learns of a contact: the campaign's defaults with its own variables over them."""
    return {**campaign.default_call_variables, **own}


def timezone_in_force(overrides: BatchOverrides, campaign: CampaignRules) -> str:
    """Return the zone that a batch and its campaign name, which may be `from_number`."""
    return overrides.timezone or campaign.timezone


def hours_of_contact(contact: Contact, overrides: BatchOverrides, campaign: CampaignRules) -> CallingHours:
    """Return the hours of one contact, the zones of its number as they are known by now."""
    zone = contact.zone_under(timezone_in_force(overrides, campaign))
    return calling_hours_in_force(overrides, campaign, zone)


def calling_hours_in_force(
    overrides: BatchOverrides, campaign: CampaignRules, contact_zone: str | None
) -> CallingHours:
    """Return the hours for a contact's key of zones; `OF_BATCH` for those of the batch itself."""
    enforced = overrides.working_hours_enforced
    followed = timezone_in_force(overrides, campaign)
    first, *others = zones_in_force(contact_zone, followed, campaign.fallback_timezone)
    return CallingHours(
        enforced=campaign.working_hours_enforced if enforced is None else enforced,
        timezone=first,
        also_in=tuple(others),
        working_hours=overrides.working_hours or campaign.working_hours,
        blackout_dates=frozenset(campaign.blackout_dates),
        holidays=campaign.holidays,
        presets=schedules_of(campaign.presets),
    )


def clock_zone(overrides: BatchOverrides, campaign: CampaignRules) -> str:
    """Return the one zone in which a batch's own dates and times are read."""
    return calling_hours_in_force(overrides, campaign, OF_BATCH).timezone


def effective_timezones(contact: Contact, batch: Batch, campaign: CampaignRules) -> tuple[str, ...]:
    """Return the zones that hold for a contact; none of a bad row or an erased one, which is not called."""
    if contact.skip_reason is SkipReason.INVALID_NUMBER or contact.erased_at is not None:
        return ()
    return hours_of_contact(contact, batch.overrides, campaign).timezones
