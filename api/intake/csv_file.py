"""A CSV file of contacts: UTF-8, RFC 4180, a header that names the columns."""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from api.body import BATCH_LIMIT
from api.field_errors import FieldErrors
from domain.errors import FieldError, InvalidRequest

FILE = ("file",)
HEADER_ROW = 1

_NUMBER_COLUMNS = ("phone_number", "mobile_number")
_CONTACT_COLUMNS = ("external_id", "timezone")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

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
    columns: Sequence[str] = ()
    number_column: str = _NUMBER_COLUMNS[0]
    _row: int = HEADER_ROW
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def rows(self) -> Iterator[CsvRow]:
        """Yield the contacts in order."""
        records = self.records()
        self._read_header(next(records, []))
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
            if not _is_blank(cells):
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

    def _read_header(self, cells: Sequence[str]) -> None:
        self.columns = [name.strip() for name in cells]
        flaws = FieldErrors()
        for each in _header_flaws(self.columns):
            flaws.add(each)
        flaws.raise_any()
        self.number_column = next(name for name in _NUMBER_COLUMNS if name in self.columns)

    def _contact(self, cells: Sequence[str]) -> CsvRow:
        """Empty cells are left out, so that the campaign's defaults apply."""
        variables: dict[str, object] = {
            name: cell for name, cell in zip(self.columns, cells, strict=False) if cell != ""
        }
        contact: dict[str, object] = {}
        if self.number_column in variables:
            contact["phone_number"] = variables.pop(self.number_column)
        contact.update({name: variables.pop(name) for name in _CONTACT_COLUMNS if name in variables})
        contact["call_variables"] = variables
        width = len(self.columns)
        if len(cells) <= width:
            return CsvRow(contact)
        return CsvRow(contact, FieldError((width + 1,), "Row has more cells than the header", "surplus_cell"))


def _is_blank(cells: Sequence[str]) -> bool:
    return len(cells) == 0 or (len(cells) == 1 and not cells[0].strip())


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
    if not seen.intersection(_NUMBER_COLUMNS):
        message = "The header names neither phone_number nor mobile_number"
        yield FieldError((*header, _NUMBER_COLUMNS[0]), message, "missing")
