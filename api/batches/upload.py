"""Reading an upload: everything that can be told without knowing its campaign."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from api.batches.rows import JSON_ROWS, RowIntake, RowPlaces
from api.batches.schemas import MAX_CONTACTS, BatchHead, ImportReport, OnDuplicate, OnInvalid
from api.http.field_errors import FieldErrors
from api.http.refusals import BodyTooLarge
from domain.contact import NewContact
from domain.errors import FieldError

CONTACTS = JSON_ROWS.all_rows


@dataclass(frozen=True)
class BatchUpload:
    """An upload that holds together in itself."""

    head: BatchHead
    contacts: Sequence[NewContact]
    report: ImportReport

    @classmethod
    def of(cls, head: BatchHead | None, intake: RowIntake) -> "BatchUpload":
        """Return what was read. Raises InvalidRequest if anything was wrong."""
        intake.errors.raise_any()
        assert head is not None  # noqa: S101 - a missing head is among the errors
        return cls(head, intake.contacts, intake.report())


def read_upload(document: dict[str, object]) -> BatchUpload:
    """Check an upload; takes seconds for the largest, so not on the event loop.

    Raises BodyTooLarge for too many contacts, InvalidRequest for anything else that is wrong.
    """
    rows = document.get("contacts")
    if isinstance(rows, list) and len(rows) > MAX_CONTACTS:
        raise too_many_contacts()
    errors = FieldErrors()
    head = read_head({key: value for key, value in document.items() if key != "contacts"}, errors)
    intake = row_intake(head, errors, JSON_ROWS)
    _take_rows(rows, intake)
    return BatchUpload.of(head, intake)


def too_many_contacts() -> BodyTooLarge:
    """Return the refusal of an upload with more contacts than a batch may have."""
    return BodyTooLarge(f"A batch is limited to {MAX_CONTACTS:,} contacts")


def read_head(fields: dict[str, object], errors: FieldErrors) -> BatchHead | None:
    """Return everything of an upload but its contacts, None when it is wrong, which is noted."""
    try:
        return BatchHead.model_validate(fields)
    except ValidationError as invalid:
        errors.add_all(invalid, ("body",))
        return None


def row_intake(head: BatchHead | None, errors: FieldErrors, places: RowPlaces) -> RowIntake:
    """Return the intake that does with rows as the upload asks."""
    return RowIntake(
        on_invalid=(head and head.on_invalid) or OnInvalid.REJECT,
        on_duplicate=(head and head.on_duplicate) or OnDuplicate.KEEP_FIRST,
        errors=errors,
        places=places,
    )


def _take_rows(rows: object, intake: RowIntake) -> None:
    if rows is None:
        intake.errors.add(FieldError(CONTACTS, "Field required", "missing"))
    elif not isinstance(rows, list):
        intake.errors.add(FieldError(CONTACTS, "Input should be a valid list", "list_type"))
    elif not rows:
        intake.errors.add(FieldError(CONTACTS, "A batch needs at least one contact", "too_short"))
    else:
        intake.take_all(rows)
