"""A date and time as a client or a provider wrote it, and the instant it means."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.wall_clock import zone_named

_SHAPE = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)([Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class GivenTime:
    """A time as it was written: aware, or local in a zone that may not be known yet."""

    written: datetime

    @property
    def is_local(self) -> bool:
        """Tell whether a zone is needed to know the instant."""
        return self.written.tzinfo is None

    def instant(self, timezone: str) -> datetime:
        """Return the instant in UTC, taking a local time to be in `timezone`.

        A local time skipped by a clock change moves forward by the gap; an ambiguous one is its first
        occurrence.
        Raises ValueError outside the years 1970..9999 in UTC, and for a local time in an unknown zone.
        """
        try:
            instant = self._aware(timezone).astimezone(UTC)
        except OverflowError:
            raise ValueError("Time is outside the years 1970 to 9999") from None
        if instant < _EARLIEST:
            raise ValueError("Time is outside the years 1970 to 9999")
        return instant

    def _aware(self, timezone: str) -> datetime:
        if not self.is_local:
            return self.written
        zone = zone_named(timezone)
        if zone is None:
            raise ValueError("Not an IANA time zone name")
        # fold=0 means exactly what is promised of skipped and of ambiguous times (PEP 495).
        return self.written.replace(tzinfo=zone, fold=0)


def parse_given_time(text: str) -> GivenTime:
    """Read an ISO 8601 date and time. Raises ValueError."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError("Give an ISO 8601 date and time, such as 2026-09-07T08:00:00Z")
    day, clock, offset = shape.groups()
    try:
        given = GivenTime(datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}"))
    except ValueError:
        raise ValueError("No such date or time") from None
    if given.written.year < _EARLIEST.year - 1:
        raise ValueError("Time is outside the years 1970 to 9999")
    if not given.is_local:
        given.instant("UTC")
    return given
