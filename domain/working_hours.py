"""When a new call may be placed: by the schedule of a campaign and those of its presets, in every zone.

The clocks of the zones in force decide: in each, an instant is open when the time they show lies in a
window of every schedule, so a time shown twice counts twice. A window of which they skip every time moves
forward by the gap.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import cached_property
from itertools import product
from typing import TypeVar

from domain.public_holidays import is_holiday_calendar, public_holidays
from domain.wall_clock import Gap, clock_day, zone_named

OPENING_SPREAD = timedelta(seconds=60)
"""A contact that waits for a window to open wakes within this time after the opening, never before."""

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_SHARE_OF_WINDOW = 2
"""Of a short window only the first half is used, so that no contact sleeps through it."""
_WEEKS_OF_HOLIDAYS = 105
"""Two years: in no calendar are so many holidays in them that every week has one."""
_LONGEST_LOOK = 366
"""Days searched for the end of a window; without blackout dates it comes within a week, or never."""

_Span = tuple[datetime, datetime]
_Times = tuple[timedelta, timedelta]
_Point = TypeVar("_Point", datetime, timedelta)


class Weekday(IntEnum):
    """As in `datetime.date.weekday()`."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass(frozen=True)
class DailyWindow:
    """Half open [start, end) in local wall-clock time; `end` <= `start` runs past midnight."""

    start: time
    end: time


@dataclass(frozen=True)
class DayHours:
    """The windows that start on one weekday."""

    enabled: bool
    windows: tuple[DailyWindow, ...]


OFFICE_DAY = DailyWindow(time(9), time(18))


@dataclass(frozen=True)
class WorkingHours:
    """Seven days, Monday first."""

    days: tuple[DayHours, DayHours, DayHours, DayHours, DayHours, DayHours, DayHours]

    @property
    def any_day_enabled(self) -> bool:
        """Tell whether a call could ever be placed under these hours."""
        return any(day.enabled for day in self.days)


_WORKDAY = DayHours(enabled=True, windows=(OFFICE_DAY,))
_REST_DAY = DayHours(enabled=False, windows=(OFFICE_DAY,))

DEFAULT_WORKING_HOURS = WorkingHours((_WORKDAY, _WORKDAY, _WORKDAY, _WORKDAY, _WORKDAY, _REST_DAY, _REST_DAY))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The weekly windows of one rule, and the local dates without any."""

    preset: str | None = None
    """Whose rule it is, by name; None for a campaign's own."""
    working_hours: WorkingHours | None
    """None when any time of day will do."""
    blackout_dates: frozenset[date] = frozenset()
    holidays: str | None = None
    """Code of the calendar whose public holidays are such dates too."""

    def is_blackout(self, day: date) -> bool:
        """Tell whether no call begins on a local date. Raises NotImplementedError for an unknown calendar."""
        is_holiday = self.holidays is not None and day in public_holidays(self.holidays, day.year)
        return is_holiday or day in self.blackout_dates


@dataclass(frozen=True, kw_only=True)
class CallingHours:
    """Everything that decides whether a call may be placed at an instant."""

    enforced: bool
    """Whether `working_hours` count; the other rules do in any case."""
    timezone: str
    """IANA name of the zone in force: the contact's, else the batch's, else the campaign's."""
    also_in: tuple[str, ...] = ()
    """Further zones in which the phone may ring: it is open when it is open in all of them."""
    working_hours: WorkingHours
    blackout_dates: frozenset[date] = frozenset()
    """Local dates without any new call."""
    holidays: str | None = None
    """Code of the calendar whose public holidays are such dates too."""
    presets: tuple[Schedule, ...] = ()
    """Schedules that hold as well: it is open when it is open by all of them."""
    known_days: "dict[date, list[_Span]]" = field(default_factory=dict, init=False, repr=False, compare=False)
    """The open spans of each UTC day that was asked about."""

    @property
    def timezones(self) -> tuple[str, ...]:
        """Return every zone that holds."""
        return self.timezone, *self.also_in

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """Return every schedule that holds."""
        own = Schedule(
            working_hours=self.working_hours if self.enforced else None,
            blackout_dates=self.blackout_dates,
            holidays=self.holidays,
        )
        return own, *self.presets


