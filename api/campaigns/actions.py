"""Actions on campaigns: the store decides and keeps them, then the workflows are notified."""

from contextlib import suppress
from dataclasses import replace

from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import campaign_id_of
from api.http.notification import signal_each, signal_workflow
from domain.campaign import Campaign, CampaignRules
from domain.errors import FieldError, InvalidRequest, TechnicalError
from domain.lifecycle import Action
from domain.ports import Amendment, KeyedRequest


async def act_on_campaign(
    dependencies: ApiDependencies, client: Client, campaign: str, action: Action, *, all_batches: bool = False
) -> Campaign:
    """Pause, resume or cancel a campaign and its batches, and return it as it stands.

    Raises EngineUnavailable before anything is changed, CampaignNotFound, IllegalTransition.
    """
    campaign_id = campaign_id_of(campaign)
    await dependencies.engine.ping()
    acted, changed = await dependencies.campaigns.act(
        client.organization_id, campaign_id, action, dependencies.clock(), all_batches=all_batches
    )
    await signal_each(
        changed,
        lambda batch_id: signal_workflow(dependencies.engine.act(batch_id, action), batch_id=batch_id),
    )
    for batch_id in changed:
        dependencies.live_numbers.forget(batch_id)
    return acted


NO_APPLICATION = FieldError(
    ("body", "agent_id"),
    "No Jambonz application for this agent: name it in APOLLO_JAMBONZ_APPLICATIONS",
    "no_application",
)


def require_application(dependencies: ApiDependencies, agent_id: str) -> None:
    """Raise InvalidRequest for an agent whose answered calls would have nothing to run."""
    if not dependencies.can_speak_for(agent_id):
        raise InvalidRequest([NO_APPLICATION])


async def change_campaign(
    dependencies: ApiDependencies, client: Client, campaign: str, amend: Amendment
) -> Campaign:
    """Change a campaign's rules, for every later dial and for contacts that wait; returns it as it stands.

    The workflow of each batch times its waiting contacts by them. Temporal need not answer: nobody is called
    meanwhile, and the housekeeping signals the batches later.
    Raises CampaignNotFound, InvalidRequest for another agent without an application, and what `amend` raises.
    """
    campaign_id = campaign_id_of(campaign)

    def amend_checked(before: CampaignRules) -> CampaignRules:
        after = amend(before)
        if after.agent_id != before.agent_id:
            require_application(dependencies, after.agent_id)
        return after

    changed, batches = await dependencies.campaigns.change(
        client.organization_id, campaign_id, amend_checked, dependencies.clock()
    )
    all_took_it = await signal_each(
        batches,
        lambda batch_id: signal_workflow(dependencies.engine.policy_changed(batch_id), batch_id=batch_id),
    )
    for batch_id in batches:
        dependencies.live_numbers.forget(batch_id)
    if all_took_it and batches:
        with suppress(TechnicalError):  # they are signalled once more, which changes nothing
            await dependencies.reschedules.mark_announced(changed.campaign_id, changed.updated_at)
    return changed


async def clone_campaign(
    dependencies: ApiDependencies,
    client: Client,
    campaign: str,
    name: str,
    keyed: KeyedRequest[Campaign] | None,
) -> Campaign:
    """Keep a `draft` with every rule of a campaign under another name. Raises CampaignNotFound."""
    original = await dependencies.campaigns.get(client.organization_id, campaign_id_of(campaign))
    return await dependencies.campaigns.create(
        client.organization_id, replace(original.rules, name=name), dependencies.clock(), keyed
    )


async def delete_campaign(dependencies: ApiDependencies, client: Client, campaign: str) -> None:
    """Soft-delete a finished campaign. Raises CampaignNotFound, CampaignUnfinished."""
    await dependencies.campaigns.delete(
        client.organization_id, campaign_id_of(campaign), dependencies.clock()
    )
