"""Numbers an organization must not call, over HTTP."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import execution_id_of, suppression_id_of
from api.http.openapi import READS, READS_ONE, form_body, json_body, problems
from api.http.paging import paging_headers
from api.http.posted import Posted, body_of
from api.http.responses import JSON, json_answer, json_list
from api.suppressions.file import SuppressionFileBody, expiry_of
from api.suppressions.listing import notify_skipped
from api.suppressions.schemas import (
    SuppressionCreate,
    SuppressionForm,
    SuppressionOut,
    SuppressionsImported,
    SuppressionsQuery,
)
from domain.suppression import NewSuppression

router = APIRouter(prefix="/api/v1/suppressions", tags=["suppressions"])

_log = structlog.get_logger()
_ALL = TypeAdapter(list[SuppressionOut])
_LISTS_ONE = (401, 403, 404, 408, 413, 415, 422, 429, 503)
_LISTS_MANY = (401, 408, 413, 415, 422, 429, 503)

SuppressionBody = Annotated[Posted[SuppressionCreate], Depends(body_of(SuppressionCreate))]


@router.post("/", include_in_schema=False)
@router.post(
    "",
    status_code=201,
    response_model=SuppressionOut,
    responses={
        **problems(_LISTS_ONE),
        200: {"description": "The number was listed already.", "model": SuppressionOut},
    },
    openapi_extra=json_body(SuppressionCreate),
)
async def suppress(caller: Caller, dependencies: Dependencies, posted: SuppressionBody) -> Response:
    """Suppress a number: the organization no longer calls it; contacts that wait for a redial are skipped.

    A number that is listed already takes the new reason and expiry and is answered with 200;
    an entry that stands for good because of a call stays as it is until it is removed.
    """
    asked, now = posted.value, dependencies.clock()
    expires_at = expiry_of(asked.expires_at, now)
    caller.require_own(asked.organization_id)
    execution_id = None if asked.execution_id is None else execution_id_of(asked.execution_id)
    number = asked.phone_number
    if execution_id is not None:
        number = await dependencies.suppressions.number_called(caller.organization_id, execution_id)
    new = NewSuppression(
        phone_number=number or "",
        reason=asked.reason,
        expires_at=expires_at,
        execution_id=execution_id,
    )
    added = await dependencies.suppressions.add(caller.organization_id, new, now, added_by=caller.token_id)
    await notify_skipped(dependencies, added.skipped)
    shown = SuppressionOut.of(added.suppression)
    return Response(shown.model_dump_json(), 201 if added.is_new else 200, media_type=JSON)


@router.post(
    "/import",
    response_model=SuppressionsImported,
    responses=problems(_LISTS_MANY),
    openapi_extra=form_body(SuppressionForm),
)
async def import_suppressions(
    caller: Caller, dependencies: Dependencies, file: SuppressionFileBody
) -> Response:
    """Suppress the numbers of a CSV file, all or none; of a number that comes twice the first row counts."""
    imported = await dependencies.suppressions.add_all(
        caller.organization_id, file.numbers, dependencies.clock(), added_by=caller.token_id
    )
    await notify_skipped(dependencies, imported.skipped)
    return json_answer(
        SuppressionsImported(
            received=file.received,
            added=imported.added,
            updated=imported.updated,
            duplicates=file.duplicates,
        )
    )


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[SuppressionOut], responses=problems((*READS, 403)))
async def list_suppressions(
    request: Request, caller: Caller, dependencies: Dependencies, query: Annotated[SuppressionsQuery, Query()]
) -> Response:
    """List suppressed numbers, newest first, expired entries too."""
    caller.require_own(query.organization_id)
    page = await dependencies.suppressions.list_suppressions(
        caller.organization_id, phone_number=query.phone_number, window=query.window
    )
    headers = paging_headers(request, query.window, page.total)
    return json_list(_ALL, [SuppressionOut.of(each) for each in page.items], headers)


@router.get("/{suppression_id}", response_model=SuppressionOut, responses=problems(READS_ONE))
async def get_suppression(caller: Caller, dependencies: Dependencies, suppression_id: str) -> Response:
    """Return one entry."""
    found = await dependencies.suppressions.get(caller.organization_id, suppression_id_of(suppression_id))
    return json_answer(SuppressionOut.of(found))


@router.delete("/{suppression_id}", status_code=204, responses=problems(READS_ONE))
async def remove_suppression(caller: Caller, dependencies: Dependencies, suppression_id: str) -> Response:
    """Let the number be called again; contacts that were skipped meanwhile stay skipped."""
    entry = suppression_id_of(suppression_id)
    await dependencies.suppressions.remove(caller.organization_id, entry, dependencies.clock())
    _log.info("suppression removed", suppression_id=entry, token_id=caller.token_id)
    return Response(status_code=204)
