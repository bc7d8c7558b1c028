"""A campaign names an agent that has something to run, where single agents have applications of their own."""

from dataclasses import replace

import pytest

from api.assembly import install
from tests.api.world import World, a_campaign_body, errors_of

REFUSED = [(["body", "agent_id"], "no_application")]


@pytest.fixture
def world(world: World) -> World:
    """Furnish the world with a provider that speaks for `agent_care` alone."""
    install(world.app, replace(world.parts, can_speak_for=lambda agent_id: agent_id == "agent_care"))
    return world


async def test_campaign_of_an_agent_without_an_application_is_refused_and_not_kept(world: World) -> None:
    refused = await world.client.post("/api/v1/campaigns/", json=a_campaign_body(agent_id="agent_other"))

    assert errors_of(refused) == REFUSED
    assert not world.tables.campaigns


async def test_campaign_is_not_moved_to_an_agent_without_an_application(world: World) -> None:
    campaign = await world.create_campaign()
    path = f"/api/v1/campaigns/{campaign['campaign_id']}"

    refused = await world.client.patch(path, json={"agent_id": "agent_other"})

    assert errors_of(refused) == REFUSED
    assert (await world.client.get(path)).json() == campaign


async def test_campaign_whose_agent_lost_its_application_can_still_be_changed(world: World) -> None:
    campaign = await world.create_campaign()
    install(world.app, replace(world.parts, can_speak_for=lambda _: False))

    changed = await world.client.patch(
        f"/api/v1/campaigns/{campaign['campaign_id']}", json={"name": "October", "agent_id": "agent_care"}
    )

    assert (changed.status_code, changed.json()["name"]) == (200, "October")
