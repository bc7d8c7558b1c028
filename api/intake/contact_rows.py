"""The contacts of an upload: which rows are good, bad, or there twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from api.field_errors import FieldErrors, field_errors
from api.schemas.batches import ImportReport, OnDuplicate, OnInvalid
from api.schemas.contacts import ContactRow
from api.schemas.wire import JsonObject, ZoneName
from api.strict_json import compact
from domain.contact import NewContact
from domain.errors import FieldError

T = TypeVar("T")

CONTACTS = ("body", "contacts")
_KEPT_OF_A_BAD_NUMBER = 64
_BROKEN_IN_EITHER_MODE = frozenset({"model_type", "extra_forbidden"})
"""Not a row at all: the sender is mistaken about the form, not about a person."""

_ZONE: TypeAdapter[str] = TypeAdapter(ZoneName)
_VARIABLES: TypeAdapter[dict[str, object]] = TypeAdapter(JsonObject)


@dataclass
class RowIntake:
    """Sorts rows one by one, in upload order."""

    on_invalid: OnInvalid
    on_duplicate: OnDuplicate
    errors: FieldErrors
    contacts: list[NewContact] = field(default_factory=list)
    _first_row_of: dict[str, int] = field(default_factory=dict)
    _bad: int = 0
    _duplicates: int = 0

    def take_all(self, rows: Sequence[object]) -> None:
        """Sort every row."""
        for index, row in enumerate(rows):
            try:
                parsed = ContactRow.model_validate(row)
            except ValidationError as invalid:
                self._take_bad(index, row, invalid)
            else:
                self._take_good(index, parsed)
        if self._bad == len(rows):
            self.errors.add(FieldError(CONTACTS, "No valid contact is left", "no_valid_contact"))

    def report(self) -> ImportReport:
        """Return what became of the rows."""
        return ImportReport(
            received=len(self.contacts) + self._duplicates,
            accepted=len(self.contacts) - self._bad,
            invalid=self._bad,
            duplicates=self._duplicates,
        )

    def _take_good(self, index: int, row: ContactRow) -> None:
        first = self._first_row_of.setdefault(row.phone_number, index)
        if first == index:
            self.contacts.append(row.to_domain())
            return
        self._duplicates += 1
        if self.on_duplicate is OnDuplicate.REJECT:
            loc = (*CONTACTS, index, "phone_number")
            self.errors.add(FieldError(loc, f"Same number as contact {first}", "duplicate"))

    def _take_bad(self, index: int, row: object, invalid: ValidationError) -> None:
        found = field_errors(invalid, ())
        is_broken = any(each.type in _BROKEN_IN_EITHER_MODE for each in found)
        if is_broken or self.on_invalid is OnInvalid.REJECT or not isinstance(row, dict):
            self.errors.add_all(invalid, (*CONTACTS, index))
            return
        self._bad += 1
        reason = "; ".join(f"{_path(each.loc)}: {each.msg}" for each in found)
        self.contacts.append(_kept_as_skipped(row, reason))


def _path(loc: tuple[str | int, ...]) -> str:
    return ".".join(map(str, loc))


def _kept_as_skipped(row: dict[str, object], reason: str) -> NewContact:
    """Keep of a bad row what can be shown; fields that are bad themselves are left out."""
    external_id = row.get("external_id")
    variables = _valid_or_none(_VARIABLES, row.get("call_variables"))
    return NewContact(
        phone_number=_as_received(row.get("phone_number"))[:_KEPT_OF_A_BAD_NUMBER],
        external_id=external_id if isinstance(external_id, str) and 1 <= len(external_id) <= 255 else None,
        timezone=_valid_or_none(_ZONE, row.get("timezone")),
        call_variables=variables or {},
        skip_detail=reason,
    )


def _as_received(number: object) -> str:
    if number is None:
        return ""
    return number if isinstance(number, str) else compact(number).decode()


def _valid_or_none(adapter: TypeAdapter[T], value: object) -> T | None:
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError:
        return None
