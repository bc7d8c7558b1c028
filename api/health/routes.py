"""Whether this process runs and is ready, and what it measured; no token is asked."""

import json

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from api.health.readiness import Alive, Ready, check_readiness
from api.http.dependencies import Dependencies, Metrics
from api.http.openapi import problems
from api.http.problems import RETRY_AFTER_SECONDS, UNAVAILABLE, problem
from api.http.responses import JSON, json_answer

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Alive)
async def healthz() -> Response:
    """Tell that the process runs."""
    return json_answer(Alive(status="ok"))


@router.get("/readyz", response_model=Ready, responses=problems((503,)))
async def readyz(dependencies: Dependencies) -> Response:
    """Tell whether the database, Temporal and its workers answer."""
    readiness = await check_readiness(dependencies)
    if readiness.failure is None:
        return Response(json.dumps({"status": "ready", "parts": readiness.parts}), media_type=JSON)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(UNAVAILABLE, readiness.failure, headers=headers, members={"parts": readiness.parts})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(telemetry: Metrics) -> Response:
    """Return the metrics of this process in Prometheus text form."""
    return Response(telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)
