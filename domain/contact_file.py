"""The meaning of rows and columns in a file of contacts, for imports and exports."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

NUMBER_COLUMNS = ("phone_number", "mobile_number")
"""Where a file has both, the first is the number and the second a call variable."""

CALL_COLUMNS = ("execution_id", "attempt", "kind", "call_status")
PROVIDER_COLUMNS = ("provider", "provider_call_id")
COURSE_COLUMNS = (
    *("started_at", "answered_at", "ended_at", "duration_seconds", "hangup_by", "hangup_reason"),
    *("sip_status", "total_cost", "sentiment", "summary", "transcript", "recording_url", "error"),
    *("answered_by", "disposition", "disposition_note"),
)
LAST = "last_"
"""Prefix of the columns of each contact's newest call in an export."""

PLAN_COLUMNS = ("not_before", "priority")
"""When a contact may be called, and how soon among others."""

_CONTACT_COLUMNS = ("external_id", "timezone", *PLAN_COLUMNS)
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_OF_LAST_CALL = frozenset(LAST + name for name in (*CALL_COLUMNS, "from_number", *COURSE_COLUMNS))
_OF_EACH_CALL = frozenset((*CALL_COLUMNS, *PROVIDER_COLUMNS, "from_number", "to_number", *COURSE_COLUMNS))
_MARK_OF_AN_EXPORT_OF_CALLS = CALL_COLUMNS[0]


def is_blank(cells: Sequence[str]) -> bool:
    """Tell whether all cells of a row are blank."""
    return not any(cell.strip() for cell in cells)


@dataclass(frozen=True)
class ContactColumns:
    """The header of a file of contacts."""

    names: Sequence[str]
    number_column: str
    ignored: frozenset[str]

    @classmethod
    def of(cls, names: Sequence[str]) -> "ContactColumns | None":
        """Return the columns, None without a column of numbers."""
        number_column = next((name for name in NUMBER_COLUMNS if name in names), None)
        return None if number_column is None else cls(names, number_column, _of_calls(names))

    def contact(self, cells: Sequence[str]) -> dict[str, object]:
        """Return a row as an upload's contact, whose number is absent where it is blank.

        Empty cells are left out, so that the campaign's defaults apply; a blank variable is a text.
        Columns about earlier calls are left out too: they are long, and no variables of the next call.
        """
        variables: dict[str, object] = {
            name: cell
            for name, cell in zip(self.names, cells, strict=False)
            if cell != "" and name not in self.ignored
        }
        fields = {self.number_column: "phone_number", **{name: name for name in _CONTACT_COLUMNS}}
        contact: dict[str, object] = {}
        for column, field in fields.items():
            cell = str(variables.pop(column, ""))
            if cell.strip():
                contact[field] = _planned(field, cell.strip()) if field in PLAN_COLUMNS else cell
        return {**contact, "call_variables": variables}


def _planned(field: str, text: str) -> str | int:
    """Return a time as it is written, and a priority as the number that it should be."""
    return int(text) if field == "priority" and _WHOLE_NUMBER.fullmatch(text) else text


def _of_calls(names: Collection[str]) -> frozenset[str]:
    """The plain names belong to the client, unless the file is an export of calls."""
    if _MARK_OF_AN_EXPORT_OF_CALLS in names:
        return _OF_LAST_CALL | _OF_EACH_CALL
    return _OF_LAST_CALL
