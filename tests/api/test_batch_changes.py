"""Changing a batch: what may be said in which status, what comes of it, and who is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.assembly import install
from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.errors import StoreUnavailable
from tests import fakes
from tests.api.scene import Scene, a_scene
from tests.api.test_campaigns import DAY, REST, SHOWN_HOURS
from tests.api.world import Json, World, a_problem, errors_of

START, END = "2026-09-07T08:00:00Z", "2026-09-08T00:00:00Z"
CLOSED = {"monday": {"enabled": False}}
RICH: dict[str, Any] = {
    "name": "north side",
    "concurrency_limit": 3,
    "scheduled_end": END,
    "max_retries_override": 1,
    "metadata": {"ticket": 118},
    "call_context": {"clinic": "Lakeside"},
    "timezone": "Asia/Tokyo",
    "working_hours_enforced": True,
    "working_hours": {**dict.fromkeys(SHOWN_HOURS, REST), "monday": DAY},
    "retry_policy": {
        "max_retries": 1,
        "strategy": "exponential",
        "cooldown_minutes": 0.5,
        "max_cooldown_minutes": 20,
        "retry_on": ["busy"],
    },
    "phone_numbers": ["+14155550181", "+442083661177"],
    "phone_number_strategy": "least_loaded",
    "on_machine": "hang_up",
    "disposition_rules": [{"disposition": "wrong_number", "then": "suppress", "after_minutes": None}],
}
WORDS = ("name", "metadata")


async def _patch(scene: Scene, body: Json) -> httpx.Response:
    return await scene.world.client.patch(f"/api/v1/batches/{scene.batch_id}", json=body)


async def _read(scene: Scene) -> Json:
    read: Json = (await scene.world.client.get(f"/api/v1/batches/{scene.batch_id}")).json()
    return read


async def _unannounced(world: World) -> list[str]:
    later = world.clock() + timedelta(minutes=1)
    return [each.campaign_id for each in await world.parts.reschedules.unannounced(later, 9)]


@pytest.mark.parametrize("field", list(RICH))
async def test_given_field_is_changed_and_everything_else_stays(world: World, field: str) -> None:
    scene = await a_scene(world)
    before = await _read(scene)
    world.clock.pass_time(timedelta(seconds=1.5))

    answer = await _patch(scene, {field: RICH[field]})

    expected = {**before, field: RICH[field], "updated_at": "2026-09-04T12:00:01.500Z"}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert await _read(scene) == expected


@pytest.mark.parametrize("field", list(RICH))
async def test_null_is_back_to_what_a_batch_has_without_the_field(world: World, field: str) -> None:
    plain = await _read(await a_scene(world))
    scene = await a_scene(world, **RICH)
    rich = await _read(scene)

    answer = await _patch(scene, {field: None})

    assert (answer.status_code, answer.json()) == (200, {**rich, field: plain[field]})


@pytest.mark.parametrize(
    "field", ["campaign_id", "organization_id", "status", "contacts", "on_invalid", "nmae"]
)
async def test_what_cannot_be_changed_is_422_and_changes_nothing(world: World, field: str) -> None:
    scene = await a_scene(world)
    rows = scene.rows()

    answer = await _patch(scene, {"name": "north", field: "x"})

    assert (errors_of(answer), scene.rows()) == ([(["body", field], "extra_forbidden")], rows)


async def test_empty_change_changes_nothing_and_tells_nobody(world: World) -> None:
    scene = await a_scene(world)
    rows = scene.rows()
    world.clock.pass_time(timedelta(minutes=1))

    answer = await _patch(scene, {})

    assert (answer.status_code, scene.rows(), world.engine.policy_changes) == (200, rows, [])


async def test_change_that_differs_only_in_the_type_of_a_value_is_a_change(world: World) -> None:
    scene = await a_scene(world, call_context={"a": 1})

    answer = await _patch(scene, {"call_context": {"a": True}})

    assert answer.text.count('"call_context":{"a":true}') == 1
    assert world.tables.rules_version(scene.batch_id) == 2


@pytest.mark.parametrize("status", sorted(TERMINAL_BATCH))
@pytest.mark.parametrize("field", list(RICH))
async def test_batch_that_is_over_takes_name_and_metadata_only_and_stays_over(
    world: World, status: BatchStatus, field: str
) -> None:
    scene = await a_scene(world)
    scene.move_batch(status)

    answer = await _patch(scene, {field: RICH[field]})

    if field in WORDS:
        assert (answer.status_code, answer.json()["status"], answer.json()[field]) == (
            200,
            status,
            RICH[field],
        )
    else:
        detail = f"Batch is {status} and cannot be changed but for its name and metadata"
        assert answer.json() == a_problem(409, "conflict", "Conflict", detail)
        assert (await _read(scene))[field] != RICH[field]
    assert world.engine.policy_changes == []


@pytest.mark.parametrize(
    ("start", "shown", "status"),
    [
        pytest.param("2026-09-07T09:00:00Z", "2026-09-07T09:00:00Z", "pending", id="later"),
        # 09:00 in Chicago, the campaign's zone, is 14:00 in UTC.
        pytest.param("2026-09-07T09:00:00", "2026-09-07T14:00:00Z", "pending", id="local"),
        pytest.param("2026-09-04T11:00:00Z", "2026-09-04T11:00:00Z", "in_progress", id="past"),
        pytest.param(None, None, "in_progress", id="at once"),
    ],
)
async def test_start_that_lies_ahead_is_moved_and_the_batch_begins_where_it_does_no_more(
    world: World, start: str | None, shown: str | None, status: str
) -> None:
    scene = await a_scene(world, campaign={"timezone": "America/Chicago"}, scheduled_start=START)

    changed = (await _patch(scene, {"scheduled_start": start})).json()

    assert (changed["scheduled_start"], changed["status"]) == (shown, status)
    assert world.engine.policy_changes == [scene.batch_id]


async def test_start_that_has_come_stays_where_it_is(world: World) -> None:
    scene = await a_scene(world)

    answer = await _patch(scene, {"scheduled_start": START})

    detail = "Batch has started and its scheduled_start cannot be changed"
    assert answer.json() == a_problem(409, "conflict", "Conflict", detail)


async def test_local_end_is_in_the_zone_that_the_change_gives_the_batch(world: World) -> None:
    scene = await a_scene(world, timezone="America/Chicago")

    answer = await _patch(scene, {"timezone": "Asia/Tokyo", "scheduled_end": "2026-09-08T09:00:00"})

    assert answer.json()["scheduled_end"] == "2026-09-08T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        pytest.param({"scheduled_end": "2026-09-04T11:00:00Z"}, "scheduled_end", "past_end", id="past end"),
        pytest.param({"scheduled_end": START}, "scheduled_end", "end_before_start", id="end at the start"),
        pytest.param({"scheduled_start": END}, "scheduled_start", "end_before_start", id="start at the end"),
        pytest.param(
            {"scheduled_start": END, "scheduled_end": END}, "scheduled_end", "end_before_start", id="both"
        ),
    ],
)
async def test_schedule_holds_together_with_what_stays(
    world: World, change: Json, field: str, code: str
) -> None:
    scene = await a_scene(world, scheduled_start=START, scheduled_end=END)
    rows = scene.rows()

    answer = await _patch(scene, change)

    assert (errors_of(answer), scene.rows()) == ([(["body", field], code)], rows)


@pytest.mark.parametrize(
    ("campaign", "kept", "change"),
    [
        pytest.param({}, {"working_hours": CLOSED}, {"working_hours_enforced": True}, id="by the batch"),
        pytest.param({"working_hours": CLOSED}, {}, {"working_hours_enforced": True}, id="campaign's hours"),
        pytest.param({"working_hours_enforced": True}, {}, {"working_hours": CLOSED}, id="by the campaign"),
    ],
)
async def test_enforced_hours_without_an_open_day_are_422(
    world: World, campaign: Json, kept: Json, change: Json
) -> None:
    scene = await a_scene(world, campaign=campaign, **kept)

    answer = await _patch(scene, change)

    assert errors_of(answer) == [(["body", "working_hours"], "no_enabled_day")]


@pytest.mark.parametrize("field", [each for each in RICH if each not in WORDS])
async def test_workflow_is_told_once_of_what_bears_on_calls(world: World, field: str) -> None:
    scene = await a_scene(world)

    await _patch(scene, {field: RICH[field]})

    assert world.engine.policy_changes == [scene.batch_id]
    assert world.tables.rules_version(scene.batch_id) == 2
    assert await _unannounced(world) == []


async def test_words_about_a_batch_are_told_to_nobody(world: World) -> None:
    scene = await a_scene(world)

    await _patch(scene, {field: RICH[field] for field in WORDS})

    assert world.engine.policy_changes == []
    assert (world.tables.rules_version(scene.batch_id), await _unannounced(world)) == (1, [])


async def test_change_of_which_its_workflow_was_not_told_is_left_to_the_housekeeping(world: World) -> None:
    scene = await a_scene(world)
    world.engine.fails_to_listen = True

    answer = await _patch(scene, {"max_retries_override": 0})

    assert (answer.status_code, answer.json()["max_retries_override"]) == (200, 0)
    assert await _unannounced(world) == [scene.campaign_id]


async def test_older_change_of_the_campaign_that_is_untold_stays_so(world: World) -> None:
    scene = await a_scene(world)
    world.engine.fails_to_listen = True
    await world.client.patch(
        f"/api/v1/campaigns/{scene.campaign_id}", json={"retry_policy": {"max_retries": 1}}
    )
    world.engine.fails_to_listen = False

    await _patch(scene, {"max_retries_override": 0})

    assert await _unannounced(world) == [scene.campaign_id]


async def test_change_whose_end_could_not_be_noted_is_answered_all_the_same(world: World) -> None:
    scene = await a_scene(world)
    install(world.app, replace(world.parts, reschedules=_ForgetfulReschedules(world.tables)))

    answer = await _patch(scene, {"concurrency_limit": 3})

    assert answer.status_code == 200
    assert await _unannounced(world) == [scene.campaign_id]


class _ForgetfulReschedules(fakes.FakeRescheduleStore):
    """Cannot note that batches were told."""

    async def mark_announced(self, *_: object) -> None:
        raise StoreUnavailable
