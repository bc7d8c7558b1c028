"""The erasure of a person, over HTTP."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.erasures.schemas import ErasureOut, ErasureRequest
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.openapi import json_body, problems
from api.http.posted import Posted, body_of
from api.http.responses import json_answer
from api.suppressions.listing import notify_skipped

router = APIRouter(prefix="/api/v1/erasures", tags=["erasures"])

_log = structlog.get_logger()
_ERASES = (401, 403, 408, 413, 415, 422, 429, 503)

ErasureBody = Annotated[Posted[ErasureRequest], Depends(body_of(ErasureRequest))]


@router.post("/", include_in_schema=False)
@router.post(
    "",
    response_model=ErasureOut,
    responses=problems(_ERASES),
    openapi_extra=json_body(ErasureRequest),
)
async def erase(caller: Caller, dependencies: Dependencies, posted: ErasureBody) -> Response:
    """Erase a person from everything the organization holds, deleted batches included; cannot be undone.

    Statuses, times and counts stay. A contact that waits is skipped; one on the phone is not called again,
    and erased when its call has ended. A suppressed number stays suppressed, without being shown.
    """
    caller.require_own(posted.value.organization_id)
    erased = await dependencies.erasures.erase(
        caller.organization_id, posted.value.phone_number, dependencies.clock()
    )
    await notify_skipped(dependencies, erased.skipped)
    _log.info("person erased", erasure_id=erased.erasure_id, contacts=erased.contacts)
    return json_answer(ErasureOut.of(erased))
