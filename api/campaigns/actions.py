"""What clients do to campaigns: the store decides and keeps it, then the workflows are told."""

from api.campaigns.rescheduling import follow_change
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import campaign_id_of
from api.http.notification import tell_batches
from domain.campaign import Campaign
from domain.lifecycle import Action
from domain.ports import Amendment


async def act_on_campaign(
    parts: ApiDependencies, client: Client, campaign: str, action: Action, *, all_batches: bool = False
) -> Campaign:
    """Pause, resume or cancel a campaign and its batches, and return it as it stands.

    Raises EngineUnavailable before anything is changed, CampaignNotFound, IllegalTransition.
    """
    campaign_id = campaign_id_of(campaign)
    await parts.engine.ping()
    acted, changed = await parts.campaigns.act(
        client.organization_id, campaign_id, action, parts.clock(), all_batches=all_batches
    )
    await tell_batches(lambda batch_id: parts.engine.act(batch_id, action), changed)
    for batch_id in changed:
        parts.live_numbers.forget(batch_id)
    return acted


async def change_campaign(
    parts: ApiDependencies, client: Client, campaign: str, amend: Amendment
) -> Campaign:
    """Change a campaign's rules, for every later dial and for whoever waits; returns it as it stands.

    Temporal need not answer: nobody is called meanwhile, and its workflows are told later.
    Raises CampaignNotFound, and what `amend` raises.
    """
    changed, batches = await parts.campaigns.change(
        client.organization_id, campaign_id_of(campaign), amend, parts.clock()
    )
    await follow_change(parts, batches)
    return changed


async def delete_campaign(parts: ApiDependencies, client: Client, campaign: str) -> None:
    """Take a finished campaign out of sight. Raises CampaignNotFound, CampaignUnfinished."""
    await parts.campaigns.delete(client.organization_id, campaign_id_of(campaign), parts.clock())
