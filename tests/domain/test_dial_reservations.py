"""When a dial of a campaign with a rate may begin."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.dial_reservations import STALE_AFTER, DialRate, DialReservation, is_usable

NOON = datetime(2026, 9, 7, 12, tzinfo=UTC)
RATE = DialRate(calls_per_second=2, version=3)
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
    assert DialRate(calls_per_second=calls_per_second, version=1).interval == interval


@pytest.mark.parametrize(
    ("reservation", "rate", "usable"),
    [
        pytest.param(DialReservation(at=NOON + timedelta(hours=1), pace_version=3), RATE, True, id="to come"),
        pytest.param(DialReservation(at=NOON, pace_version=3), RATE, True, id="now"),
        pytest.param(DialReservation(at=NOON - STALE_AFTER, pace_version=3), RATE, True, id="a little late"),
        pytest.param(
            DialReservation(at=NOON - STALE_AFTER - MOMENT, pace_version=3), RATE, False, id="stale"
        ),
        pytest.param(DialReservation(at=NOON, pace_version=2), RATE, False, id="of a former rate"),
        pytest.param(None, RATE, False, id="none"),
        pytest.param(None, None, True, id="none, and no rate that asks for one"),
        pytest.param(DialReservation(at=NOON, pace_version=2), None, True, id="the rate was lifted"),
    ],
)
def test_reservation_is_usable(
    reservation: DialReservation | None, rate: DialRate | None, usable: bool
) -> None:
    assert is_usable(reservation, rate, NOON) is usable
