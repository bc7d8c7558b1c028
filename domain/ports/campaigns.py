"""Standing rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.identity import CampaignId, OrganizationId
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
