"""Batches as files over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from api.export.columns import ExportRows
from api.export.csv import CsvExport
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import batch_id_of
from api.http.openapi import READS_WITHIN, Described, problems

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])

_FILE: dict[int | str, Described] = {
    200: {
        "description": "The file, from its first row to its last or with a broken connection.",
        "headers": {
            "Content-Disposition": {
                "description": "Names the file after the batch.",
                "schema": {"type": "string", "examples": ['attachment; filename="btc_01k2w1.csv"']},
            }
        },
    }
}


class CsvAnswer(StreamingResponse):
    """A CSV file in UTF-8."""

    media_type = "text/csv"


RowsQuery = Annotated[ExportRows, Query(description="A row per contact, or one per call.")]


@router.get("/{batch_id}/export.csv", response_class=CsvAnswer, responses={**problems(READS_WITHIN), **_FILE})
async def export_batch(
    caller: Caller, dependencies: Dependencies, batch_id: str, rows: RowsQuery = ExportRows.CONTACTS
) -> Response:
    """Return the whole batch as a CSV file that spreadsheets open without running what callees said."""
    batch, _ = await dependencies.batches.get_uncounted(caller.organization_id, batch_id_of(batch_id))
    export = await CsvExport.open(dependencies.export, batch.batch_id, batch.total_contacts, rows)
    disposition = f'attachment; filename="{batch.batch_id}.csv"'
    return CsvAnswer(export.chunks(), headers={"Content-Disposition": disposition})
