"""Reading an upload, as JSON or as a form with a CSV file, as far as its campaign need not be known.

The rules of a row are the same in both.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Generic, TypeVar

from anyio import to_thread
from fastapi import Depends
from pydantic import ValidationError
from starlette.requests import Request

from api.batches.rows import JSON_ROWS, RowIntake, RowPlaces
from api.batches.schemas import MAX_CONTACTS, BatchHead, ContactsHead, ImportReport, OnDuplicate, OnInvalid
from api.http.authentication import Caller, Client
from api.http.body import BATCH_LIMIT, is_form, parse_off_loop, require_json
from api.http.csv_file import FILE, HEADER_ROW, CsvFile
from api.http.field_errors import FieldErrors
from api.http.multipart import Form, new_form
from api.http.posted import Posted, read_form, reading_places
from api.http.refusals import BodyTooLarge, UnsupportedMediaType, UnsupportedUpload
from api.http.strict_json import parse_value
from api.http.uploads import Upload, new_spool
from domain.contact import NewContact
from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime

_CONTACTS = JSON_ROWS.all_rows
_CSV_ROWS = RowPlaces(all_rows=FILE, word="row", first=HEADER_ROW + 1)
_SCALARS = frozenset({"concurrency_limit", "max_retries_override", "working_hours_enforced", "keep_open"})
STRUCTURES = frozenset(
    {"call_context", "metadata", "retry_policy", "working_hours", "phone_numbers", "disposition_rules"}
)
"""Fields of a form that are written as JSON."""


H = TypeVar("H", bound=ContactsHead)


@dataclass(frozen=True)
class ContactsUpload(Generic[H]):
    """An upload that holds together in itself."""

    head: H
    contacts: Sequence[NewContact]
    local_times: Mapping[int, GivenTime]
    """Times of `not_before` that are local to the batch, by the place of their contact."""
    report: ImportReport
    places: RowPlaces
    """How errors name its rows."""

    @classmethod
    def of(cls, head: H | None, intake: RowIntake) -> "ContactsUpload[H]":
        """Return what was read. Raises InvalidRequest if anything was wrong."""
        intake.errors.raise_any()
        assert head is not None  # noqa: S101 - a missing head is among the errors
        return cls(head, intake.contacts, intake.local_times, intake.report(), intake.places)

    def contacts_in(self, timezone: str) -> Sequence[NewContact]:
        """Return the contacts of a batch whose local times are those of a zone. Raises InvalidRequest."""
        contacts = list(self.contacts)
        for place, given in self.local_times.items():
            try:
                contacts[place] = replace(contacts[place], not_before=given.instant(timezone))
            except ValueError as error:
                raise InvalidRequest([FieldError(self.places.all_rows, str(error), "datetime")]) from None
        return contacts


BatchUpload = ContactsUpload[BatchHead]


def _read_upload(kind: type[H], document: dict[str, object]) -> ContactsUpload[H]:
    """Check an upload; takes seconds for the largest, so not on the event loop.

    Raises BodyTooLarge for too many contacts, InvalidRequest for anything else that is wrong.
    """
    rows = document.get("contacts")
    if isinstance(rows, list) and len(rows) > MAX_CONTACTS:
        raise _too_many_contacts(kind)
    errors = FieldErrors()
    head = _read_head(kind, {key: value for key, value in document.items() if key != "contacts"}, errors)
    intake = _row_intake(head, errors, JSON_ROWS)
    _take_json_rows(rows, intake)
    return ContactsUpload.of(head, intake)


def _too_many_contacts(kind: type[ContactsHead]) -> BodyTooLarge:
    """Return the refusal of an upload with more contacts than it may have."""
    return BodyTooLarge(f"{kind.limited} is limited to {MAX_CONTACTS:,} contacts")


def _read_head(kind: type[H], fields: dict[str, object], errors: FieldErrors) -> H | None:
    """Return everything of an upload but its contacts, None when it is wrong, which is noted."""
    try:
        return kind.model_validate(fields)
    except ValidationError as invalid:
        errors.add_all(invalid, ("body",))
        return None


def _row_intake(head: ContactsHead | None, errors: FieldErrors, places: RowPlaces) -> RowIntake:
    """Return the intake that does with rows as the upload asks."""
    return RowIntake(
        on_invalid=(head and head.on_invalid) or OnInvalid.REJECT,
        on_duplicate=(head and head.on_duplicate) or OnDuplicate.KEEP_FIRST,
        errors=errors,
        places=places,
    )


def _take_json_rows(rows: object, intake: RowIntake) -> None:
    if rows is None:
        intake.errors.add(FieldError(_CONTACTS, "Field required", "missing"))
    elif not isinstance(rows, list):
        intake.errors.add(FieldError(_CONTACTS, "Input should be a valid list", "list_type"))
    elif not rows:
        intake.errors.add(FieldError(_CONTACTS, "A batch needs at least one contact", "too_short"))
    else:
        intake.take_all(rows)


def _read_form_upload(kind: type[H], form: Form) -> tuple[ContactsUpload[H], dict[str, object]]:
    """Check an upload, and return it with the document that a repetition of it is known by.

    Takes seconds for the largest, so not on the event loop.
    Raises BodyTooLarge for too many contacts, InvalidRequest for anything else that is wrong.
    """
    errors = FieldErrors()
    fields = _read_fields(kind, form.fields, errors)
    head = _read_head(kind, fields, errors)
    intake = _row_intake(head, errors, _CSV_ROWS)
    if form.file is None:
        errors.add(FieldError(("body", "file"), "Field required", "missing"))
        return ContactsUpload.of(head, intake), fields
    form.file.seek(0)
    digest = _take_csv_rows(kind, form.file, intake)
    return ContactsUpload.of(head, intake), {**fields, "file": digest}


def _take_csv_rows(kind: type[ContactsHead], lines: Iterable[bytes], intake: RowIntake) -> str:
    """Sort every row and return a digest of them all."""
    file = CsvFile(lines)
    try:
        for row in file.rows():
            if intake.received == 0:
                intake.places = replace(intake.places, number_field=file.columns.number_column)
            if intake.received == MAX_CONTACTS:
                raise _too_many_contacts(kind)
            intake.take(row.contact, row.flaw)
    except InvalidRequest as unreadable:
        intake.errors.add_refusal(unreadable)
        return ""
    if intake.received == 0:
        intake.errors.add(FieldError(FILE, "The file has no row below its header", "too_short"))
    else:
        intake.close()
    return file.fingerprint()


def _read_fields(kind: type[H], fields: Mapping[str, str], errors: FieldErrors) -> dict[str, object]:
    """Return what an upload says about its batch; what is no JSON where it should be is noted.

    A known field left blank is absent, as browsers send it; an unknown one is not, for it may be misspelt.
    """
    document: dict[str, object] = {}
    for name, text in fields.items():
        if not text.strip() and name in kind.model_fields:
            continue
        try:
            document[name] = _value_of(name, text)
        except InvalidRequest as invalid:
            errors.add_refusal(invalid)
    return document


def _value_of(name: str, text: str) -> object:
    loc = ("body", name)
    if "\0" in text:
        raise InvalidRequest([FieldError(loc, "Text must not hold NUL", "unstorable_text")])
    if name in STRUCTURES:
        return parse_value(text.encode(), loc)
    if name in _SCALARS:
        return _scalar(text)
    return text


def _scalar(text: str) -> object:
    """Return a number or a boolean; any other text stays text, and the schema says what it should be."""
    try:
        value = parse_value(text.encode(), ("body",))
    except InvalidRequest:
        return text
    return value if isinstance(value, (int, float)) else text


async def _read_json_upload(
    kind: type[H], request: Request, caller: Client, unsupported: type[UnsupportedMediaType]
) -> Posted[ContactsUpload[H]]:
    body = Upload(request, caller.token_id, BATCH_LIMIT)
    with new_spool() as spool:
        await body.spool(spool)
        require_json(request, unsupported)
        await body.enter_memory()
        document = await parse_off_loop(await body.read(spool))
    upload = await to_thread.run_sync(_read_upload, kind, document, limiter=reading_places(request))
    return Posted(upload, document)


UploadReader = Callable[[Request, Caller], Awaitable[Posted[ContactsUpload[H]]]]


def _json_upload_of(kind: type[H]) -> UploadReader[H]:
    async def upload(request: Request, caller: Caller) -> Posted[ContactsUpload[H]]:
        return await _read_json_upload(kind, request, caller, UnsupportedMediaType)

    return upload


def _json_or_file_upload_of(kind: type[H]) -> UploadReader[H]:
    async def upload(request: Request, caller: Caller) -> Posted[ContactsUpload[H]]:
        if not is_form(request):
            return await _read_json_upload(kind, request, caller, UnsupportedUpload)
        with new_form() as reader:
            form = await read_form(reader, request, caller)
            read, document = await to_thread.run_sync(
                _read_form_upload, kind, form, limiter=reading_places(request)
            )
        return Posted(read, document)

    return upload


UploadBody = Annotated[Posted[BatchUpload], Depends(_json_upload_of(BatchHead))]
UploadBodyOrFile = Annotated[Posted[BatchUpload], Depends(_json_or_file_upload_of(BatchHead))]
AppendBody = Annotated[Posted[ContactsUpload[ContactsHead]], Depends(_json_upload_of(ContactsHead))]
AppendBodyOrFile = Annotated[
    Posted[ContactsUpload[ContactsHead]], Depends(_json_or_file_upload_of(ContactsHead))
]
