"""What the search for clock changes takes for granted, held against the zone files of the package."""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise

import pytest

from domain.wall_clock import Reading, clock_day, zone_named, zone_names
from tests.domain.calling_hours import the_zone

HOUR = 3600


def zone_file(name: str) -> bytes:
    """The file a zone is made from."""
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def clock_changes(name: str) -> Iterator[tuple[int, int]]:
    """Yield when the zone's clocks change (POSIX time) and by how much, in seconds, while that is listed.

    The layout is that of RFC 8536; a file starts with a block of 32 bit times, which is passed over.
    """
    content = zone_file(name)
    ut_flags, standard_flags, leaps, times, types, letters = struct.unpack(">6l", content[20:44])
    second = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard_flags + ut_flags
    times, types = struct.unpack(">2l", content[second + 32 : second + 40])
    at = second + 44
    instants = struct.unpack(f">{times}q", content[at : at + times * 8])
    kinds = content[at + times * 8 : at + times * 9]
    offsets = [kind[0] for kind in struct.iter_unpack(">lBB", content[at + times * 9 :][: types * 6])]
    for instant, (before, after) in zip(instants, pairwise([0, *kinds]), strict=True):
        if offsets[after] != offsets[before]:
            yield instant, offsets[after] - offsets[before]


def test_clock_changes_are_days_apart_and_never_larger_than_a_day() -> None:
    for name in zone_names():
        changes = list(clock_changes(name))
        assert all(abs(change) <= 24 * HOUR for _, change in changes), name
        assert all(later - earlier >= 95 * HOUR for (earlier, _), (later, _) in pairwise(changes)), name


def test_zone_files_are_read_here_as_zoneinfo_reads_them() -> None:
    [berlin] = [
        (at, change)
        for at, change in clock_changes("Europe/Berlin")
        if datetime.fromtimestamp(at, UTC).date() == date(1995, 3, 26)
    ]

    assert berlin == (datetime(1995, 3, 26, 1, tzinfo=UTC).timestamp(), HOUR)


@pytest.mark.parametrize("name", ["Asia/Atlantis", "", "../UTC", "America", "zone.tab", "Z" * 300])
def test_unknown_zone_is_none(name: str) -> None:
    assert zone_named(name) is None


def test_known_zone_is_found() -> None:
    kolkata = zone_named("Asia/Kolkata")

    assert kolkata is not None
    assert kolkata.key == "Asia/Kolkata"
    assert datetime(2026, 3, 6, tzinfo=kolkata).utcoffset() == timedelta(hours=5.5)


def test_day_is_read_by_local_dates() -> None:
    found = clock_day(the_zone("Asia/Kolkata"), date(2026, 3, 6))

    midnight = datetime(2026, 3, 6, 18, 30, tzinfo=UTC)  # 24:00 - 5:30
    start, end = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC)
    expected = (
        Reading(start, midnight, date(2026, 3, 6), midnight - timedelta(days=1)),
        Reading(midnight, end, date(2026, 3, 7), midnight),
    )
    assert (found.readings, found.gap) == (expected, None)


def test_days_around_a_clock_change_are_read_apart() -> None:
    berlin = the_zone("Europe/Berlin")

    days = [clock_day(berlin, date(2026, 3, day)).readings for day in (28, 29, 30)]

    # 23:00 is midnight in winter, 22:00 in summer; clocks change on the 29th at 01:00 in UTC.
    assert [[(reading.start.isoformat()[8:16], reading.date.day) for reading in day] for day in days] == [
        [("28T00:00", 28), ("28T23:00", 29)],
        [("29T00:00", 29), ("29T01:00", 29), ("29T22:00", 30)],
        [("30T00:00", 30), ("30T22:00", 31)],
    ]
