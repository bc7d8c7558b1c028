"""How calls that wait for one opening are spread, and that nobody else is put off."""

from datetime import datetime, timedelta

import pytest

from domain.working_hours import OPENING_SPREAD, CallingHours, Weekday, spread_after
from tests.domain.calling_hours import hours_in, in_zone

DELHI = "Asia/Kolkata"
BERLIN = "Europe/Berlin"
OFFICE = hours_in(DELHI, "09:00-12:00 13:30-19:00")
NIGHT = hours_in(DELHI, "22:00-06:00")
ROUND_THE_CLOCK = hours_in(DELHI, "00:00-00:00")
SUNDAYS = hours_in(BERLIN, "02:30-18:00", Weekday.SUNDAY)
FREE = hours_in(DELHI, "09:00-12:00", enforced=False)
FREE_BUT_FOR_A_DAY = hours_in(DELHI, "09:00-12:00", enforced=False, blackout=["2026-03-03"])


def at(local: str, zone: str = DELHI) -> datetime:
    return in_zone(zone, local)


@pytest.mark.parametrize(
    ("hours", "due_at"),
    [
        pytest.param(OFFICE, at("2026-03-02T09:00"), id="morning opening"),
        pytest.param(OFFICE, at("2026-03-02T13:30"), id="opening after lunch"),
        pytest.param(NIGHT, at("2026-03-02T22:00"), id="window that runs past midnight"),
        pytest.param(FREE_BUT_FOR_A_DAY, at("2026-03-04T00:00"), id="midnight after a blackout date"),
        # On 2026-03-29 Berlin's clocks go from 02:00 to 03:00, so 02:30 is never shown.
        pytest.param(SUNDAYS, at("2026-03-29T03:00", BERLIN), id="opening the clocks skip"),
    ],
)
def test_call_due_when_a_window_opens_may_be_put_off_by_a_minute(
    hours: CallingHours, due_at: datetime
) -> None:
    assert spread_after(hours, due_at) == OPENING_SPREAD == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("hours", "due_at"),
    [
        pytest.param(OFFICE, at("2026-03-02T09:00:00.000001"), id="an instant after the opening"),
        pytest.param(OFFICE, at("2026-03-02T10:00"), id="in the middle of a window"),
        pytest.param(OFFICE, at("2026-03-02T11:59:59.999999"), id="an instant before closing"),
        pytest.param(NIGHT, at("2026-03-03T00:00"), id="midnight inside a window"),
        pytest.param(ROUND_THE_CLOCK, at("2026-03-03T00:00"), id="where one window meets the next"),
        pytest.param(FREE, at("2026-03-02T09:00"), id="hours are not enforced"),
        pytest.param(FREE_BUT_FOR_A_DAY, at("2026-03-04T00:00:01"), id="a second after a blackout date"),
    ],
)
def test_call_due_inside_a_window_is_not_put_off(hours: CallingHours, due_at: datetime) -> None:
    assert spread_after(hours, due_at) == timedelta()


@pytest.mark.parametrize(
    ("hours", "before", "expected"),
    [
        pytest.param(
            hours_in(DELHI, "09:00-09:01"), None, timedelta(seconds=30), id="half of a window of a minute"
        ),
        pytest.param(OFFICE, at("2026-03-02T09:00:20"), timedelta(seconds=10), id="the batch ends before"),
        pytest.param(OFFICE, at("2026-03-02T08:00"), timedelta(), id="the batch has ended"),
        pytest.param(OFFICE, at("2026-03-02T18:00"), OPENING_SPREAD, id="the end is far"),
    ],
)
def test_nobody_is_put_off_beyond_the_window_or_the_end(
    hours: CallingHours, before: datetime | None, expected: timedelta
) -> None:
    assert spread_after(hours, at("2026-03-02T09:00"), before=before) == expected
