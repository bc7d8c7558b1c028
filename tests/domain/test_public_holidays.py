"""Public holidays count as blackout dates: which codes there are, and what stays closed on them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.public_holidays import is_holiday_calendar, public_holidays
from domain.working_hours import OpenWindow, Weekday, is_open, next_opening, window_around
from tests.domain.calling_hours import hours_in, in_zone, open_times, utc

BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"
SATURDAY = Weekday.SATURDAY


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("US", True, id="country"),
        pytest.param("US-CA", True, id="subdivision"),
        pytest.param("FR-Zone A", True, id="subdivision with a blank"),
        pytest.param("PR", True, id="territory that is a country to the library"),
        pytest.param("XX", False, id="no such country"),
        pytest.param("US-XX", False, id="no such subdivision"),
        pytest.param("us", False, id="lower case"),
        pytest.param("USA", False, id="three letters"),
        pytest.param("DE-Bayern", False, id="name of a subdivision"),
        pytest.param("NYSE", False, id="stock exchange"),
        pytest.param("US-", False, id="nothing after the dash"),
        pytest.param("HolidayBase", False, id="another name in the library"),
        pytest.param("", False, id="empty"),
    ],
)
def test_code_is_known_or_not(code: str, expected: bool) -> None:
    assert is_holiday_calendar(code) is expected


@pytest.mark.parametrize(
    ("code", "day", "expected"),
    [
        pytest.param("US", date(2026, 7, 4), True, id="Independence Day, a Saturday"),
        pytest.param("US", date(2026, 7, 3), True, id="observed the Friday before"),
        pytest.param("US", date(2026, 7, 6), False, id="the Monday after is none"),
        pytest.param("US", date(2026, 3, 31), False, id="Cesar Chavez Day is not the country's"),
        pytest.param("US-CA", date(2026, 3, 31), True, id="but California's"),
        pytest.param("DE", date(2026, 1, 6), False, id="Epiphany is not Germany's"),
        pytest.param("DE-BY", date(2026, 1, 6), True, id="but Bavaria's"),
        pytest.param("US", date(2027, 12, 31), True, id="New Year's Day of the year after, observed"),
        pytest.param("IN", date(2100, 1, 26), True, id="a year the library knows in part"),
        pytest.param("DE", date(9999, 12, 25), False, id="a year nobody knows"),
    ],
)
def test_days_are_those_of_the_code(code: str, day: date, expected: bool) -> None:
    assert (day in public_holidays(code, day.year)) is expected


def test_calendar_nobody_knows_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        public_holidays("XX", 2026)


@pytest.mark.parametrize("enforced", [True, False])
def test_nobody_is_called_on_a_holiday(enforced: bool) -> None:
    hours = hours_in(BERLIN, "09:00-18:00", holidays="DE", enforced=enforced)

    assert not is_open(hours, in_zone(BERLIN, "2026-12-25T12:00"))
    assert is_open(hours, in_zone(BERLIN, "2026-12-24T12:00"))


def test_call_waits_for_the_first_day_that_is_neither_holiday_nor_blackout_date() -> None:
    hours = hours_in(BERLIN, "09:00-18:00", blackout=["2026-12-27"], holidays="DE")

    due_at = next_opening(hours, in_zone(BERLIN, "2026-12-24T18:00"))

    assert due_at == in_zone(BERLIN, "2026-12-28T09:00")


def test_holiday_is_local_to_who_is_called() -> None:
    at = utc("2026-12-25T01:00")

    assert is_open(hours_in(NEW_YORK, "", holidays="US", enforced=False), at)
    assert not is_open(hours_in(TOKYO, "", holidays="US", enforced=False), at)


def test_window_past_midnight_is_cut_by_a_holiday() -> None:
    hours = hours_in(NEW_YORK, "20:00-02:00", holidays="US")

    assert open_times(hours, "2026-12-24", "2026-12-26") == [
        "Thu 24 00:00-0500 - Thu 24 02:00-0500",
        "Thu 24 20:00-0500 - Fri 25 00:00-0500",
        "Sat 26 00:00-0500 - Sat 26 02:00-0500",
        "Sat 26 20:00-0500 - Sun 27 02:00-0500",
    ]


def test_weekday_with_holidays_and_blackout_dates_in_a_row_opens_after_them() -> None:
    start = date(2026, 12, 26)
    saturdays = [(start + timedelta(weeks=week)).isoformat() for week in range(40)]
    hours = hours_in(BERLIN, "09:00-18:00", SATURDAY, blackout=saturdays, holidays="DE-BW")

    due_at = next_opening(hours, in_zone(BERLIN, "2026-12-25T09:00"))

    assert due_at == in_zone(BERLIN, "2027-10-02T09:00")


def test_calendar_that_is_gone_never_opens() -> None:
    hours = hours_in(BERLIN, "09:00-18:00", holidays="XX", enforced=False)

    assert next_opening(hours, datetime(2026, 9, 7, tzinfo=UTC)) is None
    assert not is_open(hours, utc("2026-09-07T12:00"))
    enforced = hours_in(BERLIN, "09:00-18:00", holidays="XX")
    assert window_around(enforced, utc("2026-09-07T12:00")) == OpenWindow(False, None, None)


def test_without_a_calendar_holidays_are_days_like_others() -> None:
    assert is_open(hours_in(BERLIN, "09:00-18:00"), in_zone(BERLIN, "2026-12-25T12:00"))
