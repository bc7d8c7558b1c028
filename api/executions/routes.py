"""Executions over HTTP: what the agent on a call asks about it."""

from fastapi import APIRouter
from starlette.responses import Response

from api.executions.schemas import ExecutionOut
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import execution_id_of
from api.http.openapi import READS_ONE, problems
from api.http.responses import json_answer

router = APIRouter(prefix="/api/v1/executions", tags=["executions"])


@router.get("/{execution_id}", response_model=ExecutionOut, responses=problems(READS_ONE))
async def get_execution(caller: Caller, dependencies: Dependencies, execution_id: str) -> Response:
    """Return one attempt with the callee's variables and history; of a deleted campaign while it is live."""
    execution = await dependencies.executions.get(caller.organization_id, execution_id_of(execution_id))
    return json_answer(ExecutionOut.of_execution(execution))
