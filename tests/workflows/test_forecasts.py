"""Forecasts against reality: each batch is previewed over the API, made, and run on the clock that skips."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.telephony import CallRequest
from tests.workflows.callee import people_who_talk
from tests.workflows.forecast_scenes import FIRST, HOUR, LATER, MINUTE, Scene, Told
from tests.workflows.world import ANSWERED, BUSY, World, server_time

pytestmark = pytest.mark.server


@pytest.fixture
async def scene(world: World) -> Scene:
    return await Scene.on(world)


def as_in_the_past(story: Told) -> None:
    """Check what every forecast is held to."""
    assert story.is_true, (story.preview["finishes_at"], story.started_at, story.length)
    assert (story.skips_expected, story.preview["calls_expected"]) == (story.skipped, story.calls)


async def test_forecast_keeps_the_hours_that_reality_keeps(scene: Scene) -> None:
    await scene.past(FIRST, CallStatus.BUSY)
    for kind in LATER:
        await scene.past(kind, CallStatus.COMPLETED)
    scene.world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    closes_at = scene.now + 10 * MINUTE
    window = {"start": f"{scene.now - 2 * HOUR:%H:%M}", "end": f"{closes_at:%H:%M}"}
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

    story = await scene.tell(
        {"working_hours_enforced": True, "timezone": "UTC", "working_hours": dict.fromkeys(days, window)}, 8
    )

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 16)
    assert 20 * HOUR < story.length < 24 * HOUR


async def test_forecast_redials_as_reality_does(scene: Scene) -> None:
    for kind in (FIRST, *LATER):
        await scene.past(kind, CallStatus.BUSY)
    scene.world.telephone.script = lambda _request, _call: BUSY
    growing = {"max_retries": 3, "strategy": "exponential", "cooldown_minutes": 10}

    story = await scene.tell({"retry_policy": growing}, 6)

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 24)
    assert 70 * MINUTE <= story.length < 75 * MINUTE


async def test_forecast_keeps_the_limits_that_reality_keeps(scene: Scene) -> None:
    talk = timedelta(seconds=20)  # no longer than a call may be silent without being asked about
    await scene.past(FIRST, CallStatus.COMPLETED, lasts=talk)

    async with people_who_talk(scene.world, talk):
        story = await scene.tell({"metadata": {"concurrency_limit": 3}}, 12, concurrency_limit=4)

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 12)
    assert 4 * talk <= story.length < 5 * talk


async def test_forecast_caps_and_skips_whom_reality_caps_and_skips(scene: Scene) -> None:
    await scene.past(FIRST, CallStatus.COMPLETED)
    scene.world.telephone.script = lambda _request, _call: ANSWERED
    for each, hours in enumerate((22, 22, 6, 6, 6)):
        await scene.called(f"+1415555{each:04}", scene.now - hours * HOUR)
    (await scene.api.client.post("/api/v1/suppressions", json={"phone_number": "+14155550008"})).json()

    story = await scene.tell(
        {"frequency_caps": [{"max_calls": 1, "hours": 24}]},
        9,
        more=["12"],
        on_invalid="skip",
        scheduled_end=(scene.now + 12 * HOUR).isoformat(),
    )

    as_in_the_past(story)
    counted = [story.preview[name] for name in ("invalid", "suppressed", "capped", "expired_expected")]
    assert counted == [1, 1, 5, 3]
    assert (story.status, story.calls, story.skipped) == ("expired", 5, 5)


async def test_forecast_follows_up_as_reality_does(scene: Scene) -> None:
    await scene.past(FIRST, CallStatus.COMPLETED, agreed=2 * HOUR)
    await scene.past(AttemptKind.FOLLOW_UP, CallStatus.COMPLETED)

    def agrees(_request: CallRequest, call: int) -> list[CallStatus | StatusEvent]:
        ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=server_time())
        agreed_at = server_time() + 2 * HOUR if call == 1 else None
        return [CallStatus.RINGING, replace(ended, follow_up_at=agreed_at)]

    scene.world.telephone.script = agrees

    story = await scene.tell({"max_follow_ups": 1}, 6)

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 12)
    assert 2 * HOUR <= story.length < 2 * HOUR + 5 * MINUTE
