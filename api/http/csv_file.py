"""A CSV file of contacts: UTF-8, RFC 4180, a header that names the columns."""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from api.http.body import BATCH_LIMIT
from api.http.field_errors import FieldErrors
from domain.contact_file import NUMBER_COLUMNS, ContactColumns, is_blank
from domain.errors import FieldError, InvalidRequest

FILE = ("file",)
HEADER_ROW = 1

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NONE = ContactColumns((), NUMBER_COLUMNS[0], frozenset())
"""Until the header is read."""

# The size of a cell is a rule about its row, so the module must not give up the whole file for it.
csv.field_size_limit(BATCH_LIMIT)


@dataclass(frozen=True)
class CsvRow:
    """One contact of a file, in the shape of a JSON row."""

    contact: dict[str, object]
    flaw: FieldError | None = None
    """Set when the row does not fit its header; its place is within the row."""


@dataclass
class CsvFile:
    """Reads a file row by row, once. Raises InvalidRequest for what makes all of it unreadable.

    Rows are counted without blank lines, the header being row 1; line breaks within quotes make no row.
    """

    lines: Iterable[bytes]
    columns: ContactColumns = _NONE
    _row: int = HEADER_ROW
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def rows(self) -> Iterator[CsvRow]:
        records = self.records()
        self.columns = _read_header(next(records, []))
        for cells in records:
            row = self._contact(cells)
            self._digest.update(json.dumps([row.contact, bool(row.flaw)], sort_keys=True).encode())
            yield row

    def fingerprint(self) -> str:
        """Return a digest of what was read so far, whatever the order of its columns and its quoting."""
        return self._digest.hexdigest()

    def records(self) -> Iterator[list[str]]:
        """Yield the cells of every row that is not blank, the header first."""
        reader = csv.reader(self._texts(), strict=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error:
                raise self._broken("Not valid CSV: the quotes or line ends are wrong here", "csv") from None
            if cells is None:
                return
            if not is_blank(cells):
                yield cells
                self._row += 1

    def _texts(self) -> Iterator[str]:
        for number, line in enumerate(self.lines):
            raw = line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                raise self._broken("Text is not UTF-8", "text_invalid") from None
            if "\0" in text:
                raise self._broken("Text must not hold NUL", "unstorable_text")
            yield text

    def _broken(self, message: str, code: str) -> InvalidRequest:
        return InvalidRequest([FieldError((*FILE, self._row), message, code)])

    def _contact(self, cells: Sequence[str]) -> CsvRow:
        contact, width = self.columns.contact(cells), len(self.columns.names)
        if len(cells) <= width:
            return CsvRow(contact)
        return CsvRow(contact, FieldError((width + 1,), "Row has more cells than the header", "surplus_cell"))


def _read_header(cells: Sequence[str]) -> ContactColumns:
    names = [name.strip() for name in cells]
    flaws = FieldErrors()
    for each in _header_flaws(names):
        flaws.add(each)
    flaws.raise_any()
    columns = ContactColumns.of(names)
    assert columns is not None  # noqa: S101 - a missing column of numbers is among the flaws
    return columns


def _header_flaws(columns: Sequence[str]) -> Iterator[FieldError]:
    header = (*FILE, HEADER_ROW)
    if not columns:
        yield FieldError(header, "The file has no header row", "missing")
        return
    seen: set[str] = set()
    for number, name in enumerate(columns, start=1):
        if not name:
            yield FieldError((*header, number), "Column has no name", "column_unnamed")
        elif name in seen:
            yield FieldError((*header, name), "Column is named twice", "column_repeated")
        seen.add(name)
    if not seen.intersection(NUMBER_COLUMNS):
        message = "The header names neither phone_number nor mobile_number"
        yield FieldError((*header, NUMBER_COLUMNS[0]), message, "missing")
