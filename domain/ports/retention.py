"""What is kept for so long and no longer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.identity import BatchId


@dataclass(frozen=True, kw_only=True)
class Expiries:
    """The instants before which something ended that is no longer to be kept; None keeps it for ever."""

    batches: datetime | None
    audit_log: datetime | None


@dataclass(frozen=True, kw_only=True)
class Outdated:
    """How much there is that is no longer to be kept."""

    batches: int = 0
    contacts: int = 0
    audit_entries: int = 0


class RetentionStore(Protocol):
    """Whatever has an age, of all organizations; each verb is a small transaction that waits for nobody."""

    async def outdated(self, expiries: Expiries) -> Outdated:
        """Count what is no longer to be kept."""

    async def outdated_batches(self, ended_before: datetime, limit: int) -> Sequence[BatchId]:
        """Return batches that ended before an instant and still tell who was called, longest over first."""

    async def empty_page(
        self, batch_id: BatchId, after_position: int, limit: int, now: datetime
    ) -> int | None:
        """Empty the next contacts of a batch that is over; returns the last one's position, None at the end.

        Contacts that somebody holds are left out, and their batch is found again.
        """

    async def finish_erasures(self, now: datetime, limit: int) -> int:
        """Empty erased contacts whose calls have ended, and who were not settled since; returns how many."""

    async def forget_hashes(self, now: datetime, limit: int) -> int:
        """Forget the hashes of erased numbers whose calls nothing counts any more; returns how many."""
