"""Windows on the Sundays when clocks change: what local clocks show decides.

Each answer is read as local times with their distance from UTC, which tells repeated times apart.
"""

import pytest

from domain.working_hours import OpenWindow, Weekday, window_around
from tests.domain.calling_hours import hours_in, in_zone, open_times, the_zone

SUNDAY = Weekday.SUNDAY
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
SANTIAGO, BEIRUT, SAO_PAULO, KOLKATA = "America/Santiago", "Asia/Beirut", "America/Sao_Paulo", "Asia/Kolkata"


@pytest.mark.parametrize(
    ("zone", "sunday", "windows", "expected"),
    [
        # Berlin, 2026-03-29: 02:00+0100 becomes 03:00+0200.
        pytest.param(
            BERLIN, "2026-03-29", "09:00-18:00", "Sun 29 09:00+0200 - Sun 29 18:00+0200", id="Berlin, by day"
        ),
        pytest.param(
            BERLIN, "2026-03-29", "01:00-04:00", "Sun 29 01:00+0100 - Sun 29 04:00+0200", id="around the gap"
        ),
        pytest.param(
            BERLIN,
            "2026-03-29",
            "01:30-02:30",
            "Sun 29 01:30+0100 - Sun 29 03:00+0200",
            id="a skipped end: closed once clocks show a later time",
        ),
        pytest.param(
            BERLIN,
            "2026-03-29",
            "02:30-06:00",
            "Sun 29 03:00+0200 - Sun 29 06:00+0200",
            id="a skipped start: open once clocks show a later time",
        ),
        pytest.param(
            BERLIN,
            "2026-03-29",
            "02:15-02:45",
            "Sun 29 03:15+0200 - Sun 29 03:45+0200",
            id="inside the gap: start and end move forward by it",
        ),
        pytest.param(
            BERLIN,
            "2026-03-29",
            "02:00-03:00",
            "Sun 29 03:00+0200 - Sun 29 04:00+0200",
            id="exactly the gap: moves forward too",
        ),
        pytest.param(
            BERLIN,
            "2026-03-29",
            "02:00-03:01",
            "Sun 29 03:00+0200 - Sun 29 03:01+0200",
            id="a minute of it is shown: nothing moves",
        ),
        pytest.param(
            BERLIN,
            "2026-03-29",
            "02:15-02:45 02:45-03:15",
            "Sun 29 03:00+0200 - Sun 29 03:15+0200",
            id="windows are joined before they are looked at",
        ),
        # New York, 2026-03-08: 02:00-0500 becomes 03:00-0400.
        pytest.param(
            NEW_YORK, "2026-03-08", "08:00-21:00", "Sun 08 08:00-0400 - Sun 08 21:00-0400", id="New York"
        ),
        pytest.param(
            NEW_YORK, "2026-03-08", "02:15-02:45", "Sun 08 03:15-0400 - Sun 08 03:45-0400", id="its gap"
        ),
        # Lord Howe, 2026-10-04: 02:00+1030 becomes 02:30+1100.
        pytest.param(
            LORD_HOWE,
            "2026-10-04",
            "01:45-02:15",
            "Sun 04 01:45+1030 - Sun 04 02:30+1100",
            id="Lord Howe, half an hour: a skipped end",
        ),
        pytest.param(
            LORD_HOWE,
            "2026-10-04",
            "02:10-02:20",
            "Sun 04 02:40+1100 - Sun 04 02:50+1100",
            id="Lord Howe: inside the gap",
        ),
        # Zones without a change on the day.
        pytest.param(
            SAO_PAULO,
            "2026-10-18",
            "00:15-00:45",
            "Sun 18 00:15-0300 - Sun 18 00:45-0300",
            id="Sao Paulo today",
        ),
        pytest.param(
            KOLKATA, "2026-03-29", "02:15-02:45", "Sun 29 02:15+0530 - Sun 29 02:45+0530", id="Kolkata"
        ),
        # Changes at midnight: 00:00 becomes 01:00.
        pytest.param(
            SAO_PAULO,
            "2018-11-04",
            "00:15-00:45",
            "Sun 04 01:15-0200 - Sun 04 01:45-0200",
            id="Sao Paulo while it had summer time",
        ),
        pytest.param(
            SANTIAGO, "2026-09-06", "00:00-00:00", "Sun 06 01:00-0300 - Mon 07 00:00-0300", id="a 23 hour day"
        ),
        pytest.param(
            SANTIAGO,
            "2026-09-06",
            "00:15-00:45",
            "Sun 06 01:15-0300 - Sun 06 01:45-0300",
            id="Santiago's gap",
        ),
        pytest.param(
            BEIRUT, "2026-03-29", "00:00-09:00", "Sun 29 01:00+0300 - Sun 29 09:00+0300", id="Beirut"
        ),
    ],
)
def test_sunday_window_when_clocks_move_forward(zone: str, sunday: str, windows: str, expected: str) -> None:
    assert open_times(hours_in(zone, windows, SUNDAY), sunday, sunday) == [expected]


