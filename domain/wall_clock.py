"""What the clocks of a time zone show, clock changes and skipped times included; no clock is read."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = timedelta(days=1)
_DAY_IN_SECONDS = 86_400
# Beyond these the neighbouring days, or their local times, leave Python's calendar.
_FIRST_DAY = date.min + 3 * _DAY
_LAST_DAY = date.max - 3 * _DAY


@dataclass(frozen=True)
class Reading:
    """Instants [start, end) taken as times of the local date `day`, whose 00:00 is at `midnight_at`.

    Instants and times of day differ by a constant within one reading. `date` is what calendars there
    really show; it is another than `day` only where times skipped at a date's end moved past midnight.
    """

    start: datetime
    end: datetime
    day: date
    midnight_at: datetime
    date: date


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """Return the zone with this IANA name, None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # All that ZoneInfo raises for a text: no such zone; a malformed name or a file that holds no zone;
        # a name that is a folder of zones or too long for a file.
        return None


@lru_cache(maxsize=4096)
def has_date(zone: ZoneInfo, day: date) -> bool:
    """Tell whether calendars there ever showed `day`; zones that crossed the date line skipped one."""
    return not (_is_skipped(zone, day, time.min) and _is_skipped(zone, day, time.max))


def _is_skipped(zone: ZoneInfo, day: date, clock: time) -> bool:
    local = datetime.combine(day, clock, zone)
    # In a gap, and only there, fold=0 counts with the earlier, smaller offset (PEP 495).
    return local.astimezone(UTC) > local.replace(fold=1).astimezone(UTC)


@lru_cache(maxsize=4096)
def readings(zone: ZoneInfo, utc_day: date) -> tuple[Reading, ...]:
    """Return how the instants of one UTC day read in `zone`.

    Every instant has its reading. Where clocks moved forward, the instants of as long as the gap after it
    have a second one: as the skipped times, moved forward by the gap. Where clocks moved back, two
    instants read the same. A day too close to the ends of the calendar has no readings.
    """
    if not _FIRST_DAY <= utc_day <= _LAST_DAY:
        return ()
    start = datetime.combine(utc_day, time.min, UTC)
    end = start + _DAY
    earlier, later = _offset(zone, start - _DAY), _offset(zone, end)
    if earlier == later:
        return tuple(_by_date(start, end, earlier, shown=earlier))
    changed_at = _first_change(zone, start - _DAY)
    return (
        *_by_date(start, min(end, changed_at), earlier, shown=earlier),
        *_by_date(max(start, changed_at), end, later, shown=later),
        *_by_date(max(start, changed_at), min(end, changed_at + later - earlier), earlier, shown=later),
    )


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


def _by_date(start: datetime, end: datetime, offset: timedelta, *, shown: timedelta) -> Iterator[Reading]:
    """Cut [start, end) wherever the time at `offset`, or the one really shown, passes midnight."""
    while start < end:
        day, real = (start + offset).date(), (start + shown).date()
        midnight_at = _midnight(day, offset)
        until = min(end, midnight_at + _DAY, _midnight(real, shown) + _DAY)
        yield Reading(start, until, day, midnight_at, real)
        start = until


def _midnight(day: date, offset: timedelta) -> datetime:
    return datetime.combine(day, time.min, UTC) - offset
