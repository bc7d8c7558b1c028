"""What is known of the way to a telephony provider, for people who ask why nobody is dialled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.breaker import BreakerState


@dataclass(frozen=True, kw_only=True)
class CircuitReport:
    """Where the breaker of a route stands."""

    provider: str
    state: BreakerState
    since: datetime
    errors: int
    """Errors in a row that led to it."""
    reason: str | None
    """The newest error, in words that hold no number and no secret."""
    probe_at: datetime | None
    """When the provider is tried again, None while the route is closed.

    A report whose instant is long past was left behind by a worker that died.
    """


class CircuitStore(Protocol):
    """The newest report of each route."""

    async def report(self, report: CircuitReport) -> None:
        """Keep a report in place of the route's former one."""

    async def reports(self) -> Sequence[CircuitReport]:
        """Return the newest report of every route."""
