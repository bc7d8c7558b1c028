"""The weekly schedule of a campaign and its blackout dates: when a new call may be placed."""

from dataclasses import dataclass
from datetime import date, time
from enum import IntEnum


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
class CallingHours:
    """Everything that decides whether a call may be placed at an instant, in one zone."""

    enforced: bool
    timezone: str
    """IANA name of the zone in force: the contact's, else the batch's, else the campaign's."""
    working_hours: WorkingHours
    blackout_dates: frozenset[date] = frozenset()
    """Local dates without any new call, also when hours are not enforced."""
