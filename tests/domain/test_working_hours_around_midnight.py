"""Windows across midnight when clocks change, gaps at midnight, and dates that a zone skipped.

Each answer is read as local times with their distance from UTC, which tells repeated times apart.
"""

from datetime import timedelta

import pytest

from domain.working_hours import Weekday, is_open, next_opening
from tests.domain.calling_hours import hours_in, in_zone, open_times, utc

THURSDAY, FRIDAY, SATURDAY, SUNDAY = Weekday.THURSDAY, Weekday.FRIDAY, Weekday.SATURDAY, Weekday.SUNDAY
BERLIN, CAIRO, SANTIAGO, BEIRUT = "Europe/Berlin", "Africa/Cairo", "America/Santiago", "Asia/Beirut"
JERUSALEM, NUUK, APIA, KWAJALEIN = "Asia/Jerusalem", "America/Nuuk", "Pacific/Apia", "Pacific/Kwajalein"
INSTANT = timedelta.resolution


@pytest.mark.parametrize(
    ("zone", "day", "evening", "windows", "expected"),
    [
        pytest.param(
            BERLIN,
            SATURDAY,
            "2026-03-28",
            "22:00-03:15",
            ["Sat 28 22:00+0100 - Sun 29 03:15+0200"],
            id="an end after the gap stays",
        ),
        pytest.param(
            BERLIN,
            SATURDAY,
            "2026-10-24",
            "22:00-02:30",
            ["Sat 24 22:00+0200 - Sun 25 02:30+0200", "Sun 25 02:00+0100 - Sun 25 02:30+0100"],
            id="an end in the repeated hour",
        ),
        # Cairo, 2026-04-24: 00:00+0200 becomes 01:00+0300.
        pytest.param(
            CAIRO,
            THURSDAY,
            "2026-04-23",
            "22:00-00:30",
            ["Thu 23 22:00+0200 - Fri 24 01:00+0300"],
            id="a skipped tail",
        ),
        pytest.param(
            CAIRO,
            THURSDAY,
            "2026-04-23",
            "23:30-01:30",
            ["Thu 23 23:30+0200 - Fri 24 01:30+0300"],
            id="a tail longer than the gap",
        ),
        # Cairo, 2026-10-30: 00:00+0300 becomes 23:00+0200 of the day before.
        pytest.param(
            CAIRO,
            THURSDAY,
            "2026-10-29",
            "23:30-01:30",
            ["Thu 29 23:30+0300 - Thu 29 23:00+0200", "Thu 29 23:30+0200 - Fri 30 01:30+0200"],
            id="clocks go back into the day before",
        ),
        pytest.param(
            CAIRO,
            THURSDAY,
            "2026-10-29",
            "22:00-00:30",
            ["Thu 29 22:00+0300 - Fri 30 00:30+0200"],
            id="the last hour of the day, twice",
        ),
        # Jerusalem, 2026-03-27: 02:00+0200 becomes 03:00+0300, at midnight in UTC.
        pytest.param(
            JERUSALEM,
            FRIDAY,
            "2026-03-27",
            "02:15-02:45",
            ["Fri 27 03:15+0300 - Fri 27 03:45+0300"],
            id="clocks change at midnight in UTC",
        ),
        pytest.param(
            CAIRO, FRIDAY, "2026-10-30", "00:00-09:00", ["Fri 30 00:00+0200 - Fri 30 09:00+0200"], id="Friday"
        ),
        # Santiago, 2026-04-05: 00:00-0300 becomes 23:00-0400 of the day before.
        pytest.param(
            SANTIAGO,
            SATURDAY,
            "2026-04-04",
            "00:00-00:00",
            ["Sat 04 00:00-0300 - Sun 05 00:00-0400"],
            id="a 25 hour Saturday",
        ),
        # Beirut, 2026-10-25: 00:00+0300 becomes 23:00+0200 of the day before.
        pytest.param(
            BEIRUT,
            SATURDAY,
            "2026-10-24",
            "22:00-00:30",
            ["Sat 24 22:00+0300 - Sun 25 00:30+0200"],
            id="Beirut",
        ),
    ],
)
def test_windows_of_one_weekday_when_clocks_change(
    zone: str, day: Weekday, evening: str, windows: str, expected: list[str]
) -> None:
    at = in_zone(zone, f"{evening}T00:00")

    found = open_times(hours_in(zone, windows, day), evening, (at + timedelta(days=2)).date().isoformat())

    assert found == expected