@dataclass(frozen=True)
class OpenWindow:
    """The window an instant lies in, or the next one; instants in UTC."""

    is_open: bool
    opens_at: datetime | None
    """None while it is open, when it never opens, and where no hours hold."""
    closes_at: datetime | None
    """None when it stays open for over a year, never opens, and where no hours hold."""


def is_open(hours: CallingHours, at: datetime) -> bool:
    """Tell whether a new call may be placed at `at`.

    A rule that cannot be read, such as an unknown zone or calendar, means no, also when hours are not
    enforced.
    Raises ValueError for a time without a zone.
    """
    return open_until(hours, at) is not None


def open_until(hours: CallingHours, at: datetime) -> datetime | None:
    """Return until when it stays open, as far as the UTC day of `at` reaches; None while it is closed."""
    instant = _in_utc(at)
    spans = _open_spans(hours, instant.date())
    return next((end for start, end in spans if start <= instant < end), None)


def next_opening(hours: CallingHours, at: datetime, *, before: datetime | None = None) -> datetime | None:
    """Return the first instant from `at` on, in UTC, at which it is open; `at` itself when it is open.

    None when it never opens, or not before `before` (exclusive). Raises ValueError for a time without a
    zone.
    """
    instant = _in_utc(at)
    limit = None if before is None else _in_utc(before)
    opens_at: datetime | None = instant
    if not is_open(hours, instant):
        opens_at = next((start for start, _ in _spans_from(hours, instant, _horizon(hours), limit)), None)
    return None if opens_at is None or (limit is not None and opens_at >= limit) else opens_at


def window_around(hours: CallingHours, at: datetime) -> OpenWindow:
    """Return the window `at` lies in, else the next one.

    Raises ValueError for a time without a zone.
    """
    if not hours.enforced and not hours.presets:
        return OpenWindow(is_open(hours, at), None, None)
    opens_at = next_opening(hours, at)
    if opens_at is None:
        return OpenWindow(is_open=False, opens_at=None, closes_at=None)
    already = opens_at == _in_utc(at)  # across zones Python finds repeated local times unequal (PEP 495)
    return OpenWindow(already, None if already else opens_at, _closing(hours, opens_at))


def closed_presets(hours: CallingHours, at: datetime) -> tuple[str, ...]:
    """Return the presets that let no call begin at `at`, by name, whatever else does not.

    Raises ValueError for a time without a zone.
    """
    instant = _in_utc(at)
    return tuple(
        schedule.preset
        for schedule in hours.presets
        if schedule.preset is not None and not _is_open_by(schedule, hours.timezones, instant)
    )


def spread_after(hours: CallingHours, due_at: datetime, *, before: datetime | None = None) -> timedelta:
    """Return how much later than `due_at` a contact may wake: zero, unless a window opens just then.

    Spreads the contacts that wait for one opening; less where the window is short or `before` (the batch's
    end) is near.
    """
    if is_open(hours, due_at - _INSTANT):
        return timedelta()
    ends = (at for at in (window_around(hours, due_at).closes_at, before) if at is not None)
    lengths = [max(at - due_at, timedelta()) / _SHARE_OF_WINDOW for at in ends]
    return min([OPENING_SPREAD, *lengths])


def _in_utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("A time without a zone is no instant")
    return at.astimezone(UTC)


def _horizon(hours: CallingHours) -> int:
    """Return the days within which it opens if it ever does.

    Take one weekday on which it is open by all schedules. Its next date is at most 8 days off. Each of its
    dates opens unless that date or a neighbour is blacked out, or the zone skipped it, which no zone did
    twice. So of as many weeks as there are blackout dates, plus two, one opens; one more is for the 8 days
    and the distance from UTC.
    Holidays come every year, so the weeks they may take are counted in whole years, for each calendar.
    Windows of several zones may meet in one half of the year only, while clocks differ otherwise.
    """
    blackout_dates = frozenset().union(*(each.blackout_dates for each in hours.schedules))
    calendars = {each.holidays for each in hours.schedules} - {None}
    days_of_clock_changes = _LONGEST_LOOK if hours.also_in else 0
    return 7 * (len(blackout_dates) + _WEEKS_OF_HOLIDAYS * len(calendars) + 3) + days_of_clock_changes


