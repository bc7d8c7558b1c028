"""Executions over HTTP: what the agent on a call asks about it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.executions.dispositions import Dispositions
from api.executions.schemas import DispositionIn, DispositionKept, ExecutionOut
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import execution_id_of
from api.http.openapi import ACTS_ON_BODY, READS_ONE, json_body, problems
from api.http.posted import Posted, body_of
from api.http.responses import json_answer

router = APIRouter(prefix="/api/v1/executions", tags=["executions"])

DispositionBody = Annotated[Posted[DispositionIn], Depends(body_of(DispositionIn))]


@router.get("/{execution_id}", response_model=ExecutionOut, responses=problems(READS_ONE))
async def get_execution(caller: Caller, dependencies: Dependencies, execution_id: str) -> Response:
    """Return one attempt with the callee's variables and history; of a deleted campaign while it is live."""
    execution = await dependencies.executions.get(caller.organization_id, execution_id_of(execution_id))
    return json_answer(ExecutionOut.of_execution(execution))


@router.post(
    "/{execution_id}/disposition",
    response_model=DispositionKept,
    responses=problems(ACTS_ON_BODY),
    openapi_extra=json_body(DispositionIn),
)
async def report_disposition(
    caller: Caller, dependencies: Dependencies, execution_id: str, posted: DispositionBody
) -> Response:
    """Keep what came of a call: the latest while it is live; what stands at its end is final."""
    reported = await Dispositions(dependencies, caller).report(execution_id, posted.value)
    return json_answer(
        DispositionKept(
            execution_id=reported.record.execution_id,
            disposition=posted.value.disposition,
            result=reported.effect,
        )
    )
