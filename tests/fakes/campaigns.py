"""Campaigns in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.call import AttemptKind, CallStatus
from domain.campaign import CallCounters, Campaign, CampaignRules, CampaignStatus
from domain.errors import CampaignNotFound
from domain.identity import CAMPAIGN_PREFIX, CampaignId, OrganizationId
from domain.ports import Page, Window
from tests.fakes.tables import Tables, newest_first, page_of


class FakeCampaignStore:
    """Implements CampaignStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, organization_id: OrganizationId, rules: CampaignRules, now: datetime) -> Campaign:
        """Keep a campaign as `draft`."""
        self._tables.require_up()
        campaign = Campaign(
            campaign_id=CampaignId(self._tables.mint(CAMPAIGN_PREFIX)),
            organization_id=organization_id,
            status=CampaignStatus.DRAFT,
            rules=rules,
            created_at=now,
            updated_at=now,
        )
        self._tables.campaigns[campaign.campaign_id] = campaign
        return campaign

    async def get(self, organization_id: OrganizationId, campaign_id: CampaignId) -> Campaign:
        """Raises CampaignNotFound."""
        self._tables.require_up()
        campaign = self._tables.campaigns.get(campaign_id)
        if campaign is None or campaign.organization_id != organization_id:
            raise CampaignNotFound
        return self._counted(campaign)

    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        """Return campaigns, newest first; empty `statuses` matches any."""
        self._tables.require_up()
        matching = [
            self._counted(each)
            for each in self._tables.campaigns.values()
            if each.organization_id == organization_id and (not statuses or each.status in statuses)
        ]
        return page_of(newest_first(matching, lambda each: (each.created_at, each.campaign_id)), window)

    def _counted(self, campaign: Campaign) -> Campaign:
        mine = [each for each in self._tables.calls.values() if each.campaign_id == campaign.campaign_id]
        ended = Counter(each.call_status for each in mine)
        return replace(
            campaign,
            call_counters=CallCounters(
                completed_calls=ended[CallStatus.COMPLETED],
                failed_calls=ended[CallStatus.FAILED],
                busy_calls=ended[CallStatus.BUSY],
                no_answer_calls=ended[CallStatus.NO_ANSWER],
                follow_up_calls=sum(each.kind is AttemptKind.FOLLOW_UP for each in mine),
            ),
        )
