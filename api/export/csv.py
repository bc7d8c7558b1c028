"""A batch as a CSV file, read and written a stretch at a time, so that no size of it fills the memory."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from anyio import to_thread

from api.export.columns import Column, ExportRows, columns
from api.http.responses import next_stretch
from domain.call import CallRecord
from domain.contact import Contact
from domain.errors import BatchNotFound
from domain.identity import BatchId
from domain.ports import ExportStore

_FIRST_STRETCH = 50
_LONGEST_STRETCH = 250
_BYTES_AT_ONCE = 256 * 1024
"""Aimed at per stretch: people with long transcripts come fewer at a time."""

Person = tuple[Contact, CallRecord | None]


@dataclass(frozen=True)
class CsvExport:
    """One download of one batch."""

    store: ExportStore
    batch_id: BatchId
    total_contacts: int
    rows: ExportRows
    columns: Sequence[Column]

    @classmethod
    async def open(
        cls, store: ExportStore, batch_id: BatchId, total_contacts: int, rows: ExportRows
    ) -> "CsvExport":
        """Look up what the header needs. Raises StoreUnavailable."""
        variables = await store.variable_names(batch_id)
        return cls(store, batch_id, total_contacts, rows, columns(rows, variables))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file. Raises StoreUnavailable, BatchNotFound in its midst."""
        yield csv_bytes([[each.name for each in self.columns]])
        after, stretch = 0, _FIRST_STRETCH
        while after < self.total_contacts:
            last = min(after + stretch, self.total_contacts)
            chunk = await to_thread.run_sync(self._written, await self._people(after, last))
            if chunk:
                yield chunk
            after = last
            stretch = next_stretch(stretch, len(chunk), aim=_BYTES_AT_ONCE, longest=_LONGEST_STRETCH)

    async def _people(self, after: int, last: int) -> Sequence[Person]:
        if self.rows is ExportRows.CALLS:
            return await self.store.calls_between(self.batch_id, after, last)
        people = await self.store.contacts_between(self.batch_id, after, last)
        if len(people) != last - after:
            raise BatchNotFound  # deleted meanwhile: a part must not pass for the whole
        return people

    def _written(self, people: Sequence[Person]) -> bytes:
        return csv_bytes([each.cell(contact, call) for each in self.columns] for contact, call in people)


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows in RFC 4180 form with CRLF."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode()
