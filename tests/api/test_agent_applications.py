"""A campaign names an agent that has something to run, where single agents have applications of their own."""

from dataclasses import replace

import pytest

from api.assembly import install
from tests.api.world import House, a_campaign_body, errors_of

REFUSED = [(["body", "agent_id"], "no_application")]


@pytest.fixture
def house(house: House) -> House:
    """Furnish the house with a provider that speaks for `agent_care` alone."""
    install(house.app, replace(house.parts, can_speak_for=lambda agent_id: agent_id == "agent_care"))
    return house


async def test_campaign_of_an_agent_without_an_application_is_refused_and_not_kept(house: House) -> None:
    refused = await house.client.post("/api/v1/campaigns/", json=a_campaign_body(agent_id="agent_other"))

    assert errors_of(refused) == REFUSED
    assert not house.tables.campaigns


async def test_campaign_is_not_moved_to_an_agent_without_an_application(house: House) -> None:
    campaign = await house.create_campaign()
    path = f"/api/v1/campaigns/{campaign['campaign_id']}"

    refused = await house.client.patch(path, json={"agent_id": "agent_other"})

    assert errors_of(refused) == REFUSED
    assert (await house.client.get(path)).json() == campaign


async def test_campaign_whose_agent_lost_its_application_can_still_be_changed(house: House) -> None:
    campaign = await house.create_campaign()
    install(house.app, replace(house.parts, can_speak_for=lambda _: False))

    changed = await house.client.patch(
        f"/api/v1/campaigns/{campaign['campaign_id']}", json={"name": "October", "agent_id": "agent_care"}
    )

    assert (changed.status_code, changed.json()["name"]) == (200, "October")
