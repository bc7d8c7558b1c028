"""Values as cells of a CSV file that is safe to open in a spreadsheet."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from api.http.strict_json import compact
from api.http.times import wire_time

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"\+[0-9]+")


def cell(value: object) -> str:
    """Return a value as text: strings as they are, nothing for null, everything else as JSON."""
    match value:
        case None:
            return ""
        case str():
            return str(value)
        case datetime():
            return wire_time(value)
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return compact(value).decode()


def guarded(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def guarded_number(text: str) -> str:
    """Return a cell of a column of phone numbers; a plain one needs no guard."""
    return text if _NUMBER.fullmatch(text) else guarded(text)


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows in RFC 4180 form with CRLF."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode()
