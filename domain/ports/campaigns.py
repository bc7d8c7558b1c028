"""Standing rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.campaign_stats import CampaignStats
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.lifecycle import Action
from domain.ports.idempotency import KeyedRequest
from domain.ports.paging import Page, Window

Amendment = Callable[[CampaignRules], CampaignRules]
"""Make new rules of old ones; the very same object means that nothing is to change."""


@dataclass(frozen=True, kw_only=True)
class OutdatedCampaign:
    """A campaign whose rules changed since the times of its waiting contacts were computed."""

    campaign_id: CampaignId
    policy_version: int
    touched_at: datetime
    """When its rules, or anything else about it, last changed."""
    batches: Sequence[BatchId]
    """Those that are not over."""


@dataclass(frozen=True, kw_only=True)
class RescheduledPage:
    """What became of a stretch of waiting contacts."""

    changed: int
    """Contacts whose time is another one now, or who are done."""
    last_position: int | None
    """Of the last one looked at, None when nobody is left behind them."""


class CampaignStore(Protocol):
    """Standing rules."""

    async def create(
        self,
        organization_id: OrganizationId,
        rules: CampaignRules,
        now: datetime,
        keyed: KeyedRequest[Campaign] | None = None,
    ) -> Campaign:
        """Keep a campaign as `draft`. Raises IdempotencyKeyBusy, IdempotencyKeyUsed."""

    async def get(self, organization_id: OrganizationId, campaign_id: CampaignId) -> Campaign:
        """Raises CampaignNotFound."""

    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        """Return campaigns, newest first."""

    async def act(
        self,
        organization_id: OrganizationId,
        campaign_id: CampaignId,
        action: Action,
        now: datetime,
        *,
        all_batches: bool = False,
    ) -> tuple[Campaign, Sequence[BatchId]]:
        """Pause, resume or cancel a campaign and its batches; returns it and the batches that changed.

        Resume brings back the batches that were paused with the campaign, with `all_batches` the others too;
        on an active campaign it changes nothing.
        Raises CampaignNotFound, IllegalTransition.
        """

    async def change(
        self, organization_id: OrganizationId, campaign_id: CampaignId, amend: Amendment, now: datetime
    ) -> tuple[Campaign, Sequence[BatchId]]:
        """Change a campaign's rules; returns it and its unfinished batches, none when nothing changed.

        What `amend` raises leaves everything as it was. Raises CampaignNotFound.
        """

    async def delete(self, organization_id: OrganizationId, campaign_id: CampaignId, now: datetime) -> None:
        """Take a campaign out of sight with all that belongs to it, which is kept for what is still heard.

        Raises CampaignNotFound, CampaignUnfinished.
        """

    async def stats(self, organization_id: OrganizationId, campaign_id: CampaignId) -> CampaignStats:
        """Count a campaign's contacts, batches and calls. Raises CampaignNotFound."""


class RescheduleStore(Protocol):
    """Whoever waits, after the rules have changed."""

    async def outdated(self, limit: int) -> Sequence[OutdatedCampaign]:
        """Return campaigns whose waiting contacts may still be timed by older rules, longest first."""

    async def reschedule(
        self,
        batch_id: BatchId,
        after_position: int,
        limit: int,
        now: datetime,
        *,
        quiet_after_unknown: timedelta = timedelta(),
    ) -> RescheduledPage:
        """Compute the times of the next waiting contacts anew, by position; running it again is harmless.

        Of a batch that is over, or gone, nobody waits.
        """

    async def mark_recomputed(self, campaign_id: CampaignId, policy_version: int) -> None:
        """Keep that every waiting contact was seen under this version of the rules, or a newer one."""
