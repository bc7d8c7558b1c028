"""Signs of life: as often as the timeout asks for, and not a moment longer than the activity runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from activities.interceptors import BEATS_PER_TIMEOUT, HeartbeatInterceptor

TIMEOUT = timedelta(milliseconds=150)
INPUT = ExecuteActivityInput(fn=lambda: None, args=(), executor=None, headers={})


class Body(ActivityInboundInterceptor):
    """The end of the chain: the activity itself."""

    def __init__(self, act: Callable[[], Awaitable[object]]) -> None:
        self._act = act

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Nothing goes out."""

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        """Run the activity."""
        return await self._act()


class Pulse:
    """Counts beats, and tells when there were some."""

    def __init__(self) -> None:
        self.beats_at: list[float] = []
        self._changed = asyncio.Event()

    def beat(self, *_: object) -> None:
        """Feel one beat."""
        self.beats_at.append(asyncio.get_running_loop().time())
        self._changed.set()

    async def reaches(self, beats: int) -> None:
        """Return after so many beats."""
        async with asyncio.timeout(5):
            while len(self.beats_at) < beats:
                await self._changed.wait()
                self._changed.clear()


async def beating(
    pulse: Pulse, act: Callable[[], Awaitable[object]], within: timedelta | None = TIMEOUT
) -> object:
    """Run an activity behind the interceptor."""
    env = ActivityEnvironment()
    env.info = replace(env.info, heartbeat_timeout=within)
    env.on_heartbeat = pulse.beat
    chain = HeartbeatInterceptor().intercept_activity(Body(act))
    return await env.run(chain.execute_activity, INPUT)


async def left_behind(before: set["asyncio.Task[object]"]) -> set["asyncio.Task[object]"]:
    """Return the tasks that were not there before, once cancelled ones had their turn."""
    await asyncio.sleep(0)
    return asyncio.all_tasks() - before


async def test_running_activity_beats_several_times_within_its_timeout() -> None:
    pulse = Pulse()

    async def act() -> str:
        await pulse.reaches(BEATS_PER_TIMEOUT + 1)
        return "done"

    pulse.beats_at.append(asyncio.get_running_loop().time())
    assert await beating(pulse, act) == "done"

    shortest = min(later - earlier for earlier, later in pairwise(pulse.beats_at))
    every = (TIMEOUT / BEATS_PER_TIMEOUT).total_seconds()
    assert every * 0.9 <= shortest < TIMEOUT.total_seconds() / 2


async def test_heart_stops_with_the_activity() -> None:
    pulse = Pulse()
    before = asyncio.all_tasks()

    await beating(pulse, lambda: pulse.reaches(1))

    assert await left_behind(before) == set()


async def test_heart_stops_with_an_activity_that_fails() -> None:
    pulse = Pulse()
    before = asyncio.all_tasks()

    async def fail() -> None:
        await pulse.reaches(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await beating(pulse, fail)

    assert await left_behind(before) == set()


async def test_short_activity_is_over_before_its_first_beat() -> None:
    pulse = Pulse()

    async def act() -> str:
        return "done"

    assert await beating(pulse, act) == "done"
    assert pulse.beats_at == []


async def test_activity_that_was_asked_for_without_a_timeout_does_not_beat() -> None:
    pulse = Pulse()
    tasks_within: list[int] = []

    async def act() -> str:
        tasks_within.append(len(asyncio.all_tasks()))
        return "done"

    without, within = await beating(pulse, act, within=None), await beating(pulse, act)

    assert (without, within) == ("done", "done")
    assert tasks_within[0] == tasks_within[1] - 1
