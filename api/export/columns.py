"""The columns of an export, one set per kind of row, in the order of the file; safe in spreadsheets."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from api.http.strict_json import compact
from api.http.wire import wire_time
from domain.call import CallRecord
from domain.contact import Contact, ContactStatus
from domain.contact_file import CALL_COLUMNS, COURSE_COLUMNS, LAST, PLAN_COLUMNS, PROVIDER_COLUMNS

CALLEE_NAME = "callee_name"

_NUMBERS = frozenset({"phone_number", "from_number", "to_number", "last_from_number"})
_WHO = ("contact_id", "external_id", "phone_number")
_STANDING = ("status", "skip_reason", "retry_count", "follow_up_count", "last_attempted_at", "next_retry_at")

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


class ExportRows(StrEnum):
    """What one row of an export stands for; wire values of `rows`."""

    CONTACTS = "contacts"
    CALLS = "calls"
    """Contacts never called do not appear."""


Read = Callable[[Contact, CallRecord | None], object]


@dataclass(frozen=True)
class Column:
    """A name and what stands below it."""

    name: str
    read: Read

    def cell(self, contact: Contact, call: CallRecord | None) -> str:
        text = cell(self.read(contact, call))
        return guarded_number(text) if self.name in _NUMBERS else guarded(text)


def columns(rows: ExportRows, variables: Iterable[str]) -> Sequence[Column]:
    """Return the columns for a batch whose contacts have these call variables."""
    listed = sorted(name for name in variables if name != CALLEE_NAME)
    return [
        *(_of_contact(name) for name in _WHO),
        Column(CALLEE_NAME, _variable(CALLEE_NAME)),
        *(_LAST_CALL if rows is ExportRows.CONTACTS else _EACH_CALL),
        *(Column(f"vars.{name}", _variable(name)) for name in listed),
    ]


def _of_contact(name: str) -> Column:
    read = attrgetter(name)
    if name == "next_retry_at":
        # Kept for the record; clients see it only while it lies ahead.
        return Column(name, lambda contact, _: read(contact) if _is_retrying(contact) else None)
    return Column(name, lambda contact, _: read(contact))


def _of_call(name: str, prefix: str = "") -> Column:
    read = _shortest_cost if name == "total_cost" else attrgetter(name)
    return Column(prefix + name, lambda _, call: None if call is None else read(call))


def _variable(name: str) -> Read:
    return lambda contact, _: contact.call_variables.get(name)


def _is_retrying(contact: Contact) -> bool:
    return contact.status is ContactStatus.RETRYING


def _shortest_cost(call: CallRecord) -> float | int | None:
    cost = call.total_cost
    return int(cost) if cost is not None and cost.is_integer() else cost


_LAST_CALL = (
    *(_of_contact(name) for name in _STANDING),
    *(_of_call(name, LAST) for name in (*CALL_COLUMNS, "from_number", *COURSE_COLUMNS)),
    *(_of_contact(name) for name in PLAN_COLUMNS),
)
_EACH_CALL = tuple(
    _of_call(name) for name in (*CALL_COLUMNS, *PROVIDER_COLUMNS, "from_number", "to_number", *COURSE_COLUMNS)
)
