"""When a person may be called: windows, rest days, blackout dates, and the answers at the edges."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.working_hours import (
    DEFAULT_WORKING_HOURS,
    CallingHours,
    OpenWindow,
    Weekday,
    is_open,
    next_opening,
    window_around,
)
from tests.domain.calling_hours import hours_in, in_zone, open_times, utc

MONDAY, TUESDAY, WEDNESDAY, FRIDAY = Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.FRIDAY
INSTANT = timedelta.resolution
DELHI = "Asia/Kolkata"
OFFICE = CallingHours(enforced=True, timezone=DELHI, working_hours=DEFAULT_WORKING_HOURS)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(
            "2026-03-06T08:59:59.999999", "2026-03-06T09:00", id="Friday, an instant before opening"
        ),
        pytest.param("2026-03-06T09:00", "2026-03-06T09:00", id="Friday, at the opening"),
        pytest.param("2026-03-06T17:55", "2026-03-06T17:55", id="Friday, five minutes before closing"),
        pytest.param(
            "2026-03-06T17:59:59.999999", "2026-03-06T17:59:59.999999", id="Friday, an instant before closing"
        ),
        pytest.param("2026-03-06T18:00", "2026-03-09T09:00", id="Friday at closing: not before Monday"),
        pytest.param("2026-03-07T12:00", "2026-03-09T09:00", id="Saturday is a rest day"),
        pytest.param("2026-03-08T23:59", "2026-03-09T09:00", id="Sunday night"),
        pytest.param("2026-03-09T00:00", "2026-03-09T09:00", id="Monday morning"),
        pytest.param("2026-03-10T18:25", "2026-03-11T09:00", id="17:55 plus 30 minutes: the next morning"),
    ],
)
def test_call_is_due_at_the_first_open_instant(at: str, expected: str) -> None:
    assert next_opening(OFFICE, in_zone(DELHI, at)) == in_zone(DELHI, expected)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-03-06T08:59:59.999999", False, id="an instant before opening"),
        pytest.param("2026-03-06T09:00", True, id="the start belongs to the window"),
        pytest.param("2026-03-06T17:59:59.999999", True, id="an instant before closing"),
        pytest.param("2026-03-06T18:00", False, id="the end does not"),
        pytest.param("2026-03-07T12:00", False, id="Saturday"),
    ],
)
def test_window_is_half_open(at: str, expected: bool) -> None:
    assert is_open(OFFICE, in_zone(DELHI, at)) is expected


@pytest.mark.parametrize(
    ("windows", "days", "expected"),
    [
        pytest.param(
            "09:00-12:00 13:30-19:00",
            (WEDNESDAY,),
            ["Wed 11 09:00+0530 - Wed 11 12:00+0530", "Wed 11 13:30+0530 - Wed 11 19:00+0530"],
            id="a lunch break",
        ),
        pytest.param(
            "13:30-19:00 09:00-12:00",
            (WEDNESDAY,),
            ["Wed 11 09:00+0530 - Wed 11 12:00+0530", "Wed 11 13:30+0530 - Wed 11 19:00+0530"],
            id="in whatever order they are written",
        ),
        pytest.param(
            "09:00-12:00 11:00-15:00 10:00-10:30",
            (WEDNESDAY,),
            ["Wed 11 09:00+0530 - Wed 11 15:00+0530"],
            id="overlaps merge",
        ),
        pytest.param(
            "09:00-12:00 12:00-15:00",
            (WEDNESDAY,),
            ["Wed 11 09:00+0530 - Wed 11 15:00+0530"],
            id="neighbours join",
        ),
        pytest.param(
            "22:00-02:00",
            (MONDAY,),
            ["Mon 09 22:00+0530 - Tue 10 02:00+0530"],
            id="past midnight, belonging to the day it starts on",
        ),
        pytest.param(
            "22:00-00:00", (MONDAY,), ["Mon 09 22:00+0530 - Tue 10 00:00+0530"], id="until the end of the day"
        ),
        pytest.param(
            "22:00-00:00 00:00-03:00",
            (MONDAY, TUESDAY),
            [
                "Mon 09 00:00+0530 - Mon 09 03:00+0530",
                "Mon 09 22:00+0530 - Tue 10 03:00+0530",
                "Tue 10 22:00+0530 - Wed 11 00:00+0530",
            ],
            id="neighbours join across midnight",
        ),
        pytest.param(
            "05:00-03:00",
            (MONDAY, TUESDAY),
            ["Mon 09 05:00+0530 - Tue 10 03:00+0530", "Tue 10 05:00+0530 - Wed 11 03:00+0530"],
            id="22 hours",
        ),
        pytest.param(
            "09:00-09:00", (MONDAY,), ["Mon 09 09:00+0530 - Tue 10 09:00+0530"], id="equal times are 24 hours"
        ),
        pytest.param(
            "00:00-00:00",
            (MONDAY, TUESDAY),
            ["Mon 09 00:00+0530 - Wed 11 00:00+0530"],
            id="two whole days join",
        ),
        pytest.param(
            "09:00-18:00", (Weekday.SUNDAY,), ["Sun 15 09:00+0530 - Sun 15 18:00+0530"], id="Sunday"
        ),
        pytest.param("", (MONDAY,), [], id="an enabled day without windows never opens"),
    ],
)
def test_windows_of_a_week(windows: str, days: tuple[Weekday, ...], expected: list[str]) -> None:
    assert open_times(hours_in(DELHI, windows, *days), "2026-03-09", "2026-03-15") == expected


@pytest.mark.parametrize(
    ("windows", "blackout", "expected"),
    [
        pytest.param(
            "09:00-18:00", "2026-03-10", ["Mon 09 09:00+0530 - Mon 09 18:00+0530"], id="the whole local date"
        ),
        pytest.param(
            "22:00-02:00",
            "2026-03-10",
            ["Mon 09 00:00+0530 - Mon 09 02:00+0530", "Mon 09 22:00+0530 - Tue 10 00:00+0530"],
            id="the tail of the night before too",
        ),
        pytest.param(
            "22:00-02:00",
            "2026-03-09",
            ["Tue 10 00:00+0530 - Tue 10 02:00+0530", "Tue 10 22:00+0530 - Wed 11 02:00+0530"],
            id="but not the tail that lies on the date after",
        ),
    ],
)
def test_blackout_date_closes_all_of_its_hours(windows: str, blackout: str, expected: list[str]) -> None:
    hours = hours_in(DELHI, windows, blackout=[blackout])

    assert open_times(hours, "2026-03-09", "2026-03-10") == expected


def test_hours_that_are_not_enforced_are_always_open() -> None:
    hours = hours_in(DELHI, "09:00-18:00", MONDAY, enforced=False)
    at = in_zone(DELHI, "2026-03-08T03:00")

    assert (is_open(hours, at), next_opening(hours, at)) == (True, at)


def test_blackout_date_closes_hours_that_are_not_enforced() -> None:
    hours = hours_in(DELHI, "09:00-18:00", blackout=["2026-03-10", "2026-03-11"], enforced=False)
    first, after = in_zone(DELHI, "2026-03-10T00:00"), in_zone(DELHI, "2026-03-12T00:00")

    opened = [is_open(hours, at) for at in (first - INSTANT, first, after - INSTANT, after)]
    assert (opened, next_opening(hours, first)) == ([True, False, False, True], after)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param("2026-03-09T09:00:00.000001", "2026-03-09T09:00", id="an instant after the opening"),
        pytest.param("2026-03-09T09:00", None, id="at the opening"),
        pytest.param("2026-03-08T00:00", None, id="days earlier"),
        pytest.param("2026-03-01T00:00", None, id="in the past"),
    ],
)
def test_opening_counts_only_before_the_given_end(before: str, expected: str | None) -> None:
    found = next_opening(OFFICE, in_zone(DELHI, "2026-03-06T18:00"), before=in_zone(DELHI, before))

    assert found == (None if expected is None else in_zone(DELHI, expected))


def test_open_instant_is_no_opening_when_the_end_is_reached() -> None:
    noon = in_zone(DELHI, "2026-03-06T12:00")

    assert next_opening(OFFICE, noon, before=noon) is None


def test_answer_is_in_utc_whatever_zone_the_question_came_in() -> None:
    asked = datetime.fromisoformat("2026-03-06T05:00:00-08:00")  # Friday 18:30 in Delhi

    found = next_opening(OFFICE, asked, before=datetime.fromisoformat("2026-03-09T18:00:00+05:30"))

    assert found is not None
    assert (found, found.tzinfo) == (utc("2026-03-09T03:30"), UTC)


@pytest.mark.parametrize("enforced", [True, False])
@pytest.mark.parametrize(
    "zone",
    [
        pytest.param("Asia/Atlantis", id="no such zone"),
        pytest.param("", id="empty"),
        pytest.param("../etc/passwd", id="a path"),
        pytest.param("America", id="a folder of zones"),
        pytest.param("Asia/Kolkata\0", id="a null character"),
        pytest.param("zone.tab", id="a file that holds no zone"),
        pytest.param("Z" * 300, id="too long for a file name"),
    ],
)
def test_unknown_zone_is_never_open(zone: str, enforced: bool) -> None:
    hours = hours_in(zone, "00:00-00:00", enforced=enforced)
    noon = utc("2026-03-06T12:00")

    answers = (is_open(hours, noon), next_opening(hours, noon), window_around(hours, noon))
    assert answers == (False, None, OpenWindow(is_open=False, opens_at=None, closes_at=None))


def test_time_without_a_zone_is_refused() -> None:
    naive = datetime.fromisoformat("2026-03-06T12:00")

    for question in (is_open, next_opening, window_around):
        with pytest.raises(ValueError, match="without a zone"):
            question(OFFICE, naive)


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        pytest.param(
            OFFICE,
            "2026-03-06T17:55",
            OpenWindow(is_open=True, opens_at=None, closes_at=in_zone(DELHI, "2026-03-06T18:00")),
            id="open: its end",
        ),
        pytest.param(
            OFFICE,
            "2026-03-06T18:00",
            OpenWindow(
                is_open=False,
                opens_at=in_zone(DELHI, "2026-03-09T09:00"),
                closes_at=in_zone(DELHI, "2026-03-09T18:00"),
            ),
            id="closed: the next one",
        ),
        pytest.param(
            hours_in(DELHI, "00:00-00:00", blackout=["2026-03-20"]),
            "2026-03-06T12:00",
            OpenWindow(is_open=True, opens_at=None, closes_at=in_zone(DELHI, "2026-03-20T00:00")),
            id="open day and night until a blackout date",
        ),
        pytest.param(
            hours_in(DELHI, "00:00-00:00"),
            "2026-03-06T12:00",
            OpenWindow(is_open=True, opens_at=None, closes_at=None),
            id="open for ever",
        ),
        pytest.param(
            hours_in(DELHI, ""),
            "2026-03-06T12:00",
            OpenWindow(is_open=False, opens_at=None, closes_at=None),
            id="never open",
        ),
        pytest.param(
            hours_in(DELHI, "09:00-18:00", enforced=False),
            "2026-03-06T03:00",
            OpenWindow(is_open=True, opens_at=None, closes_at=None),
            id="not enforced",
        ),
        pytest.param(
            hours_in(DELHI, "09:00-18:00", enforced=False, blackout=["2026-03-06"]),
            "2026-03-06T12:00",
            OpenWindow(is_open=False, opens_at=None, closes_at=None),
            id="not enforced, on a blackout date",
        ),
    ],
)
def test_window_around_an_instant(hours: CallingHours, at: str, expected: OpenWindow) -> None:
    assert window_around(hours, in_zone(DELHI, at)) == expected


def test_opening_is_found_behind_a_thousand_blackout_dates() -> None:
    listed = [(date(2026, 3, 6) + timedelta(weeks=week)).isoformat() for week in range(1000)]
    hours = hours_in(DELHI, "09:00-18:00", FRIDAY, blackout=listed)

    # 2026-03-06 plus 1000 weeks; asked just after the window of the Friday before the first of them.
    assert next_opening(hours, in_zone(DELHI, "2026-02-27T18:00")) == in_zone(DELHI, "2045-05-05T09:00")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_ends_of_the_calendar_are_closed(day: str) -> None:
    assert not is_open(hours_in(DELHI, "00:00-00:00"), utc(f"{day}T12:00"))


def test_search_ends_with_the_calendar() -> None:
    assert next_opening(OFFICE, utc("9999-12-30T12:00")) is None
