"""Reading suppressed numbers, one or a file of them; each error names its row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from pydantic import ValidationError
from starlette.requests import Request

from api.http.authentication import Caller
from api.http.body import BATCH_LIMIT, is_form, pass_over
from api.http.csv_file import FILE, HEADER_ROW, CsvFile
from api.http.dependencies import Dependencies
from api.http.field_errors import FieldErrors, field_errors
from api.http.multipart import Form, new_form
from api.http.posted import read_form, reading_places
from api.http.refusals import BodyTooLarge, UnsupportedFile
from api.suppressions.schemas import SuppressionRow
from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime
from domain.suppression import NewSuppression

MAX_NUMBERS = 100_000
"""As many as a batch has contacts."""

_COLUMNS = ("phone_number", "reason", "expires_at")


@dataclass(frozen=True)
class SuppressionFile:
    """The numbers of a file, each once."""

    numbers: Sequence[NewSuppression]
    received: int

    @property
    def duplicates(self) -> int:
        return self.received - len(self.numbers)


def expiry_of(given: GivenTime | None, now: datetime) -> datetime | None:
    """Return when an entry ends. Raises InvalidRequest for an end that is not after `now`."""
    flaw = _flaw_of_expiry(given, now)
    if flaw is not None:
        raise InvalidRequest([FieldError(("body", *flaw.loc), flaw.msg, flaw.type)])
    return None if given is None else given.instant("UTC")


def read_suppression_form(form: Form, now: datetime) -> SuppressionFile:
    """Check a file of numbers; takes seconds for the largest, so not on the event loop.

    Raises BodyTooLarge for too many rows, InvalidRequest for anything else that is wrong.
    """
    errors = FieldErrors()
    for name in form.fields:
        errors.add(FieldError(("body", name), "Extra inputs are not permitted", "extra_forbidden"))
    if form.file is None:
        errors.add(FieldError(("body", "file"), "Field required", "missing"))
        errors.raise_any()
        return SuppressionFile([], 0)
    form.file.seek(0)
    read = _read_rows(CsvFile(form.file).records(), errors, now)
    errors.raise_any()
    return read


def _read_rows(records: Iterator[list[str]], errors: FieldErrors, now: datetime) -> SuppressionFile:
    columns = _columns(next(records, []))
    kept: dict[str, NewSuppression] = {}
    received = 0
    for received, cells in enumerate(records, start=1):
        if received > MAX_NUMBERS:
            raise BodyTooLarge(f"A file is limited to {MAX_NUMBERS:,} numbers")
        place = (*FILE, HEADER_ROW + received)
        new = _row(columns, cells, now)
        if isinstance(new, NewSuppression):
            kept.setdefault(new.phone_number, new)
            continue
        for flaw in new:
            errors.add(FieldError((*place, *flaw.loc), flaw.msg, flaw.type))
    if received == 0:
        errors.add(FieldError(FILE, "The file has no rows", "too_short"))
    return SuppressionFile(list(kept.values()), received)


def _columns(header: Sequence[str]) -> Sequence[str]:
    """Return the names of the columns. Raises InvalidRequest for a header that cannot be meant."""
    place = (*FILE, HEADER_ROW)
    names = [name.strip() for name in header]
    flaws = [
        FieldError((*place, name), "Not a column of this file", "extra_forbidden")
        for name in names
        if name not in _COLUMNS
    ]
    flaws += [
        FieldError((*place, name), "Column is named twice", "column_repeated")
        for name in _COLUMNS
        if names.count(name) > 1
    ]
    if "phone_number" not in names:
        flaws.append(FieldError((*place, "phone_number"), "The header does not name phone_number", "missing"))
    if flaws:
        raise InvalidRequest(flaws)
    return names


def _row(
    columns: Sequence[str], cells: Sequence[str], now: datetime
) -> NewSuppression | Sequence[FieldError]:
    """Return the number of a row, or what is wrong with it; a blank cell is none."""
    if len(cells) > len(columns):
        return [FieldError((len(columns) + 1,), "Row has more cells than the header", "surplus_cell")]
    given: Mapping[str, object] = {
        name: cell for name, cell in zip(columns, cells, strict=False) if cell.strip()
    }
    try:
        row = SuppressionRow.model_validate(given)
    except ValidationError as invalid:
        return field_errors(invalid, ())
    flaw = _flaw_of_expiry(row.expires_at, now)
    if flaw is not None:
        return [flaw]
    expires_at = None if row.expires_at is None else row.expires_at.instant("UTC")
    return NewSuppression(phone_number=row.phone_number, reason=row.reason, expires_at=expires_at)


def _flaw_of_expiry(given: GivenTime | None, now: datetime) -> FieldError | None:
    if given is None:
        return None
    try:
        is_past = given.instant("UTC") <= now
    except ValueError as error:
        return FieldError(("expires_at",), str(error), "datetime")
    return FieldError(("expires_at",), "Must be later than now", "past_expiry") if is_past else None


async def _suppression_file(request: Request, caller: Caller, dependencies: Dependencies) -> SuppressionFile:
    if not is_form(request):
        await pass_over(request, BATCH_LIMIT)
        raise UnsupportedFile
    now = dependencies.clock()
    with new_form() as reader:
        form = await read_form(reader, request, caller)
        return await to_thread.run_sync(read_suppression_form, form, now, limiter=reading_places(request))


SuppressionFileBody = Annotated[SuppressionFile, Depends(_suppression_file)]