@pytest.mark.parametrize(
    ("windows", "blackout", "expected"),
    [
        # Nuuk, Saturday 2026-03-28: 23:00-0200 becomes Sunday 00:00-0100.
        pytest.param("23:15-23:45", [], ["Sun 29 00:15-0100 - Sun 29 00:45-0100"], id="moves past midnight"),
        pytest.param("23:15-23:45", ["2026-03-29"], [], id="never into a blackout date"),
        pytest.param("23:15-23:45", ["2026-03-28"], [], id="nor out of one"),
        pytest.param(
            "22:30-23:30", ["2026-03-29"], ["Sat 28 22:30-0200 - Sun 29 00:00-0100"], id="ends at the gap"
        ),
        pytest.param(
            "23:00-01:00",
            ["2026-03-28"],
            ["Sun 29 00:00-0100 - Sun 29 01:00-0100"],
            id="the tail is on the date after",
        ),
    ],
)
def test_saturday_window_in_a_gap_before_midnight(
    windows: str, blackout: list[str], expected: list[str]
) -> None:
    hours = hours_in(NUUK, windows, SATURDAY, blackout=blackout)

    assert open_times(hours, "2026-03-28", "2026-03-29") == expected


def test_window_in_a_gap_before_midnight_stays_when_it_joins_the_next_day() -> None:
    hours = hours_in(NUUK, "23:00-00:00 00:00-00:30", SATURDAY, SUNDAY)

    assert open_times(hours, "2026-03-28", "2026-03-29") == [
        "Sat 28 00:00-0200 - Sat 28 00:30-0200",
        "Sun 29 00:00-0100 - Sun 29 00:30-0100",
        "Sun 29 23:00-0100 - Mon 30 00:00-0100",
    ]


@pytest.mark.parametrize(
    ("zone", "days", "windows", "first", "last", "expected"),
    [
        # Apia went from Thursday 2011-12-29 to Saturday 2011-12-31.
        pytest.param(
            APIA,
            (THURSDAY, FRIDAY, SATURDAY),
            "09:00-18:00",
            "2011-12-29",
            "2011-12-31",
            ["Thu 29 09:00-1000 - Thu 29 18:00-1000", "Sat 31 09:00+1400 - Sat 31 18:00+1400"],
            id="Apia, a Friday that never was",
        ),
        pytest.param(
            APIA,
            (FRIDAY,),
            "09:00-18:00",
            "2011-12-24",
            "2012-01-06",
            ["Fri 06 09:00+1400 - Fri 06 18:00+1400"],
            id="Apia, its hours do not move to the rest day after it",
        ),
        pytest.param(
            APIA,
            (THURSDAY,),
            "22:00-02:00",
            "2011-12-29",
            "2012-01-01",
            ["Thu 29 22:00-1000 - Sat 31 00:00+1400"],
            id="Apia, nor does the tail of the night before",
        ),
        pytest.param(
            APIA,
            (FRIDAY,),
            "22:00-02:00",
            "2011-12-29",
            "2012-01-01",
            ["Sat 31 00:00+1400 - Sat 31 02:00+1400"],
            id="Apia, the tail clocks do show",
        ),
        # Kwajalein went from Friday 1993-08-20 to Sunday 1993-08-22.
        pytest.param(
            KWAJALEIN,
            (FRIDAY, SATURDAY, SUNDAY),
            "09:00-18:00",
            "1993-08-20",
            "1993-08-22",
            ["Fri 20 09:00-1200 - Fri 20 18:00-1200", "Sun 22 09:00+1200 - Sun 22 18:00+1200"],
            id="Kwajalein",
        ),
    ],
)
def test_skipped_date_has_no_hours(
    zone: str, days: tuple[Weekday, ...], windows: str, first: str, last: str, expected: list[str]
) -> None:
    assert open_times(hours_in(zone, windows, *days), first, last) == expected


def test_blackout_of_a_skipped_date_changes_nothing() -> None:
    hours = hours_in(APIA, "00:00-00:00", blackout=["2011-12-30"])
    crossing = utc("2011-12-30T10:00")  # the end of Thursday, the start of Saturday

    assert [is_open(hours, at) for at in (crossing - INSTANT, crossing)] == [True, True]


def test_blackout_date_of_25_hours_is_closed_from_its_first_midnight_to_its_last() -> None:
    hours = hours_in(SANTIAGO, "00:00-00:00", blackout=["2026-04-04"])
    first, last = utc("2026-04-04T03:00"), utc("2026-04-05T04:00")

    opened = [is_open(hours, at) for at in (first - INSTANT, first, last - INSTANT, last)]
    assert (opened, next_opening(hours, first)) == ([True, False, False, True], last)
