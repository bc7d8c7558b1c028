"""Reading an upload whose contacts are a CSV file; the rules of its rows are those of JSON rows."""

from collections.abc import Iterable
from dataclasses import replace

from api.batches.form_fields import read_fields
from api.batches.rows import RowIntake, RowPlaces
from api.batches.schemas import MAX_CONTACTS
from api.batches.upload import BatchUpload, read_head, row_intake, too_many_contacts
from api.http.csv_file import FILE, HEADER_ROW, CsvFile
from api.http.field_errors import FieldErrors
from api.http.multipart import Form
from domain.errors import FieldError, InvalidRequest

CSV_ROWS = RowPlaces(all_rows=FILE, word="row", first=HEADER_ROW + 1)


def read_form_upload(form: Form) -> tuple[BatchUpload, dict[str, object]]:
    """Check an upload, and return it with the document that a repetition of it is known by.

    Takes seconds for the largest, so not on the event loop.
    Raises BodyTooLarge for too many contacts, InvalidRequest for anything else that is wrong.
    """
    errors = FieldErrors()
    fields = read_fields(form.fields, errors)
    head = read_head(fields, errors)
    intake = row_intake(head, errors, CSV_ROWS)
    if form.file is None:
        errors.add(FieldError(("body", "file"), "Field required", "missing"))
        return BatchUpload.of(head, intake), fields
    form.file.seek(0)
    digest = _take_rows(form.file, intake)
    return BatchUpload.of(head, intake), {**fields, "file": digest}


def _take_rows(lines: Iterable[bytes], intake: RowIntake) -> str:
    """Sort every row and return a digest of them all."""
    file = CsvFile(lines)
    try:
        for row in file.rows():
            if intake.received == 0:
                intake.places = replace(intake.places, number_field=file.columns.number_column)
            if intake.received == MAX_CONTACTS:
                raise too_many_contacts()
            intake.take(row.contact, row.flaw)
    except InvalidRequest as unreadable:
        intake.errors.add_refusal(unreadable)
        return ""
    if intake.received == 0:
        intake.errors.add(FieldError(FILE, "The file has no row below its header", "too_short"))
    else:
        intake.close()
    return file.fingerprint()
