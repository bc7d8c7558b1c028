"""Standing rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.lifecycle import Action
from domain.ports.paging import Page, Window


class CampaignStore(Protocol):
    """Standing rules."""

    async def create(self, organization_id: OrganizationId, rules: CampaignRules, now: datetime) -> Campaign:
        """Keep a campaign as `draft`."""

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
