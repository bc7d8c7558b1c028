"""Reading a batch from one end to the other."""

from collections.abc import Collection, Sequence
from typing import Protocol

from domain.call import CallRecord
from domain.contact import Contact
from domain.identity import BatchId


class ExportStore(Protocol):
    """The contacts of a batch and their calls, a range of positions at a time.

    Positions have no gaps and uploaded rows never change, so consecutive ranges make a whole list; each range
    is a snapshot.
    """

    async def variable_names(self, batch_id: BatchId) -> Collection[str]:
        """Return the name of every call variable that some contact of a batch has."""

    async def contacts_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord | None]]:
        """Return the contacts behind position `after` up to `last`, in order, each with its newest call."""

    async def calls_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord]]:
        """Return every call of those contacts, by position and attempt."""
