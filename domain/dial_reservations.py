"""The rate limit of a campaign: each of its dials reserves an instant of its own."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

SLOWEST, FASTEST = 0.1, 100.0
"""Calls per second a campaign may be held to, both included."""
STALE_AFTER = timedelta(seconds=3)
"""A reservation expires then: dials that were held up would otherwise all go out at once."""


@dataclass(frozen=True, kw_only=True)
class DialRate:
    """The rate limit in force for a campaign."""

    calls_per_second: float
    version: int
    """Rises whenever the campaign's rate is changed, set or lifted."""

    @property
    def interval(self) -> timedelta:
        """The least time between two dials, rounded up to a microsecond."""
        return timedelta(microseconds=math.ceil(1_000_000 / self.calls_per_second))


@dataclass(frozen=True, kw_only=True)
class DialReservation:
    """The instant reserved for one dial of a campaign."""

    at: datetime
    pace_version: int
    """Of the rate it was reserved under; a change of rate voids it."""


def is_usable(reservation: DialReservation | None, rate: DialRate | None, now: datetime) -> bool:
    """Tell whether a dial may go out under this reservation, now or at its instant; without a rate always."""
    if rate is None:
        return True
    if reservation is None or reservation.pace_version != rate.version:
        return False
    return now - reservation.at <= STALE_AFTER
