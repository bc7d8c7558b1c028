"""Batches read from one end to the other, in memory."""

from collections.abc import Collection, Sequence

from domain.call import CallRecord
from domain.contact import Contact
from domain.identity import BatchId
from tests.fakes.tables import Tables


class FakeExportStore:
    """Stretches of any batch."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def variable_names(self, batch_id: BatchId) -> Collection[str]:
        """Return the name of every call variable that some contact of a batch has."""
        self._tables.require_up()
        return {name for each in self._tables.contacts_of(batch_id) for name in each.call_variables}

    async def contacts_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord | None]]:
        """Return a stretch of contacts, each with its newest call."""
        return [
            (each, self._tables.newest_call(each.contact_id)) for each in self._between(batch_id, after, last)
        ]

    async def calls_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord]]:
        """Return every call of a stretch of contacts, by position and attempt."""
        calls = sorted(self._tables.calls.values(), key=lambda each: each.attempt)
        return [
            (contact, call)
            for contact in self._between(batch_id, after, last)
            for call in calls
            if call.contact_id == contact.contact_id
        ]

    def _between(self, batch_id: BatchId, after: int, last: int) -> list[Contact]:
        self._tables.require_up()
        return [each for each in self._tables.contacts_of(batch_id) if after < each.position <= last]
