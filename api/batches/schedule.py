"""When a batch begins and ends, read from what a client wrote."""

from dataclasses import dataclass
from datetime import datetime

from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime
from domain.zones import FROM_NUMBER


@dataclass(frozen=True)
class Schedule:
    """Instants in UTC; None means at once, or never."""

    start: datetime | None
    end: datetime | None


def read_schedule(
    start: GivenTime | None, end: GivenTime | None, timezone: str | None, now: datetime
) -> Schedule:
    """Return the schedule; without a zone, or with those of numbers, only as far as it is known without one.

    Raises InvalidRequest for an instant out of range, or an end that is not after both `now` and the start.
    """
    zone = None if timezone == FROM_NUMBER else timezone
    schedule = Schedule(instant_of("scheduled_start", start, zone), instant_of("scheduled_end", end, zone))
    if schedule.end is not None and schedule.end <= now:
        raise _wrong("scheduled_end", "Must be later than now", "past_end")
    require_order(schedule, "scheduled_end")
    return schedule


def require_order(schedule: Schedule, given: str) -> None:
    """Raise InvalidRequest, at the field that was given, for an end that is not after the start."""
    if schedule.start is not None and schedule.end is not None and schedule.end <= schedule.start:
        if given == "scheduled_end":
            raise _wrong(given, "Must be later than scheduled_start", "end_before_start")
        raise _wrong(given, "Must be earlier than scheduled_end", "end_before_start")


def instant_of(name: str, given: GivenTime | None, timezone: str | None) -> datetime | None:
    """Return the instant of a field, None where it needs a zone and has none. Raises InvalidRequest."""
    if given is None or (given.is_local and timezone is None):
        return None
    try:
        return given.instant(timezone or "UTC")
    except ValueError as error:
        raise _wrong(name, str(error), "datetime") from None


def _wrong(name: str, message: str, code: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body", name), message, code)])
