"""What clients change about a campaign: its rules, or that it is there at all."""

from api.campaigns.rescheduling import follow_change
from api.http.authentication import Client
from api.http.dependencies import ApiParts
from api.http.ids import campaign_id_of
from domain.campaign import Campaign
from domain.ports import Amendment


async def change_campaign(parts: ApiParts, client: Client, campaign: str, amend: Amendment) -> Campaign:
    """Change a campaign's rules, for every later dial and for whoever waits; returns it as it stands.

    Temporal need not answer: nobody is called meanwhile, and its workflows are told later.
    Raises CampaignNotFound, and what `amend` raises.
    """
    changed, batches = await parts.campaigns.change(
        client.organization_id, campaign_id_of(campaign), amend, parts.clock()
    )
    await follow_change(parts, batches)
    return changed


async def delete_campaign(parts: ApiParts, client: Client, campaign: str) -> None:
    """Take a finished campaign out of sight. Raises CampaignNotFound, CampaignUnfinished."""
    await parts.campaigns.delete(client.organization_id, campaign_id_of(campaign), parts.clock())
