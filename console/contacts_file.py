"""A CSV file of contacts, read as the API's own import reads it."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.api_client import JsonObject
from console.failures import UsageWrong

MAX_CONTACTS = 100_000
_NUMBER_COLUMNS = ("phone_number", "mobile_number")
_CONTACT_FIELDS = ("external_id", "timezone")
_MAX_CELL_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class _Header:
    columns: Sequence[str]
    number_column: str


def read_contacts(path: Path) -> list[JsonObject]:
    """Return the contacts of a file, ready for the API. Raises UsageWrong naming the row.

    Rows are counted as in an editor of tables: the header is row 1, blank lines do not count.
    """
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            contacts = list(_contacts(path, csv.reader(file, strict=True)))
    except OSError as error:
        raise UsageWrong(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageWrong(f"{path}: not UTF-8 text") from error
    except csv.Error as error:
        raise UsageWrong(f"{path}: not a CSV file ({error})") from error
    if not contacts:
        raise UsageWrong(f"{path}: no row below the header")
    return contacts


def _contacts(path: Path, lines: Iterator[list[str]]) -> Iterator[JsonObject]:
    rows = (line for line in lines if not _is_blank(line))
    header = _header(path, next(rows, None))
    for number, row in enumerate(rows, start=2):
        if number - 1 > MAX_CONTACTS:
            raise UsageWrong(f"{path}: more than {MAX_CONTACTS} contacts")
        if len(row) > len(header.columns):
            raise UsageWrong(f"{path}: row {number} has more cells than the header")
        yield _contact(header, row)


def _is_blank(row: Sequence[str]) -> bool:
    return len(row) == 0 or (len(row) == 1 and not row[0].strip())


def _header(path: Path, row: Sequence[str] | None) -> _Header:
    columns = [name.strip() for name in row or ()]
    if not columns:
        raise UsageWrong(f"{path}: no header row")
    if "" in columns:
        raise UsageWrong(f"{path}: column {columns.index('') + 1} of the header has no name")
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise UsageWrong(f"{path}: the header names {repeated} twice")
    number_column = next((name for name in _NUMBER_COLUMNS if name in columns), None)
    if number_column is None:
        raise UsageWrong(f"{path}: the header names neither phone_number nor mobile_number")
    return _Header(columns, number_column)


def _contact(header: _Header, row: Sequence[str]) -> JsonObject:
    # Empty cells are left out, so that the campaign's defaults apply; an empty number is the API's to refuse.
    cells = {name: cell for name, cell in zip(header.columns, row, strict=False) if cell != ""}
    number = cells.pop(header.number_column, "")
    fields = {name: cells.pop(name) for name in _CONTACT_FIELDS if name in cells}
    return {"phone_number": number, **fields, "call_variables": cells}
