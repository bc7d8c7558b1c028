"""Campaigns."""

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
"""Return the changed rules; the same object means no change."""


@dataclass(frozen=True, kw_only=True)
class UnannouncedRules:
    """Rules of a campaign that changed, of which some of its batches may not have been told."""

    campaign_id: CampaignId
    touched_at: datetime
    """When they, or anything else about the campaign, last changed."""
    batches: Sequence[BatchId]
    """Those that are not over."""


@dataclass(frozen=True, kw_only=True)
class RescheduledPage:
    """The result of rescheduling one page of waiting contacts."""

    changed: int
    """Contacts with a new time, and contacts that are done."""
    last_position: int | None
    """Of the page's last contact, None when it was the last page."""


class CampaignStore(Protocol):
    """Campaigns."""

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

        An error in `amend` leaves everything unchanged. Raises CampaignNotFound.
        """

    async def delete(self, organization_id: OrganizationId, campaign_id: CampaignId, now: datetime) -> None:
        """Soft-delete a campaign with all its rows, which late events may still refer to.

        Raises CampaignNotFound, CampaignUnfinished.
        """

    async def stats(self, organization_id: OrganizationId, campaign_id: CampaignId) -> CampaignStats:
        """Count a campaign's contacts, batches and calls. Raises CampaignNotFound."""


class RescheduleStore(Protocol):
    """Waiting contacts whose rules have changed."""

    async def unannounced(self, before: datetime, limit: int) -> Sequence[UnannouncedRules]:
        """Return campaigns that changed before an instant and whose batches may not know, longest first."""

    async def reschedule(
        self,
        batch_id: BatchId,
        after_position: int,
        limit: int,
        now: datetime,
        *,
        quiet_after_unknown: timedelta = timedelta(),
    ) -> RescheduledPage:
        """Recompute the times of the next waiting contacts, by position; idempotent.

        No contact of a finished or deleted batch waits.
        """

    async def mark_announced(self, campaign_id: CampaignId, touched_at: datetime) -> None:
        """Record that every unfinished batch was signalled the rules as they were changed at that instant.

        Nothing happens when the campaign was changed again since.
        """
