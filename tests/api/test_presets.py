"""Presets over HTTP: the list, the field of a campaign, and what they hold back."""

from datetime import timedelta

import pytest

from domain.call import CallStatus
from domain.presets import NOT_LEGAL_ADVICE, PRESETS
from tests.api.test_debug import debug, polled
from tests.api.test_debug_withheld import a_call
from tests.api.world import Json, World, a_campaign_body, errors_of

NUMBER, OTHER = "+14155550123", "+14155550124"
PATH = "/api/v1/presets"
# At noon UTC, when the tests begin, it is 08:00 in New York, 05:00 in Los Angeles.
ASLEEP = {"timezone": "America/Los_Angeles"}
AWAKE = {"timezone": "America/New_York"}


async def test_presets_are_listed_with_hours_caps_source_and_the_day_they_were_checked(world: World) -> None:
    listed = (await world.client.get(PATH)).json()

    assert [each["name"] for each in listed] == list(PRESETS)
    assert {each["notice"] for each in listed} == {NOT_LEGAL_ADVICE}
    (reg_f,) = (each for each in listed if each["name"] == "us-reg-f")
    assert reg_f["hours"]["sunday"] == {"start": "08:00", "end": "21:00", "enabled": True}
    assert reg_f["frequency_caps"] == [
        {"max_calls": 7, "hours": 168, "counts": "attempts"},
        {"max_calls": 1, "hours": 168, "counts": "conversations"},
    ]
    assert reg_f["source"] == (
        "12 CFR 1006.6(b)(1) and 1006.14(b)(2), https://www.consumerfinance.gov/rules-policy/regulations/1006/14/"
    )
    assert (reg_f["holidays"], reg_f["checked_on"]) == (None, "2026-11-29")
    (australia,) = (each for each in listed if each["name"] == "au-telemarketing")
    assert australia["holidays"] == "AU"
    assert australia["hours"]["sunday"]["enabled"] is False


async def test_campaign_keeps_its_presets_and_a_change_replaces_them(world: World) -> None:
    campaign = await world.create_campaign(presets=["us-tcpa", "us-fl"])
    path = f"/api/v1/campaigns/{campaign['campaign_id']}"

    assert campaign["presets"] == (await world.client.get(path)).json()["presets"] == ["us-tcpa", "us-fl"]
    changed = await world.client.patch(path, json={"presets": ["us-reg-f"]})
    assert changed.json()["presets"] == ["us-reg-f"]
    assert (await world.client.patch(path, json={"presets": None})).json()["presets"] == []


@pytest.mark.parametrize(
    ("presets", "place", "code"),
    [
        pytest.param(["us-tcpa", "us-nowhere"], [1], "preset", id="unknown name"),
        pytest.param(["us-tcpa", "us-tcpa"], [], "repeated", id="twice the same"),
        pytest.param("us-tcpa", [], "list_type", id="no list"),
    ],
)
async def test_presets_that_cannot_be_are_422(
    world: World, presets: object, place: list[int], code: str
) -> None:
    answer = await world.client.post("/api/v1/campaigns/", json=a_campaign_body(presets=presets))

    assert errors_of(answer) == [(["body", "presets", *place], code)]


async def test_unknown_preset_is_answered_with_the_names_there_are(world: World) -> None:
    answer = await world.client.post("/api/v1/campaigns/", json=a_campaign_body(presets=["tcpa"]))

    assert answer.json()["errors"][0]["msg"] == f"Not a preset; there are {', '.join(PRESETS)}"


async def test_debug_names_the_preset_that_keeps_a_batch_closed_without_enforced_hours(world: World) -> None:
    campaign = await world.create_campaign(presets=["us-tcpa"], **ASLEEP)
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    polled(world)

    told = await debug(world, batch["batch_id"])

    assert told["diagnosis"] == "outside_working_hours"
    assert told["window"] == {
        "open": False,
        "opens_at": "2026-09-04T15:00:00Z",
        "closes_at": "2026-09-05T04:00:00Z",
        "held_by": ["us-tcpa"],
    }
    assert told["diagnostics"]["tip"] == (
        "Outside working hours (closed by us-tcpa): opens at 2026-09-04 15:00 UTC."
    )


async def _contacts(world: World, batch: Json) -> list[Json]:
    path = f"/api/v1/batches/{batch['batch_id']}/contacts"
    listed: list[Json] = (await world.client.get(path)).json()
    for each in listed:
        alone = (await world.client.get(f"{path}/{each['contact_id']}")).json()
        assert alone["held_by"] == each["held_by"]
    return listed


async def test_contact_names_the_presets_whose_hours_hold_it_back(world: World) -> None:
    campaign = await world.create_campaign(presets=["us-tcpa", "us-reg-f"], **AWAKE)
    people = [{"phone_number": NUMBER}, {"phone_number": OTHER, **ASLEEP}]
    batch = await world.create_batch(campaign["campaign_id"], contacts=people)

    assert [each["held_by"] for each in await _contacts(world, batch)] == [[], ["us-tcpa", "us-reg-f"]]


async def test_contact_and_debug_name_the_preset_whose_caps_hold_it_back(world: World) -> None:
    await a_call(world, NUMBER, CallStatus.COMPLETED)
    world.clock.pass_time(timedelta(hours=1))
    campaign = await world.create_campaign(presets=["us-tcpa", "us-reg-f"], **AWAKE)
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    polled(world)

    assert [each["held_by"] for each in await _contacts(world, batch)] == [["us-reg-f"]]
    assert (await debug(world, batch["batch_id"]))["diagnostics"]["tip"] == (
        "Nobody whose window is open can be called now: 1 number is capped by us-reg-f, the first until"
        " 2026-09-11 12:00 UTC. It goes on by itself."
    )


async def test_contact_that_is_over_is_held_by_nobody(world: World) -> None:
    campaign = await world.create_campaign(presets=["us-tcpa"], **ASLEEP)
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    (contact,) = await _contacts(world, batch)

    await world.client.post(f"/api/v1/batches/{batch['batch_id']}/contacts/{contact['contact_id']}/skip")

    assert [each["held_by"] for each in await _contacts(world, batch)] == [[]]
