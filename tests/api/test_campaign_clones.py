"""A copy of a campaign: all its rules, and nothing of what it did."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.campaign import CampaignStatus
from tests.api.scene import a_scene
from tests.api.test_campaign_changes import RICH
from tests.api.world import World, created, errors_of

RULES: dict[str, Any] = {
    **RICH,
    "sticky_caller_id": True,
    "calls_per_second": 2.5,
    "fallback_timezone": "America/New_York",
    "presets": ["us-tcpa", "us-fl"],
    "frequency_caps": [{"max_calls": 3, "hours": 24}],
    "on_machine": "hang_up",
    "disposition_rules": [{"disposition": "wrong_number", "then": "suppress", "after_minutes": None}],
}
OWN = {"campaign_id", "name", "created_at", "updated_at"}


async def _clone(world: World, campaign_id: str, name: str = "November", **headers: str) -> httpx.Response:
    return await world.client.post(
        f"/api/v1/campaigns/{campaign_id}/clone", json={"name": name}, headers=headers
    )


async def test_clone_is_a_draft_with_every_rule_of_the_campaign(world: World) -> None:
    campaign = await world.create_campaign(**RULES)
    world.clock.pass_time(timedelta(seconds=5))

    clone = created(await _clone(world, campaign["campaign_id"]))

    assert {name for name in campaign if clone[name] != campaign[name]} == OWN
    assert (clone["name"], clone["status"]) == ("November", "draft")
    read = await world.client.get(f"/api/v1/campaigns/{clone['campaign_id']}")
    assert read.json() == clone


async def test_what_is_cloned_here_are_rules_that_differ_from_their_defaults(world: World) -> None:
    plain, rich = await world.create_campaign(), await world.create_campaign(**RULES)

    counted = {"completed_calls", "failed_calls", "busy_calls", "no_answer_calls", "follow_up_calls"}
    not_rules = {"organization_id", "status", *counted, *OWN} - {"name"}
    assert {name for name in plain if plain[name] == rich[name]} <= not_rules


async def test_clone_has_neither_batches_nor_calls_of_the_campaign_and_leaves_it_alone(world: World) -> None:
    scene = await a_scene(world)
    before = (await world.client.get(f"/api/v1/campaigns/{scene.campaign_id}")).json()

    clone = created(await _clone(world, scene.campaign_id))

    batches = await world.client.get(f"/api/v1/campaigns/{clone['campaign_id']}/batches")
    assert batches.json() == []
    assert {each.campaign_id for each in world.tables.calls.values()} == {scene.campaign_id}
    assert (await world.client.get(f"/api/v1/campaigns/{scene.campaign_id}")).json() == before


@pytest.mark.parametrize("status", CampaignStatus)
async def test_campaign_in_any_status_can_be_cloned(world: World, status: CampaignStatus) -> None:
    scene = await a_scene(world)
    campaigns = world.tables.campaigns
    campaigns[scene.campaign_id] = replace(campaigns[scene.campaign_id], status=status)

    assert created(await _clone(world, scene.campaign_id))["status"] == "draft"


async def test_repeated_key_makes_one_clone_and_another_campaign_is_another_body(world: World) -> None:
    first, second = await world.create_campaign(), await world.create_campaign()
    key = {"Idempotency-Key": "october"}

    made = await _clone(world, first["campaign_id"], **key)
    again = await _clone(world, first["campaign_id"], **key)
    other = await _clone(world, second["campaign_id"], **key)

    assert (again.status_code, again.content) == (201, made.content)
    assert errors_of(other) == [(["header", "Idempotency-Key"], "idempotency_mismatch")]
    assert len(world.tables.campaigns) == 3


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param({}, ["body", "name"], id="no name"),
        pytest.param({"name": " "}, ["body", "name"], id="blank"),
        pytest.param({"name": "a", "agent_id": "b"}, ["body", "agent_id"], id="another field"),
    ],
)
async def test_clone_takes_a_name_and_nothing_else(
    world: World, body: dict[str, str], place: list[str]
) -> None:
    campaign = await world.create_campaign()

    answer = await world.client.post(f"/api/v1/campaigns/{campaign['campaign_id']}/clone", json=body)

    assert [loc for loc, _ in errors_of(answer)] == [place]
    assert len(world.tables.campaigns) == 1
