"""What the clocks of a time zone show, clock changes and skipped times included; no clock is read here.

The rules of the zones are those of the package `tzdata`, which is pinned, and of nothing else.
`ZoneInfo(name)` prefers the files of the operating system, in some images years older, and those that the
environment names; so every zone is made here, from a file of the package.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_PACKAGE = files("tzdata")
_NO_PLACES = frozenset({"Factory"})
_DAY = timedelta(days=1)
_DAY_IN_SECONDS = 86_400
# Beyond these the neighbouring days, or their local times, leave Python's calendar.
_FIRST_DAY = date.min + 3 * _DAY
_LAST_DAY = date.max - 3 * _DAY


@dataclass(frozen=True)
class Reading:
    """Instants [start, end) at which clocks show times of one date; its 00:00 is, or would be, `midnight_at`.

    Instants and times of day differ by a constant within one reading.
    """

    start: datetime
    end: datetime
    date: date
    midnight_at: datetime


@dataclass(frozen=True)
class Gap:
    """Times [start, end), counted from 00:00 of `day`, that clocks skip.

    `midnight_at` plus such a time is the instant it moves forward to, perhaps past midnight.
    """

    day: date
    start: timedelta
    end: timedelta
    midnight_at: datetime


@dataclass(frozen=True)
class ClockDay:
    """How the instants of one UTC day read, in order and without holes."""

    readings: tuple[Reading, ...]
    gap: Gap | None
    """Times that, moved forward, may reach into this day; None also when zones skip a whole date."""


@cache
def zone_names() -> frozenset[str]:
    """Return every IANA name there are rules for."""
    return frozenset(_PACKAGE.joinpath("zones").read_text("ascii").split()) - _NO_PLACES


@cache
def rules_version() -> str:
    """Return the release of the rules, such as 2026f."""
    with _PACKAGE.joinpath("zoneinfo", "tzdata.zi").open(encoding="ascii") as source:
        return source.readline().removeprefix("# version").strip()


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """Return the zone with this IANA name, None when there is none."""
    if name not in zone_names():
        return None
    with _PACKAGE.joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


@lru_cache(maxsize=4096)
def clock_day(zone: ZoneInfo, utc_day: date) -> ClockDay:
    """Return how one UTC day reads in `zone`; without readings when too close to the ends of the calendar."""
    if not _FIRST_DAY <= utc_day <= _LAST_DAY:
        return ClockDay((), None)
    start = datetime.combine(utc_day, time.min, UTC)
    end = start + _DAY
    earlier, later = _offset(zone, start - _DAY), _offset(zone, end)
    if earlier == later:
        return ClockDay(tuple(_by_date(start, end, earlier)), None)
    changed_at = _first_change(zone, start - _DAY)
    readings = (
        *_by_date(start, min(end, changed_at), earlier),
        *_by_date(max(start, changed_at), end, later),
    )
    return ClockDay(readings, _gap(changed_at, earlier, later))


def _gap(changed_at: datetime, earlier: timedelta, later: timedelta) -> Gap | None:
    length = later - earlier
    if not timedelta() < length < _DAY:
        return None
    day = (changed_at + earlier).date()
    midnight_at = _midnight(day, earlier)
    start = changed_at - midnight_at
    return Gap(day, start, start + length, midnight_at)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).replace(tzinfo=UTC) - at


def _first_change(zone: ZoneInfo, start: datetime) -> datetime:
    """Return the one clock change within two days.

    In all of tzdata two changes are never nearer than 95 hours, and none is larger than 24 hours.
    """
    before = _offset(zone, start)
    seconds = range(2 * _DAY_IN_SECONDS + 1)
    changed = bisect_left(
        seconds, True, key=lambda second: _offset(zone, start + timedelta(seconds=second)) != before
    )
    return start + timedelta(seconds=changed)


def _by_date(start: datetime, end: datetime, offset: timedelta) -> Iterator[Reading]:
    """Cut [start, end), where clocks show the instant plus `offset`, at local midnights."""
    while start < end:
        day = (start + offset).date()
        midnight_at = _midnight(day, offset)
        until = min(end, midnight_at + _DAY)
        yield Reading(start, until, day, midnight_at)
        start = until


def _midnight(day: date, offset: timedelta) -> datetime:
    return datetime.combine(day, time.min, UTC) - offset