@pytest.mark.parametrize(
    ("zone", "sunday", "windows", "expected"),
    [
        # Berlin, 2026-10-25: 03:00+0200 becomes 02:00+0100.
        pytest.param(
            BERLIN,
            "2026-10-25",
            "09:00-18:00",
            ["Sun 25 09:00+0100 - Sun 25 18:00+0100"],
            id="Berlin, by day",
        ),
        pytest.param(
            BERLIN,
            "2026-10-25",
            "01:30-02:30",
            ["Sun 25 01:30+0200 - Sun 25 02:30+0200", "Sun 25 02:00+0100 - Sun 25 02:30+0100"],
            id="a repeated end: closed while clocks show 02:30 to 03:00 for the first time",
        ),
        pytest.param(
            BERLIN,
            "2026-10-25",
            "02:30-06:00",
            ["Sun 25 02:30+0200 - Sun 25 02:00+0100", "Sun 25 02:30+0100 - Sun 25 06:00+0100"],
            id="a repeated start: opens at the first, closed while clocks are back before it",
        ),
        pytest.param(
            BERLIN,
            "2026-10-25",
            "02:15-02:45",
            ["Sun 25 02:15+0200 - Sun 25 02:45+0200", "Sun 25 02:15+0100 - Sun 25 02:45+0100"],
            id="inside the repeated hour: twice",
        ),
        pytest.param(
            BERLIN,
            "2026-10-25",
            "02:00-03:00",
            ["Sun 25 02:00+0200 - Sun 25 03:00+0100"],
            id="the repeated hour: two hours on end",
        ),
        pytest.param(
            BERLIN, "2026-10-25", "00:00-00:00", ["Sun 25 00:00+0200 - Mon 26 00:00+0100"], id="a 25 hour day"
        ),
        # New York, 2026-11-01: 02:00-0400 becomes 01:00-0500.
        pytest.param(
            NEW_YORK, "2026-11-01", "08:00-21:00", ["Sun 01 08:00-0500 - Sun 01 21:00-0500"], id="New York"
        ),
        pytest.param(
            NEW_YORK,
            "2026-11-01",
            "01:30-01:45",
            ["Sun 01 01:30-0400 - Sun 01 01:45-0400", "Sun 01 01:30-0500 - Sun 01 01:45-0500"],
            id="New York, the repeated hour",
        ),
        # Lord Howe, 2026-04-05: 02:00+1100 becomes 01:30+1030.
        pytest.param(
            LORD_HOWE,
            "2026-04-05",
            "01:45-02:15",
            ["Sun 05 01:45+1100 - Sun 05 01:30+1030", "Sun 05 01:45+1030 - Sun 05 02:15+1030"],
            id="Lord Howe, half an hour",
        ),
    ],
)
def test_sunday_windows_when_clocks_move_back(
    zone: str, sunday: str, windows: str, expected: list[str]
) -> None:
    assert open_times(hours_in(zone, windows, SUNDAY), sunday, sunday) == expected


def test_question_in_the_repeated_hour_is_answered_for_its_own_instant() -> None:
    hours = hours_in(BERLIN, "02:00-02:30", SUNDAY)
    asked = in_zone(BERLIN, "2026-10-25T02:10", fold=1).astimezone(the_zone(BERLIN))

    closes_at = in_zone(BERLIN, "2026-10-25T02:30", fold=1)
    assert window_around(hours, asked) == OpenWindow(is_open=True, opens_at=None, closes_at=closes_at)
