"""How many calls of one campaign may begin per second: each dial has an instant of its own."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

SLOWEST, FASTEST = 0.1, 100.0
"""Calls per second a campaign may be held to, both included."""
STALE_AFTER = timedelta(seconds=3)
"""Whoever comes so late has lost the turn: many who were kept from dialling would else dial at once."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a campaign may dial."""

    calls_per_second: float
    version: int
    """Rises whenever the campaign's rate is changed, set or lifted."""

    @property
    def interval(self) -> timedelta:
        """Return the least time between two dials, rounded up to what an instant can tell apart."""
        return timedelta(microseconds=math.ceil(1_000_000 / self.calls_per_second))


@dataclass(frozen=True, kw_only=True)
class DialReservation:
    """The instant that one dial of a campaign has for itself."""

    at: datetime
    pace_version: int
    """Of the pace it was given out under; under another one it is worth nothing."""


def may_use(turn: DialReservation | None, pace: Pace | None, now: datetime) -> bool:
    """Tell whether a dial may wait for this turn, or take it now; without a pace it needs none."""
    if pace is None:
        return True
    return turn is not None and turn.pace_version == pace.version and now - turn.at <= STALE_AFTER
