"""The contacts of an upload: which rows are good, bad, or there twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import sleep
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from api.batches.schemas import ImportReport, OnDuplicate, OnInvalid
from api.contacts.schemas import ContactRow
from api.http.field_errors import FieldErrors, field_errors
from api.http.strict_json import compact
from api.http.wire import JsonObject, ZoneOrNumber
from domain.contact import NewContact
from domain.errors import FieldError
from domain.given_time import GivenTime

T = TypeVar("T")

Loc = tuple[str | int, ...]

_KEPT_OF_A_BAD_NUMBER = 64
_BROKEN_IN_EITHER_MODE = frozenset({"model_type", "extra_forbidden"})
"""Errors of the format, not of a person's data: they refuse the upload in either mode."""

_BREATH = 50
"""Rows sorted before other threads may run; about a millisecond."""
_PAUSE_SECONDS = 0.0001
"""Long enough to give up the interpreter's lock, for which the event loop else waits five times as long."""

_ZONE: TypeAdapter[str] = TypeAdapter(ZoneOrNumber)
_VARIABLES: TypeAdapter[dict[str, object]] = TypeAdapter(JsonObject)


@dataclass(frozen=True, kw_only=True)
class RowPlaces:
    """How the errors of an upload name its rows."""

    all_rows: Loc
    word: str
    """What one row is called."""
    first: int
    """The number of the first one."""
    number_field: str = "phone_number"

    def of(self, index: int) -> Loc:
        return (*self.all_rows, self.first + index)

    def within(self, loc: Loc) -> Loc:
        """Return a place within a row as the sender knows it."""
        return (self.number_field, *loc[1:]) if loc[:1] == ("phone_number",) else loc


JSON_ROWS = RowPlaces(all_rows=("body", "contacts"), word="contact", first=0)


@dataclass
class RowIntake:
    """Sorts rows one by one, in upload order."""

    on_invalid: OnInvalid
    on_duplicate: OnDuplicate
    errors: FieldErrors
    places: RowPlaces = JSON_ROWS
    contacts: list[NewContact] = field(default_factory=list)
    local_times: dict[int, GivenTime] = field(default_factory=dict)
    """Times of `not_before` that are local to the batch, by the place of their contact among `contacts`."""
    received: int = 0
    _first_row_of: dict[str, int] = field(default_factory=dict)
    _bad: int = 0
    _duplicates: int = 0

    def take_all(self, rows: Iterable[object]) -> None:
        for row in rows:
            self.take(row)
        self.close()

    def take(self, row: object, flaw: FieldError | None = None) -> None:
        """Sort one row; `flaw` is what is wrong with it besides its content."""
        index, self.received = self.received, self.received + 1
        if index % _BREATH == _BREATH - 1:
            sleep(_PAUSE_SECONDS)
        found = [] if flaw is None else [flaw]
        try:
            parsed = ContactRow.model_validate(row)
        except ValidationError as invalid:
            self._take_bad(index, row, [*found, *field_errors(invalid, ())])
        else:
            if found:
                self._take_bad(index, row, found)
            else:
                self._take_good(index, parsed)

    def close(self) -> None:
        """Note it if no good row was among those that were sorted."""
        if self._bad == self.received:
            self.errors.add(FieldError(self.places.all_rows, "No valid contact is left", "no_valid_contact"))

    def report(self) -> ImportReport:
        return ImportReport(
            received=len(self.contacts) + self._duplicates,
            accepted=len(self.contacts) - self._bad,
            invalid=self._bad,
            duplicates=self._duplicates,
        )

    def _take_good(self, index: int, row: ContactRow) -> None:
        first = self._first_row_of.setdefault(row.phone_number, index)
        if first == index:
            if row.not_before is not None and row.not_before.is_local:
                self.local_times[len(self.contacts)] = row.not_before
            self.contacts.append(row.to_domain())
            return
        self._duplicates += 1
        if self.on_duplicate is OnDuplicate.REJECT:
            same = f"Same number as {self.places.word} {self.places.first + first}"
            self._note(index, FieldError(("phone_number",), same, "duplicate"))

    def _take_bad(self, index: int, row: object, found: Sequence[FieldError]) -> None:
        is_broken = any(each.type in _BROKEN_IN_EITHER_MODE for each in found)
        if is_broken or self.on_invalid is OnInvalid.REJECT or not isinstance(row, dict):
            for each in found:
                self._note(index, each)
            return
        self._bad += 1
        reason = "; ".join(f"{_path(self.places.within(each.loc))}: {each.msg}" for each in found)
        self.contacts.append(_kept_as_skipped(row, reason))

    def _note(self, index: int, error: FieldError) -> None:
        self.errors.add(replace(error, loc=(*self.places.of(index), *self.places.within(error.loc))))


def _path(loc: Loc) -> str:
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
