"""Frequency caps of campaigns over HTTP."""

import pytest

from tests.api.world import World, a_campaign_body, errors_of

CAMPAIGNS = "/api/v1/campaigns/"


async def test_campaign_without_caps_shows_none(world: World) -> None:
    assert (await world.create_campaign())["frequency_caps"] == []
    assert (await world.create_campaign(frequency_caps=None))["frequency_caps"] == []


@pytest.mark.parametrize(
    "caps",
    [
        pytest.param([{"max_calls": 3, "hours": 24}], id="3 in 24 hours"),
        pytest.param([{"max_calls": 1, "hours": 0.5}, {"max_calls": 7, "hours": 168}], id="two"),
        pytest.param([{"max_calls": 100, "hours": 8760}] * 5, id="as many and as long as may be"),
    ],
)
async def test_caps_come_back_as_they_were_given(world: World, caps: list[dict[str, float]]) -> None:
    campaign = await world.create_campaign(frequency_caps=caps)
    assert campaign["frequency_caps"] == caps
    read = await world.client.get(f"{CAMPAIGNS}{campaign['campaign_id']}")
    assert read.json()["frequency_caps"] == caps


@pytest.mark.parametrize(
    ("caps", "place", "code"),
    [
        pytest.param([{"max_calls": 0, "hours": 1}], [0, "max_calls"], "greater_than_equal", id="0 calls"),
        pytest.param([{"max_calls": 101, "hours": 1}], [0, "max_calls"], "less_than_equal", id="101 calls"),
        pytest.param([{"max_calls": True, "hours": 1}], [0, "max_calls"], "int_type", id="boolean"),
        pytest.param([{"max_calls": 1, "hours": 0}], [0, "hours"], "greater_than", id="0 hours"),
        pytest.param([{"max_calls": 1, "hours": 8760.1}], [0, "hours"], "less_than_equal", id="over a year"),
        pytest.param([{"max_calls": 1, "hours": "1"}], [0, "hours"], "float_type", id="text"),
        pytest.param([{"max_calls": 1}], [0, "hours"], "missing", id="no window"),
        pytest.param([{"max_calls": 1, "hours": 1, "x": 1}], [0, "x"], "extra_forbidden", id="unknown key"),
        pytest.param([{"max_calls": 1, "hours": 1}] * 6, [], "too_long", id="six caps"),
        pytest.param({"max_calls": 1, "hours": 1}, [], "list_type", id="no list"),
    ],
)
async def test_wrong_caps_are_422(world: World, caps: object, place: list[object], code: str) -> None:
    answer = await world.client.post(CAMPAIGNS, json=a_campaign_body(frequency_caps=caps))
    assert errors_of(answer) == [(["body", "frequency_caps", *place], code)]


async def test_change_of_caps_replaces_them_and_null_takes_them_off(world: World) -> None:
    campaign = await world.create_campaign(frequency_caps=[{"max_calls": 3, "hours": 24}])
    path = f"{CAMPAIGNS}{campaign['campaign_id']}"
    changed = await world.client.patch(path, json={"frequency_caps": [{"max_calls": 1, "hours": 2}]})
    assert changed.json()["frequency_caps"] == [{"max_calls": 1, "hours": 2}]
    assert (await world.client.patch(path, json={"frequency_caps": None})).json()["frequency_caps"] == []
