"""When a batch begins and ends, from what a client wrote and the zone it is meant in."""

from dataclasses import dataclass
from datetime import datetime

from api.batches.schemas import BatchHead
from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime


@dataclass(frozen=True)
class Schedule:
    """Instants in UTC; None means at once, or never."""

    start: datetime | None
    end: datetime | None


def read_schedule(head: BatchHead, timezone: str | None, now: datetime) -> Schedule:
    """Return the schedule; without a zone, only as far as it is known without one.

    Raises InvalidRequest for an instant out of range, or an end that is not after both `now` and the start.
    """
    start = _instant("scheduled_start", head.scheduled_start, timezone)
    end = _instant("scheduled_end", head.scheduled_end, timezone)
    if end is not None and end <= now:
        raise _wrong("scheduled_end", "Must be later than now", "past_end")
    if start is not None and end is not None and end <= start:
        raise _wrong("scheduled_end", "Must be later than scheduled_start", "end_before_start")
    return Schedule(start, end)


def _instant(name: str, given: GivenTime | None, timezone: str | None) -> datetime | None:
    if given is None or (given.is_local and timezone is None):
        return None
    try:
        return given.instant(timezone or "UTC")
    except ValueError as error:
        raise _wrong(name, str(error), "datetime") from None


def _wrong(name: str, message: str, code: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body", name), message, code)])
