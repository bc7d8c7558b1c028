"""How campaigns choose their numbers, and how fast they dial, over HTTP."""

import pytest

from domain.dial_reservations import DialRate
from domain.identity import CampaignId
from tests.api.world import World, a_campaign_body, errors_of

CAMPAIGNS = "/api/v1/campaigns/"


async def test_campaign_that_says_nothing_has_no_pace_and_is_not_sticky(world: World) -> None:
    for fields in ({}, {"calls_per_second": None, "sticky_caller_id": None}):
        campaign = await world.create_campaign(**fields)
        assert (campaign["calls_per_second"], campaign["sticky_caller_id"]) == (None, False)


@pytest.mark.parametrize("calls_per_second", [0.1, 1, 2.5, 100])
async def test_both_rules_come_back_as_they_were_given(world: World, calls_per_second: float) -> None:
    rules = {"calls_per_second": calls_per_second, "sticky_caller_id": True}
    campaign = await world.create_campaign(**rules)
    assert {name: campaign[name] for name in rules} == rules
    answer = await world.client.get(f"{CAMPAIGNS}{campaign['campaign_id']}")
    assert f'"calls_per_second":{calls_per_second},' in answer.text
    assert answer.json() == campaign


WRONG = [
    pytest.param("calls_per_second", 0, "greater_than_equal", id="no calls"),
    pytest.param("calls_per_second", 0.09, "greater_than_equal", id="too slow"),
    pytest.param("calls_per_second", 100.1, "less_than_equal", id="too fast"),
    pytest.param("calls_per_second", -1, "greater_than_equal", id="negative"),
    pytest.param("calls_per_second", "2", "float_type", id="text"),
    pytest.param("calls_per_second", True, "float_type", id="boolean"),
    pytest.param("sticky_caller_id", "yes", "bool_type", id="a word"),
    pytest.param("sticky_caller_id", 1, "bool_type", id="a number"),
]


@pytest.mark.parametrize(("field", "value", "code"), WRONG)
async def test_wrong_value_is_422_on_creation_and_on_change(
    world: World, field: str, value: object, code: str
) -> None:
    campaign = await world.create_campaign()
    path = f"{CAMPAIGNS}{campaign['campaign_id']}"
    created = await world.client.post(CAMPAIGNS, json=a_campaign_body(**{field: value}))
    changed = await world.client.patch(path, json={field: value})
    assert errors_of(created) == errors_of(changed) == [(["body", field], code)]


async def test_change_replaces_both_rules_and_null_is_back_to_the_default(world: World) -> None:
    campaign = await world.create_campaign(calls_per_second=5, sticky_caller_id=True)
    path = f"{CAMPAIGNS}{campaign['campaign_id']}"

    changed = await world.client.patch(path, json={"calls_per_second": 7.5})
    assert changed.json()["calls_per_second"] == 7.5
    assert changed.json()["sticky_caller_id"] is True
    kept = world.tables.campaigns[CampaignId(campaign["campaign_id"])]
    assert kept.dial_rate == DialRate(calls_per_second=7.5, version=2)
    assert world.tables.policy_versions == {kept.campaign_id: 2}

    reset = await world.client.patch(path, json={"calls_per_second": None, "sticky_caller_id": None})
    assert (reset.json()["calls_per_second"], reset.json()["sticky_caller_id"]) == (None, False)
