"""Why a batch is not dialling, over HTTP."""

from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import Response

from api.diagnosis.answer import debug_answer
from api.diagnosis.reading import read_batch
from api.diagnosis.schemas import ActivityOut, DebugOut
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import batch_id_of
from api.http.openapi import READS_ONE, problems
from api.http.responses import json_answer
from domain.batch import clock_zone

ACTIVITY_MINUTES = 60
NEWEST_CALLS = 20
JUDGED_CALLS = 5_000
"""So many newest calls are counted by the hour in which they were answered."""
MINUTE = timedelta(minutes=1)

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])


@router.get("/{batch_id}/debug", response_model=DebugOut, responses=problems(READS_ONE))
async def debug_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Say why a batch is or is not dialling, and what to do next, within three seconds.

    Also while Temporal or the workers are down; `diagnosis` and `diagnostics.tip` then say so.
    """
    now = dependencies.clock()
    reading = await read_batch(dependencies, caller.organization_id, batch_id_of(batch_id), now)
    return json_answer(debug_answer(reading, now))


@router.get("/{batch_id}/activity", response_model=ActivityOut, responses=problems(READS_ONE))
async def batch_activity(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Tell what a batch did in the last hour, when people answer, and its newest calls."""
    batch, campaign = await dependencies.batches.get_uncounted(caller.organization_id, batch_id_of(batch_id))
    now = dependencies.clock()
    found = await dependencies.diagnostics.activity(
        batch.batch_id,
        clock_zone(batch.overrides, campaign.rules),
        now.replace(second=0, microsecond=0) - (ACTIVITY_MINUTES - 1) * MINUTE,
        newest=NEWEST_CALLS,
        judged=JUDGED_CALLS,
    )
    return json_answer(ActivityOut.of(batch.batch_id, found))
