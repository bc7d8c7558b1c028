"""When a dial of a campaign with a pace may begin."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.dial_reservations import STALE_AFTER, DialReservation, Pace, may_use

NOON = datetime(2026, 9, 7, 12, tzinfo=UTC)
PACE = Pace(calls_per_second=2, version=3)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("calls_per_second", "interval"),
    [
        pytest.param(2, timedelta(milliseconds=500), id="two a second"),
        pytest.param(0.1, timedelta(seconds=10), id="the slowest"),
        pytest.param(100, timedelta(milliseconds=10), id="the fastest"),
        pytest.param(3, timedelta(microseconds=333_334), id="rounded up, so that a second holds three"),
    ],
)
def test_least_time_between_two_dials(calls_per_second: float, interval: timedelta) -> None:
    assert Pace(calls_per_second=calls_per_second, version=1).interval == interval


@pytest.mark.parametrize(
    ("turn", "pace", "is_usable"),
    [
        pytest.param(DialReservation(at=NOON + timedelta(hours=1), pace_version=3), PACE, True, id="to come"),
        pytest.param(DialReservation(at=NOON, pace_version=3), PACE, True, id="now"),
        pytest.param(DialReservation(at=NOON - STALE_AFTER, pace_version=3), PACE, True, id="a little late"),
        pytest.param(
            DialReservation(at=NOON - STALE_AFTER - MOMENT, pace_version=3), PACE, False, id="stale"
        ),
        pytest.param(DialReservation(at=NOON, pace_version=2), PACE, False, id="of a former pace"),
        pytest.param(None, PACE, False, id="none"),
        pytest.param(None, None, True, id="none, and no pace that asks for one"),
        pytest.param(DialReservation(at=NOON, pace_version=2), None, True, id="the pace was lifted"),
    ],
)
def test_turn_may_be_used(turn: DialReservation | None, pace: Pace | None, is_usable: bool) -> None:
    assert may_use(turn, pace, NOON) is is_usable
