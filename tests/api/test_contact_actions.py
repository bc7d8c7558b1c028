"""Skipping one contact, and having one called again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.batch import BatchStatus
from domain.contact import WAITING, ContactStatus, SkipReason
from tests.api.scene import a_scene
from tests.api.world import World, a_problem, errors_of

SKIP = "batches/{batch_id}/contacts/{waiting}/skip"
FOLLOW_UP = "batches/{batch_id}/contacts/{answered}/follow-up"
OFFICE_HOURS = {"working_hours_enforced": True}


def conflict(detail: str) -> dict[str, object]:
    return a_problem(409, "conflict", "Conflict", detail)


@pytest.mark.parametrize("status", sorted(WAITING))
async def test_waiting_contact_is_skipped_by_hand(world: World, status: ContactStatus) -> None:
    scene = await a_scene(world)
    scene.move_contact(scene.waiting, status)

    answer = await scene.post(SKIP)

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "batch_id": scene.batch_id,
            "contact_id": scene.waiting,
            "status": "skipped",
            "skip_reason": "manual",
            "message": "Contact skipped successfully",
        },
    )
    stored = world.tables.contacts[scene.waiting]
    assert (stored.status, stored.skip_reason) == (ContactStatus.SKIPPED, SkipReason.MANUAL)
    assert world.engine.skips == [(scene.batch_id, scene.waiting, status)]


@pytest.mark.parametrize("status", sorted(set(ContactStatus) - WAITING))
async def test_live_or_terminal_contact_is_not_skipped(world: World, status: ContactStatus) -> None:
    scene = await a_scene(world)
    scene.move_contact(scene.waiting, status)
    before = scene.rows()

    answer = await scene.post(SKIP)

    assert answer.json() == conflict(f"Contact is {status} and cannot be skipped")
    assert (scene.rows(), world.engine.skips) == (before, [])


@pytest.mark.parametrize(
    ("campaign", "batch", "at", "due_at"),
    [
        pytest.param({}, {}, "2026-09-05T16:00:00Z", "2026-09-05T16:00:00Z", id="UTC"),
        pytest.param({}, {}, "2026-09-05T18:00:00+02:00", "2026-09-05T16:00:00Z", id="offset"),
        # Chicago is at UTC-5 in summer, Tokyo at UTC+9.
        pytest.param(
            {"timezone": "America/Chicago"},
            {},
            "2026-09-05T11:00:00",
            "2026-09-05T16:00:00Z",
            id="local in the campaign's zone",
        ),
        pytest.param(
            {"timezone": "America/Chicago"},
            {"timezone": "Asia/Tokyo"},
            "2026-09-06T01:00:00",
            "2026-09-05T16:00:00Z",
            id="local in the batch's zone",
        ),
        pytest.param({}, {}, "2026-09-01T00:00:00Z", "2026-09-04T12:00:00Z", id="past is now"),
        pytest.param(
            {},
            {"scheduled_end": "2026-09-05T16:00:01Z"},
            "2026-09-05T16:00:00Z",
            "2026-09-05T16:00:00Z",
            id="one second before the end",
        ),
        # 5 September is a Saturday, the 7th a Monday; hours are 09:00 to 18:00.
        pytest.param(OFFICE_HOURS, {}, "2026-09-05T16:00:00Z", "2026-09-07T09:00:00Z", id="next opening"),
        pytest.param(
            {**OFFICE_HOURS, "blackout_dates": ["2026-09-07"]},
            {},
            "2026-09-05T16:00:00Z",
            "2026-09-08T09:00:00Z",
            id="behind a blackout date",
        ),
        # 12:00 in UTC is 05:00 in Los Angeles, at UTC-7.
        pytest.param(
            {**OFFICE_HOURS, "timezone": "America/Los_Angeles"},
            {},
            "2026-09-01T00:00:00Z",
            "2026-09-04T16:00:00Z",
            id="past while the window is closed",
        ),
    ],
)
async def test_follow_up_is_due_at_the_first_opening_from_the_wished_time_on(
    world: World, campaign: dict[str, Any], batch: dict[str, Any], at: str, due_at: str
) -> None:
    scene = await a_scene(world, campaign=campaign, **batch)

    answer = await scene.post(FOLLOW_UP, json={"at": at})

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "batch_id": scene.batch_id,
            "contact_id": scene.answered,
            "status": "followup_scheduled",
            "follow_up_at": due_at,
            "message": "Follow-up scheduled successfully",
        },
    )
    stored, instant = world.tables.contacts[scene.answered], datetime.fromisoformat(due_at)
    assert (stored.status, stored.follow_up_at) == (ContactStatus.FOLLOWUP_SCHEDULED, instant)
    assert world.engine.follow_ups == [(scene.batch_id, scene.answered, 2, instant)]


@pytest.mark.parametrize(
    ("campaign", "batch", "at", "code"),
    [
        pytest.param(
            {}, {"scheduled_end": "2026-09-05T16:00:00Z"}, "2026-09-05T16:00:00Z", "after_end", id="at end"
        ),
        pytest.param(
            {}, {"scheduled_end": "2026-09-05T16:00:00Z"}, "2026-09-06T00:00:00Z", "after_end", id="after end"
        ),
        pytest.param(
            OFFICE_HOURS,
            {"scheduled_end": "2026-09-07T09:00:00Z"},
            "2026-09-05T16:00:00Z",
            "no_opening",
            id="the window opens at the end",
        ),
        pytest.param(
            {"timezone": "America/Chicago"}, {}, "9999-12-31T23:59:00", "datetime", id="outside the years"
        ),
    ],
)
async def test_follow_up_that_could_not_be_called_is_422_and_changes_nothing(
    world: World, campaign: dict[str, Any], batch: dict[str, Any], at: str, code: str
) -> None:
    scene = await a_scene(world, campaign=campaign, **batch)
    before = scene.rows()

    answer = await scene.post(FOLLOW_UP, json={"at": at})

    assert errors_of(answer) == [(["body", "at"], code)]
    assert (scene.rows(), world.engine.follow_ups) == (before, [])


async def test_past_follow_up_of_a_batch_whose_end_has_come_is_422(world: World) -> None:
    scene = await a_scene(world, scheduled_end="2026-09-04T13:00:00Z")
    world.clock.pass_time(timedelta(hours=1))

    answer = await scene.post(FOLLOW_UP, json={"at": "2026-09-04T12:30:00Z"})

    assert errors_of(answer) == [(["body", "at"], "no_opening")]


@pytest.mark.parametrize(
    ("request_body", "loc", "code"),
    [
        pytest.param(b"", ["body"], "json_invalid", id="nothing"),
        pytest.param(b"[]", ["body"], "object_type", id="not an object"),
        pytest.param(b"{}", ["body", "at"], "missing", id="no time"),
        pytest.param(b'{"at": null}', ["body", "at"], "datetime_type", id="null"),
        pytest.param(b'{"at": 1788624000}', ["body", "at"], "datetime_type", id="number"),
        pytest.param(b'{"at": "2026-09-05"}', ["body", "at"], "datetime", id="no clock time"),
        pytest.param(
            b'{"at": "2026-09-05T16:00:00Z", "when": 1}',
            ["body", "when"],
            "extra_forbidden",
            id="unknown key",
        ),
    ],
)
async def test_malformed_follow_up_is_422_and_changes_nothing(
    world: World, request_body: bytes, loc: list[str | int], code: str
) -> None:
    scene = await a_scene(world)
    before = scene.rows()

    answer = await scene.post(FOLLOW_UP, content=request_body, headers={"Content-Type": "application/json"})

    assert errors_of(answer) == [(loc, code)]
    assert scene.rows() == before


@pytest.mark.parametrize("status", sorted(set(ContactStatus) - {ContactStatus.COMPLETED}))
async def test_contact_that_is_not_completed_gets_no_follow_up(world: World, status: ContactStatus) -> None:
    scene = await a_scene(world)
    scene.move_contact(scene.answered, status)
    before = scene.rows()

    answer = await scene.post(FOLLOW_UP)

    assert answer.json() == conflict(f"Contact is {status} and cannot be given a follow-up")
    assert (scene.rows(), world.engine.follow_ups) == (before, [])


@pytest.mark.parametrize("status", [BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED])
async def test_batch_that_is_over_takes_no_follow_up(world: World, status: BatchStatus) -> None:
    scene = await a_scene(world)
    scene.move_batch(status)

    answer = await scene.post(FOLLOW_UP)

    assert answer.json() == conflict(f"Batch is {status} and cannot be given a follow-up")


async def test_follow_up_waits_in_a_paused_batch(world: World) -> None:
    scene = await a_scene(world)
    scene.move_batch(BatchStatus.PAUSED)

    answer = await scene.post(FOLLOW_UP)

    assert (answer.status_code, answer.json()["status"]) == (200, "followup_scheduled")
    assert world.tables.contacts[scene.answered].follow_up_at == datetime(2026, 9, 5, 16, tzinfo=UTC)


@pytest.mark.parametrize("at", ["2026-09-05T16:00:00Z", "2026-09-09T16:00:00Z"])
async def test_contact_without_a_follow_up_left_is_409_whatever_the_time(world: World, at: str) -> None:
    scene = await a_scene(world, campaign={"max_follow_ups": 0}, scheduled_end="2026-09-08T00:00:00Z")

    answer = await scene.post(FOLLOW_UP, json={"at": at})

    assert answer.json() == conflict("Contact has no follow-up left (limit 0)")
