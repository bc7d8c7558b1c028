"""Why a batch is not dialling, over HTTP."""

from fastapi import APIRouter
from starlette.responses import Response

from api.diagnosis.answer import debug_answer
from api.diagnosis.reading import read_batch
from api.diagnosis.schemas import DebugOut
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import batch_id_of
from api.http.openapi import READS_ONE, problems
from api.http.responses import json_answer

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])


@router.get("/{batch_id}/debug", response_model=DebugOut, responses=problems(READS_ONE))
async def debug_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Say why a batch is or is not dialling, and what to do next, within three seconds.

    Also while Temporal or the workers are down; `diagnosis` and `diagnostics.tip` then say so.
    """
    now = dependencies.clock()
    reading = await read_batch(dependencies, caller.organization_id, batch_id_of(batch_id), now)
    return json_answer(debug_answer(reading, now))
