"""Forecasts of batches whose calls end in many ways, held against what came of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import cycle

import pytest

from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.telephony import CallRequest
from tests.workflows.callee import Answer, people_who
from tests.workflows.forecast_scenes import FIRST, HOUR, MINUTE, Scene, Told
from tests.workflows.world import ANSWERED, BUSY, NO_ANSWER, World, server_time

pytestmark = pytest.mark.server

SECOND = timedelta(seconds=1)
CALLS_WITHIN = 0.15
"""Of the calls that came; their number hangs on how the dice fall."""


@pytest.fixture
async def scene(world: World) -> Scene:
    return await Scene.on(world)


def by_share(story: Told) -> None:
    """Check a forecast of calls that end now so and now so."""
    assert story.is_true, (story.preview["finishes_at"], story.started_at, story.length)
    assert story.skips_expected == story.skipped
    assert abs(story.preview["calls_expected"] - story.calls) <= CALLS_WITHIN * story.calls


Heard = Sequence[CallStatus | StatusEvent]


def in_turn(first: Sequence[Heard], later: Sequence[Heard]) -> Callable[[CallRequest, int], Heard]:
    """Return a script by which first calls, and later ones, each go by their own list, over and over."""
    firsts, laters = cycle(first), cycle(later)
    return lambda _request, call: next(firsts) if call == 1 else next(laters)


async def test_forecast_of_mixed_calls_under_a_limit_is_done_when_reality_is(scene: Scene) -> None:
    """Of ten people four answer, three are busy and three do not answer; who was not reached is redialled."""
    talk, busy, rings = (
        Answer(20 * SECOND),
        Answer(4 * SECOND, CallStatus.BUSY),
        Answer(25 * SECOND, CallStatus.NO_ANSWER),
    )
    for kind in (FIRST, AttemptKind.RETRY):
        for answer, calls in ((talk, 40), (busy, 30), (rings, 30)):
            await scene.past(kind, answer.ends, calls=calls, lasts=answer.lasts)
    turns: Iterator[Answer] = cycle((talk, busy, rings, talk, rings, busy, talk, rings, busy, talk))
    policy = {"max_retries": 2, "cooldown_minutes": 0.2}

    async with people_who(scene.world, lambda _request, _call: next(turns)):
        story = await scene.tell({"retry_policy": policy}, 40, concurrency_limit=4)

    by_share(story)
    assert story.status == "completed"
    assert story.length > 4 * MINUTE


async def test_forecast_of_mixed_redials_waits_as_long_as_reality_does(scene: Scene) -> None:
    """Three in ten calls are answered; cooldowns of 10, 20 and 40 minutes lie between those of one person."""
    for kind in (FIRST, AttemptKind.RETRY):
        for status, calls in ((CallStatus.COMPLETED, 30), (CallStatus.BUSY, 40), (CallStatus.NO_ANSWER, 30)):
            await scene.past(kind, status, calls=calls)
    ten = (BUSY, NO_ANSWER, ANSWERED, BUSY, NO_ANSWER, ANSWERED, BUSY, NO_ANSWER, BUSY, ANSWERED)
    scene.world.telephone.script = in_turn(ten, ten)
    growing = {"max_retries": 3, "strategy": "exponential", "cooldown_minutes": 10}

    story = await scene.tell({"retry_policy": growing}, 20)

    by_share(story)
    assert story.status == "completed"
    assert 70 * MINUTE <= story.length < 75 * MINUTE


async def test_forecast_of_redials_and_follow_ups_side_by_side_ends_with_the_last_of_both(
    scene: Scene,
) -> None:
    """Half of the calls are answered, and agree on another in two hours; the others are redialled."""
    for kind in (FIRST, AttemptKind.RETRY):
        await scene.past(kind, CallStatus.COMPLETED, agreed=2 * HOUR)
        await scene.past(kind, CallStatus.NO_ANSWER)
    await scene.past(AttemptKind.FOLLOW_UP, CallStatus.COMPLETED)
    nobody = cycle((False, True))

    def hear(request: CallRequest, _call: int) -> Heard:
        if scene.world.tables.calls[request.execution_id].kind is AttemptKind.FOLLOW_UP:
            return ANSWERED
        if next(nobody):
            return NO_ANSWER
        ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=server_time())
        return [CallStatus.RINGING, replace(ended, follow_up_at=server_time() + 2 * HOUR)]

    scene.world.telephone.script = hear

    story = await scene.tell(
        {"max_follow_ups": 1, "retry_policy": {"max_retries": 2, "cooldown_minutes": 30}}, 24
    )

    by_share(story)
    assert story.status == "completed"
    assert 3 * HOUR <= story.length < 3 * HOUR + 10 * MINUTE
