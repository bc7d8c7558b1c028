"""A CSV file of contacts, read as the API's own import reads it."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.api_client import JsonObject
from console.failures import UsageWrong
from domain.contact_file import ContactColumns, is_blank

MAX_CONTACTS = 100_000
_MAX_CELL_CHARACTERS = 1_000_000


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
    rows = (line for line in lines if not is_blank(line))
    columns = _columns(path, next(rows, None))
    for number, row in enumerate(rows, start=2):
        if number - 1 > MAX_CONTACTS:
            raise UsageWrong(f"{path}: more than {MAX_CONTACTS} contacts")
        if len(row) > len(columns.names):
            raise UsageWrong(f"{path}: row {number} has more cells than the header")
        # A blank number is the API's to refuse, as it is in its own import.
        yield {"phone_number": "", **columns.contact(row)}


def _columns(path: Path, row: Sequence[str] | None) -> ContactColumns:
    names = [name.strip() for name in row or ()]
    if not names:
        raise UsageWrong(f"{path}: no header row")
    if "" in names:
        raise UsageWrong(f"{path}: column {names.index('') + 1} of the header has no name")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise UsageWrong(f"{path}: the header names {repeated} twice")
    columns = ContactColumns.of(names)
    if columns is None:
        raise UsageWrong(f"{path}: the header names neither phone_number nor mobile_number")
    return columns
