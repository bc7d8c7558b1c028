"""Changing the rules of a campaign: what may be said, what comes of it, and who is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.assembly import install
from domain.campaign import CampaignStatus
from domain.errors import StoreUnavailable
from domain.identity import CampaignId
from tests import fakes
from tests.api.scene import a_scene
from tests.api.test_campaigns import DAY, REST, SHOWN_HOURS
from tests.api.world import OTHER_SECRET, World, a_problem, bearer, errors_of

CLOSED = {"monday": {"enabled": False}}
RICH: dict[str, Any] = {
    "name": "October",
    "agent_id": "agent_other",
    "phone_numbers": ["+14155550181", "+442083661177"],
    "phone_number_strategy": "least_loaded",
    "working_hours_enforced": True,
    "timezone": "America/Chicago",
    "working_hours": {**dict.fromkeys(SHOWN_HOURS, REST), "monday": DAY},
    "blackout_dates": ["2026-11-26"],
    "holidays": "DE-BY",
    "retry_policy": {
        "max_retries": 1,
        "strategy": "exponential",
        "cooldown_minutes": 0.5,
        "max_cooldown_minutes": 20,
        "retry_on": ["busy"],
    },
    "max_follow_ups": 0,
    "default_call_variables": {"clinic": "Lakeside", "n": 1},
    "metadata": {"concurrency_limit": 20},
}
WITHOUT_DEFAULT = ("name", "agent_id", "phone_numbers")
WITH_DEFAULT = [each for each in RICH if each not in WITHOUT_DEFAULT]


async def _patch(world: World, campaign_id: str, body: object) -> Any:
    return await world.client.patch(f"/api/v1/campaigns/{campaign_id}", json=body)


def _move(world: World, campaign_id: str, status: CampaignStatus) -> None:
    kept = world.tables.campaigns[CampaignId(campaign_id)]
    world.tables.campaigns[CampaignId(campaign_id)] = replace(kept, status=status)


@pytest.mark.parametrize("field", list(RICH))
async def test_given_field_is_changed_and_everything_else_stays(world: World, field: str) -> None:
    before = await world.create_campaign()
    world.clock.pass_time(timedelta(seconds=1.5))

    answer = await _patch(world, before["campaign_id"], {field: RICH[field]})

    expected = {**before, field: RICH[field], "updated_at": "2026-09-04T12:00:01.500Z"}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert (await world.client.get(f"/api/v1/campaigns/{before['campaign_id']}")).json() == expected


@pytest.mark.parametrize(
    "field", [pytest.param(each, id=each) for each in RICH if each not in WITHOUT_DEFAULT]
)
async def test_null_resets_a_field_to_its_default(world: World, field: str) -> None:
    plain = await world.create_campaign()
    rich = await world.create_campaign(**RICH)

    answer = await _patch(world, rich["campaign_id"], {field: None})

    assert (answer.status_code, answer.json()) == (200, {**rich, field: plain[field]})


@pytest.mark.parametrize("field", WITHOUT_DEFAULT)
async def test_null_for_a_field_without_default_is_422(world: World, field: str) -> None:
    campaign = await world.create_campaign()

    answer = await _patch(world, campaign["campaign_id"], {field: None})

    assert [loc for loc, _ in errors_of(answer)] == [["body", field]]


async def test_given_object_replaces_the_whole_old_one(world: World) -> None:
    campaign = await world.create_campaign(**RICH)

    answer = await _patch(
        world,
        campaign["campaign_id"],
        {"retry_policy": {"max_retries": 5}, "working_hours": {"sunday": {"start": "10:00", "end": "11:00"}}},
    )

    changed = answer.json()
    assert changed["retry_policy"] == {
        "max_retries": 5,
        "strategy": "fixed",
        "cooldown_minutes": 30,
        "max_cooldown_minutes": 1440,
        "retry_on": ["busy", "no_answer", "failed"],
    }
    sunday = {"start": "10:00", "end": "11:00", "enabled": True}
    assert changed["working_hours"] == {**dict.fromkeys(SHOWN_HOURS, REST), "sunday": sunday}


async def test_empty_change_changes_nothing_and_tells_nobody(world: World) -> None:
    scene = await a_scene(world)
    before, rows = world.tables.campaigns[scene.campaign_id], scene.rows()
    world.clock.pass_time(timedelta(minutes=1))

    answer = await _patch(world, scene.campaign_id, {})

    assert answer.status_code == 200
    assert answer.json()["updated_at"] == "2026-09-04T12:00:00Z"
    assert (world.tables.campaigns[scene.campaign_id], scene.rows()) == (before, rows)
    assert (world.engine.policy_changes, world.tables.policy_versions) == ([], {})


async def test_change_that_differs_only_in_the_type_of_a_value_is_a_change(world: World) -> None:
    campaign = await world.create_campaign(metadata={"a": 1, "b": True})

    answer = await _patch(world, campaign["campaign_id"], {"metadata": {"a": True, "b": 1}})

    assert answer.text.count('"metadata":{"a":true,"b":1}') == 1


@pytest.mark.parametrize("status", list(CampaignStatus))
async def test_campaign_is_changed_in_every_status_and_keeps_it(world: World, status: CampaignStatus) -> None:
    campaign = await world.create_campaign()
    _move(world, campaign["campaign_id"], status)

    answer = await _patch(world, campaign["campaign_id"], {"name": "October"})

    shown = answer.json()
    assert (answer.status_code, shown["status"], shown["name"]) == (200, status, "October")


NOT_PATCHABLE = (
    "status",
    "campaign_id",
    "organization_id",
    "completed_calls",
    "failed_calls",
    "busy_calls",
    "no_answer_calls",
    "follow_up_calls",
    "created_at",
    "updated_at",
    "nmae",
)


@pytest.mark.parametrize("field", NOT_PATCHABLE)
async def test_what_cannot_be_changed_is_422_and_changes_nothing(world: World, field: str) -> None:
    campaign = await world.create_campaign()

    answer = await _patch(world, campaign["campaign_id"], {"name": "October", field: campaign.get(field, 1)})

    assert errors_of(answer) == [(["body", field], "extra_forbidden")]
    assert (await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")).json() == campaign


@pytest.mark.parametrize(
    ("body", "loc", "code"),
    [
        pytest.param({"name": " "}, ["name"], "blank", id="blank name"),
        pytest.param({"name": 1}, ["name"], "string_type", id="number as text"),
        pytest.param({"agent_id": ""}, ["agent_id"], "string_too_short", id="no agent"),
        pytest.param({"phone_numbers": []}, ["phone_numbers"], "too_short", id="no number"),
        pytest.param({"working_hours_enforced": 1}, ["working_hours_enforced"], "bool_type", id="1 for true"),
        pytest.param({"max_follow_ups": "1"}, ["max_follow_ups"], "int_type", id="text as integer"),
        pytest.param({"max_follow_ups": True}, ["max_follow_ups"], "int_type", id="boolean as integer"),
        pytest.param({"max_follow_ups": 11}, ["max_follow_ups"], "less_than_equal", id="eleven follow-ups"),
        pytest.param({"timezone": "Mars"}, ["timezone"], "timezone", id="zone"),
        pytest.param(
            {"retry_policy": {"max_retries": 21}},
            ["retry_policy", "max_retries"],
            "less_than_equal",
            id="21 retries",
        ),
        pytest.param(
            {"retry_policy": {"cooldown_minutes": 0}},
            ["retry_policy", "cooldown_minutes"],
            "greater_than",
            id="no cooldown",
        ),
        pytest.param(
            {"retry_policy": {"tries": 1}}, ["retry_policy", "tries"], "extra_forbidden", id="key inside"
        ),
        pytest.param(
            {"metadata": {"concurrency_limit": 0}}, ["metadata"], "concurrency_limit", id="no concurrency"
        ),
        pytest.param({"metadata": {"a": "x" * 16_384}}, ["metadata"], "too_large", id="large metadata"),
        pytest.param(
            {"working_hours_enforced": True, "working_hours": CLOSED},
            ["working_hours"],
            "no_enabled_day",
            id="no open day",
        ),
    ],
)
async def test_value_outside_its_limits_is_422_before_the_campaign_is_looked_up(
    world: World, body: object, loc: list[str], code: str
) -> None:
    campaign = await world.create_campaign()

    for campaign_id in (campaign["campaign_id"], "cmp_none"):
        assert errors_of(await _patch(world, campaign_id, body)) == [(["body", *loc], code)]


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'"x"', b"{", b'{"metadata": {"a": NaN}}'])
async def test_change_that_is_no_object_is_422(world: World, content: bytes) -> None:
    campaign = await world.create_campaign()

    answer = await world.client.patch(
        f"/api/v1/campaigns/{campaign['campaign_id']}",
        content=content,
        headers={"Content-Type": "application/json"},
    )

    assert errors_of(answer)


async def test_change_of_another_type_is_415(world: World) -> None:
    answer = await world.client.patch("/api/v1/campaigns/cmp_none", content=b"{}")

    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("kept", "change"),
    [
        pytest.param({"working_hours": CLOSED}, {"working_hours_enforced": True}, id="enforced later"),
        pytest.param({"working_hours_enforced": True}, {"working_hours": CLOSED}, id="closed later"),
    ],
)
async def test_result_without_an_open_day_is_422_and_changes_nothing(
    world: World, kept: dict[str, Any], change: dict[str, Any]
) -> None:
    campaign = await world.create_campaign(**kept)

    answer = await _patch(world, campaign["campaign_id"], {"name": "October", **change})

    assert errors_of(answer) == [(["body", "working_hours"], "no_enabled_day")]
    assert (await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")).json() == campaign


async def test_closed_hours_are_accepted_where_they_are_not_enforced(world: World) -> None:
    campaign = await world.create_campaign(working_hours_enforced=True)

    answer = await _patch(
        world, campaign["campaign_id"], {"working_hours_enforced": False, "working_hours": CLOSED}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["patch", "delete"])
async def test_foreign_unknown_and_misshapen_campaigns_answer_alike(world: World, method: str) -> None:
    campaign = await world.create_campaign()
    own, foreign = bearer("gat_demo"), bearer(OTHER_SECRET)
    paths = [(f"/api/v1/campaigns/{campaign['campaign_id']}", foreign)]
    paths += [(f"/api/v1/campaigns/{each}", own) for each in ("cmp_none", "btc_1", "cmp_%00", "x")]

    for path, headers in paths:
        answer = await world.client.request(method, path, headers=headers, json={"name": "mine"})
        assert answer.json() == a_problem(404, "not-found", "Not Found", "Campaign not found")

    assert (await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")).json() == campaign


async def test_unfinished_batch_is_told_of_a_change_once(world: World) -> None:
    scene = await a_scene(world)

    await _patch(world, scene.campaign_id, {"retry_policy": {"cooldown_minutes": 90}})

    assert world.engine.policy_changes == [scene.batch_id]
    assert await _unannounced(world) == []


async def test_change_of_which_a_batch_was_not_told_is_left_to_the_housekeeping(world: World) -> None:
    scene = await a_scene(world)
    world.engine.fails_to_listen = True

    answer = await _patch(world, scene.campaign_id, {"retry_policy": {"cooldown_minutes": 90}})

    assert answer.status_code == 200
    assert await _unannounced(world) == [scene.campaign_id]


async def test_change_whose_end_could_not_be_noted_is_answered_all_the_same(world: World) -> None:
    scene = await a_scene(world)
    install(world.app, replace(world.parts, reschedules=_ForgetfulReschedules(world.tables)))

    answer = await _patch(world, scene.campaign_id, {"retry_policy": {"cooldown_minutes": 90}})

    assert answer.status_code == 200
    assert await _unannounced(world) == [scene.campaign_id]


class _ForgetfulReschedules(fakes.FakeRescheduleStore):
    """Cannot note that batches were told."""

    async def mark_announced(self, *_: object) -> None:
        raise StoreUnavailable


async def _unannounced(world: World) -> list[CampaignId]:
    later = world.clock() + timedelta(minutes=1)
    return [each.campaign_id for each in await world.parts.reschedules.unannounced(later, 9)]


async def test_finished_batches_are_not_told(world: World) -> None:
    scene = await a_scene(world)
    await scene.post("batches/{batch_id}/cancel")

    await _patch(world, scene.campaign_id, {"retry_policy": {"max_retries": 1}})

    assert world.engine.policy_changes == []


@pytest.mark.parametrize("is_down", [True, False], ids=["down", "deaf"])
async def test_change_is_made_while_temporal_is_unreachable(world: World, is_down: bool) -> None:
    scene = await a_scene(world)
    world.engine.is_down, world.engine.fails_to_listen = is_down, not is_down

    with capture_logs() as logs:
        answer = await _patch(world, scene.campaign_id, {"retry_policy": {"cooldown_minutes": 90}})

    assert (answer.status_code, answer.json()["retry_policy"]["cooldown_minutes"]) == (200, 90)
    assert {"event": "change stored, its workflow not signalled", "batch_id": scene.batch_id} in [
        {key: each[key] for key in ("event", "batch_id") if key in each} for each in logs
    ]


async def test_change_without_the_database_is_503(world: World) -> None:
    campaign = await world.create_campaign()
    world.tables.is_down = True

    answer = await _patch(world, campaign["campaign_id"], {"name": "October"})

    assert answer.status_code == 503
