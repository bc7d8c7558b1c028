"""The weekly schedule on the wire: seven named days, each one window or several."""

import re
from datetime import time
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from api.http.wire import WireInput, WireOutput
from domain.working_hours import OFFICE_DAY, DailyWindow, DayHours, WorkingHours

NO_ENABLED_DAY = "Working hours are enforced and no day is enabled"
_HH_MM = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _clock_time(text: str) -> str:
    if not _HH_MM.fullmatch(text):
        raise PydanticCustomError("clock_time", "Time must be HH:MM, 00:00 to 23:59")
    return text


ClockTime = Annotated[
    str, Field(description="HH:MM, 00:00 to 23:59.", examples=["09:00"]), AfterValidator(_clock_time)
]


class WindowIn(WireInput):
    """One window of a day, half open; an end at or before the start runs past midnight."""

    start: ClockTime
    end: ClockTime

    def to_domain(self) -> DailyWindow:
        return DailyWindow(time.fromisoformat(self.start), time.fromisoformat(self.end))


class DayIn(WireInput):
    """One day: `start` and `end`, or `windows`; a disabled day needs neither."""

    start: ClockTime | None = None
    end: ClockTime | None = None
    windows: Annotated[list[WindowIn], Field(min_length=1, max_length=10)] | None = None
    enabled: bool | None = Field(default=None, description="Absent means true.")

    @model_validator(mode="after")
    def _one_form(self) -> "DayIn":
        if self.windows is not None and (self.start is not None or self.end is not None):
            raise PydanticCustomError("day_hours", "Give start and end, or windows, not both")
        if (self.start is None) is not (self.end is None):
            raise PydanticCustomError("day_hours", "Give start and end together")
        if self.is_enabled and self.windows is None and self.start is None:
            raise PydanticCustomError("day_hours", "An enabled day needs start and end, or windows")
        return self

    @property
    def is_enabled(self) -> bool:
        """Return whether calls may be placed on this day."""
        return self.enabled is not False

    def to_domain(self) -> DayHours:
        windows = tuple(each.to_domain() for each in self.windows or ())
        if self.start is not None and self.end is not None:
            windows = (WindowIn(start=self.start, end=self.end).to_domain(),)
        return DayHours(self.is_enabled, windows or (OFFICE_DAY,))


class WorkingHoursIn(WireInput):
    """Seven days; a missing day is disabled."""

    monday: DayIn | None = None
    tuesday: DayIn | None = None
    wednesday: DayIn | None = None
    thursday: DayIn | None = None
    friday: DayIn | None = None
    saturday: DayIn | None = None
    sunday: DayIn | None = None

    def to_domain(self) -> WorkingHours:
        return WorkingHours(
            (
                _day(self.monday),
                _day(self.tuesday),
                _day(self.wednesday),
                _day(self.thursday),
                _day(self.friday),
                _day(self.saturday),
                _day(self.sunday),
            )
        )


def _day(day: DayIn | None) -> DayHours:
    return DayHours(enabled=False, windows=(OFFICE_DAY,)) if day is None else day.to_domain()


def require_some_open_day(hours: WorkingHoursIn) -> None:
    """Raise when every day is disabled, for then no call could ever be placed."""
    if not hours.to_domain().any_day_enabled:
        raise PydanticCustomError("no_enabled_day", NO_ENABLED_DAY)


class WindowOut(WireOutput):
    """One window of a day, half open."""

    start: str
    end: str


class OneWindowDay(WireOutput):
    """A day with a single window."""

    start: str = Field(examples=["09:00"])
    end: str = Field(examples=["17:30"])
    enabled: bool


class ManyWindowsDay(WireOutput):
    """A day with several windows."""

    windows: list[WindowOut]
    enabled: bool


DayOut = OneWindowDay | ManyWindowsDay


class WorkingHoursOut(WireOutput):
    """All seven days."""

    monday: DayOut
    tuesday: DayOut
    wednesday: DayOut
    thursday: DayOut
    friday: DayOut
    saturday: DayOut
    sunday: DayOut

    @classmethod
    def of(cls, hours: WorkingHours) -> "WorkingHoursOut":
        monday, tuesday, wednesday, thursday, friday, saturday, sunday = map(_shown, hours.days)
        return cls(
            monday=monday,
            tuesday=tuesday,
            wednesday=wednesday,
            thursday=thursday,
            friday=friday,
            saturday=saturday,
            sunday=sunday,
        )


def _shown(day: DayHours) -> DayOut:
    windows = [WindowOut(start=f"{each.start:%H:%M}", end=f"{each.end:%H:%M}") for each in day.windows]
    if len(windows) == 1:
        return OneWindowDay(start=windows[0].start, end=windows[0].end, enabled=day.enabled)
    return ManyWindowsDay(windows=windows, enabled=day.enabled)
