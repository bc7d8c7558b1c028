"""How many may ask a route within how long: arithmetic on a clock that only moves when somebody sleeps."""

import asyncio
import math
from datetime import timedelta

import pytest

from telephony.request_rate import RequestRate

AT_ONCE = timedelta()
FIVE_SECONDS = timedelta(seconds=5)


class StillClock:
    """A clock that stands; sleepers note how long they would sleep and move it there."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


def a_rate(per_second: float | None) -> tuple[RequestRate, StillClock]:
    clock = StillClock()
    return RequestRate(per_second, clock=clock, sleep=clock.sleep), clock


async def turns_at_once(rate: RequestRate) -> int:
    taken = 0
    while not await rate.acquire(AT_ONCE):
        taken += 1
    return taken


@pytest.mark.parametrize("per_second", [None, 0, 0.0])
async def test_without_a_rate_every_turn_is_free(per_second: float | None) -> None:
    rate, clock = a_rate(per_second)
    waits = [await rate.acquire(AT_ONCE) for _ in range(1000)] + [await rate.acquire_for_hang_up(AT_ONCE)]
    assert (set(waits), clock.slept) == ({AT_ONCE}, [])


@pytest.mark.parametrize("per_second", [-1, math.nan, math.inf])
def test_what_is_no_rate_is_refused(per_second: float) -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        RequestRate(per_second)


async def test_a_quiet_route_gives_five_seconds_worth_at_once_and_then_keeps_the_rate() -> None:
    rate, clock = a_rate(10)  # 8 of them for dials and look-ups
    assert await turns_at_once(rate) == 40
    clock.now += 1
    assert await turns_at_once(rate) == 8
    clock.now += 3600
    assert await turns_at_once(rate) == 40


async def test_a_slow_route_gives_one_turn_at_a_time() -> None:
    rate, _ = a_rate(0.1)
    assert not await rate.acquire(AT_ONCE)
    assert await rate.acquire(AT_ONCE) == timedelta(seconds=12.5)


async def test_a_turn_that_comes_soon_is_waited_for() -> None:
    rate, clock = a_rate(10)
    await turns_at_once(rate)
    assert [await rate.acquire(FIVE_SECONDS) for _ in range(3)] == [AT_ONCE] * 3
    assert clock.slept == pytest.approx([0.125] * 3)


async def test_who_would_wait_too_long_is_sent_away_and_takes_nothing() -> None:
    rate, clock = a_rate(1)
    await turns_at_once(rate)
    waits = [await rate.acquire(timedelta(seconds=1)) for _ in range(10)]
    assert waits == [timedelta(seconds=1.25)] * 10
    assert clock.slept == []
    assert not await rate.acquire(timedelta(seconds=1.25))


async def test_who_asked_first_is_served_first() -> None:
    rate, clock = a_rate(10)
    await turns_at_once(rate)
    await asyncio.gather(*[rate.acquire(FIVE_SECONDS) for _ in range(4)])
    assert clock.slept == pytest.approx([0.125, 0.25, 0.375, 0.5])


async def test_however_many_ask_at_once_few_wait_and_the_rest_are_sent_away() -> None:
    rate, clock = a_rate(10)
    waits = await asyncio.gather(*[rate.acquire(FIVE_SECONDS) for _ in range(10_000)])
    assert waits.count(AT_ONCE) == 80  # 40 at once, and 40 in the five seconds after
    assert len(clock.slept) == 40


async def test_within_five_minutes_a_rate_of_one_point_nine_stays_below_six_hundred() -> None:
    rate, clock = a_rate(1.9)
    taken = 0
    for _ in range(3000):
        taken += await turns_at_once(rate)
        while not await rate.acquire_for_hang_up(AT_ONCE):
            taken += 1
        clock.now += 0.1
    assert 560 <= taken < 600


async def test_dials_leave_a_share_for_hang_ups() -> None:
    rate, _ = a_rate(10)
    await turns_at_once(rate)
    waits = [await rate.acquire_for_hang_up(AT_ONCE) for _ in range(11)]
    assert waits == [AT_ONCE] * 10 + [timedelta(seconds=0.125)]


async def test_hang_ups_may_take_everything() -> None:
    rate, _ = a_rate(10)
    waits = [await rate.acquire_for_hang_up(AT_ONCE) for _ in range(50)]
    assert waits == [AT_ONCE] * 50
    assert await rate.acquire_for_hang_up(AT_ONCE)
    assert await rate.acquire(AT_ONCE)


@pytest.mark.parametrize("per_second", [None, 10])
async def test_a_closed_route_sends_everybody_away(per_second: float | None) -> None:
    rate, clock = a_rate(per_second)
    rate.close_for(timedelta(seconds=20))
    assert await rate.acquire(FIVE_SECONDS) == timedelta(seconds=20)
    assert await rate.acquire_for_hang_up(FIVE_SECONDS) == timedelta(seconds=20)
    clock.now += 20
    assert not await rate.acquire(AT_ONCE)
    assert not await rate.acquire_for_hang_up(AT_ONCE)


async def test_a_short_pause_is_waited_out() -> None:
    rate, clock = a_rate(10)
    rate.close_for(timedelta(seconds=2))
    assert not await rate.acquire(FIVE_SECONDS)
    assert clock.slept == pytest.approx([2])


async def test_nobody_pauses_for_longer_than_an_hour() -> None:
    rate, _ = a_rate(10)
    rate.close_for(timedelta(days=2))
    assert await rate.acquire(AT_ONCE) == timedelta(hours=1)


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    rate, _ = a_rate(10)
    rate.close_for(timedelta(seconds=30))
    rate.close_for(timedelta(seconds=3))
    assert await rate.acquire(AT_ONCE) == timedelta(seconds=30)


async def test_after_a_pause_there_is_no_burst() -> None:
    rate, clock = a_rate(10)
    rate.close_for(timedelta(seconds=30))
    clock.now += 30
    assert await turns_at_once(rate) == 1
    clock.now += 1
    assert await turns_at_once(rate) == 8


async def test_a_turn_on_its_way_is_lost_when_the_route_closes() -> None:
    clock = StillClock()

    async def sleep(seconds: float) -> None:
        rate.close_for(timedelta(seconds=60))
        clock.now += seconds

    rate = RequestRate(10, clock=clock, sleep=sleep)
    await turns_at_once(rate)
    wait = await rate.acquire(FIVE_SECONDS)
    assert wait.total_seconds() == pytest.approx(60 - 0.125)
