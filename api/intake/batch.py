"""Reading an upload: everything that can be told without knowing its campaign."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from api.field_errors import FieldErrors
from api.intake.contact_rows import CONTACTS, RowIntake
from api.refusals import BodyTooLarge
from api.schemas.batches import MAX_CONTACTS, BatchHead, ImportReport, OnDuplicate, OnInvalid
from domain.contact import NewContact
from domain.errors import FieldError


@dataclass(frozen=True)
class BatchUpload:
    """An upload that holds together in itself."""

    head: BatchHead
    contacts: Sequence[NewContact]
    report: ImportReport


def read_upload(document: dict[str, object]) -> BatchUpload:
    """Check an upload; takes seconds for the largest, so not on the event loop.

    Raises BodyTooLarge for too many contacts, InvalidRequest for anything else that is wrong.
    """
    rows = document.get("contacts")
    if isinstance(rows, list) and len(rows) > MAX_CONTACTS:
        raise BodyTooLarge(f"A batch is limited to {MAX_CONTACTS:,} contacts")
    errors = FieldErrors()
    head = _read_head(document, errors)
    intake = RowIntake(
        on_invalid=(head and head.on_invalid) or OnInvalid.REJECT,
        on_duplicate=(head and head.on_duplicate) or OnDuplicate.KEEP_FIRST,
        errors=errors,
    )
    _take_rows(rows, intake)
    errors.raise_any()
    assert head is not None  # noqa: S101 - a missing head is among the errors
    return BatchUpload(head, intake.contacts, intake.report())


def _read_head(document: dict[str, object], errors: FieldErrors) -> BatchHead | None:
    try:
        return BatchHead.model_validate({key: value for key, value in document.items() if key != "contacts"})
    except ValidationError as invalid:
        errors.add_all(invalid, ("body",))
        return None


def _take_rows(rows: object, intake: RowIntake) -> None:
    if rows is None:
        intake.errors.add(FieldError(CONTACTS, "Field required", "missing"))
    elif not isinstance(rows, list):
        intake.errors.add(FieldError(CONTACTS, "Input should be a valid list", "list_type"))
    elif not rows:
        intake.errors.add(FieldError(CONTACTS, "A batch needs at least one contact", "too_short"))
    else:
        intake.take_all(rows)
