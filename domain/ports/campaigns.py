"""Campaigns."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.campaign_stats import CampaignStats
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.lifecycle import Action
from domain.ports.idempotency import KeyedRequest
from domain.ports.paging import Page, Window

Amendment = Callable[[CampaignRules], CampaignRules]
"""Return the changed rules; the same object means no change."""


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