def _closing(hours: CallingHours, opens_at: datetime) -> datetime | None:
    """Return the end of the window that starts at `opens_at`, joined with all that follow without a gap."""
    closes_at = opens_at
    for start, end in _spans_from(hours, opens_at, _LONGEST_LOOK):
        if start > closes_at:
            return closes_at
        closes_at = end
    return None


def _spans_from(
    hours: CallingHours, at: datetime, days: int, before: datetime | None = None
) -> Iterator[_Span]:
    """Yield the open spans from `at` on, in order, each cut at the ends of UTC days."""
    first = at.toordinal()
    last = min(first + days, date.max.toordinal() if before is None else before.toordinal())
    for ordinal in range(first, last + 1):
        for start, end in _open_spans(hours, date.fromordinal(ordinal)):
            if end > at:
                yield max(start, at), end


def _open_spans(hours: CallingHours, utc_day: date) -> list[_Span]:
    """Return when it is open during one UTC day, merged and in order: the one truth of this module."""
    if utc_day not in hours.known_days:
        hours.known_days[utc_day] = _worked_out(hours, utc_day)
    return hours.known_days[utc_day]


def _worked_out(hours: CallingHours, utc_day: date) -> list[_Span]:
    spans: list[_Span] | None = None
    for schedule, name in product(hours.schedules, hours.timezones):
        more = _spans_in(schedule, name, utc_day)
        spans = more if spans is None else _common(spans, more)
        if not spans:
            return []
    return spans or []


def _is_open_by(schedule: Schedule, timezones: Sequence[str], instant: datetime) -> bool:
    return all(
        any(start <= instant < end for start, end in _spans_in(schedule, name, instant.date()))
        for name in timezones
    )


def _common(some: list[_Span], others: list[_Span]) -> list[_Span]:
    """Return the points of both, in order."""
    pairs = ((max(one[0], other[0]), min(one[1], other[1])) for one in some for other in others)
    return [(start, end) for start, end in pairs if start < end]


def _spans_in(schedule: Schedule, name: str, utc_day: date) -> list[_Span]:
    """Return when it is open by one schedule in one zone during one UTC day, merged and in order."""
    zone = zone_named(name)
    if zone is None or not (schedule.holidays is None or is_holiday_calendar(schedule.holidays)):
        return []
    clocks = clock_day(zone, utc_day)
    moved = [] if clocks.gap is None else _moved_windows(schedule, clocks.gap)
    spans = []
    for reading in clocks.readings:
        if not schedule.is_blackout(reading.date):
            for start, end in (*_from(reading.midnight_at, _local_windows(schedule, reading.date)), *moved):
                spans.append((max(start, reading.start), min(end, reading.end)))
    return _merged((start, end) for start, end in spans if start < end)


def _moved_windows(schedule: Schedule, gap: Gap) -> list[_Span]:
    """Return the windows of which clocks skip every time, each moved forward by the gap."""
    if schedule.is_blackout(gap.day):
        return []
    near = _local_windows(schedule, gap.day)
    return _from(
        gap.midnight_at, [(start, end) for start, end in near if gap.start <= start and end <= gap.end]
    )


def _from(midnight_at: datetime, times: list[_Times]) -> list[_Span]:
    return [(midnight_at + start, midnight_at + end) for start, end in times]


def _local_windows(schedule: Schedule, day: date) -> list[_Times]:
    """Return the windows that start on `day` and its neighbours, merged, as distances from 00:00 of `day`."""
    if schedule.working_hours is None:
        return [(-_DAY, 2 * _DAY)]
    times = []
    for midnight in (-_DAY, timedelta(), _DAY):
        of_weekday = schedule.working_hours.days[(day + midnight).weekday()]
        for window in of_weekday.windows if of_weekday.enabled else ():
            end_midnight = midnight if window.start < window.end else midnight + _DAY
            times.append(
                (midnight + _since_midnight(window.start), end_midnight + _since_midnight(window.end))
            )
    return _merged(times)


def _since_midnight(clock: time) -> timedelta:
    return timedelta(
        hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond
    )


def _merged(spans: Iterable[tuple[_Point, _Point]]) -> list[tuple[_Point, _Point]]:
    """Return the same points as few spans in order; those that overlap or touch become one."""
    merged: list[tuple[_Point, _Point]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
