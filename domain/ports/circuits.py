"""The state of the circuit breakers, kept for the diagnosis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.breaker import BreakerState


@dataclass(frozen=True, kw_only=True)
class CircuitReport:
    """The state of one provider's breaker."""

    provider: str
    state: BreakerState
    since: datetime
    errors: int
    """Consecutive errors that led to it."""
    reason: str | None
    """The newest error, without numbers and secrets."""
    probe_at: datetime | None
    """When the next probe may pass, None while closed.

    A report whose instant is long past comes from a worker that died.
    """


class CircuitStore(Protocol):
    """The newest report of each provider."""

    async def report(self, report: CircuitReport) -> None:
        """Store a report in place of the provider's former one."""

    async def reports(self) -> Sequence[CircuitReport]:
        """Return the newest report of every provider."""
