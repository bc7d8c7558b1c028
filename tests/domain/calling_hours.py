"""Calling hours written as a person would say them, and answers read back the same way."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from domain.wall_clock import zone_named
from domain.working_hours import (
    CallingHours,
    DailyWindow,
    DayHours,
    Weekday,
    WorkingHours,
    next_opening,
    window_around,
)

_CLOSED = DayHours(enabled=False, windows=())


def windows(text: str) -> tuple[DailyWindow, ...]:
    """Read "09:00-12:00 13:30-19:00"."""
    parts = [each.split("-") for each in text.split()]
    return tuple(DailyWindow(time.fromisoformat(start), time.fromisoformat(end)) for start, end in parts)


def a_week(text: str, *days: Weekday) -> WorkingHours:
    """The same windows on the given weekdays, on all when none is given."""
    on = days or tuple(Weekday)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        DayHours(enabled=True, windows=windows(text)) if day in on else _CLOSED for day in Weekday
    )
    return WorkingHours((monday, tuesday, wednesday, thursday, friday, saturday, sunday))


def hours_in(
    zone: str,
    text: str,
    *days: Weekday,
    blackout: Iterable[str] = (),
    holidays: str | None = None,
    enforced: bool = True,
) -> CallingHours:
    """Enforced hours of a zone, with blackout dates written YYYY-MM-DD."""
    return CallingHours(
        enforced=enforced,
        timezone=zone,
        working_hours=a_week(text, *days),
        blackout_dates=frozenset(map(date.fromisoformat, blackout)),
        holidays=holidays,
    )


def the_zone(name: str) -> ZoneInfo:
    """Return a zone that exists."""
    zone = zone_named(name)
    assert zone is not None
    return zone


def in_zone(zone: str, text: str, *, fold: int = 0) -> datetime:
    """The instant at which clocks there show `text`; the second one with `fold=1`."""
    return datetime.fromisoformat(text).replace(tzinfo=the_zone(zone), fold=fold).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_times(hours: CallingHours, first: str, last: str) -> list[str]:
    """All windows that open on the dates from `first` to `last`, as local times with their offset."""
    at = in_zone(hours.timezone, f"{first}T00:00")
    end = in_zone(hours.timezone, f"{last}T23:59:59.999999", fold=1)
    found = []
    while (opens_at := next_opening(hours, at, before=end)) is not None:
        closes_at = window_around(hours, opens_at).closes_at
        assert closes_at is not None
        found.append(f"{_shown(opens_at, hours.timezone)} - {_shown(closes_at, hours.timezone)}")
        at = closes_at
    return found


def _shown(at: datetime, zone: str) -> str:
    return at.astimezone(the_zone(zone)).strftime("%a %d %H:%M%z")
