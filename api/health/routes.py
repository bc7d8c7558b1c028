"""Whether this process runs and is ready, and what it measured; no token is asked."""

import asyncio
import json
from datetime import datetime, timedelta

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from api.health.readiness import Alive, Ready, check_readiness
from api.http.dependencies import ApiDependencies, Dependencies, Metrics, WebhookDependencies
from api.http.openapi import problems
from api.http.problems import RETRY_AFTER_SECONDS, UNAVAILABLE, problem
from api.http.responses import JSON, json_answer
from domain.errors import TechnicalError
from domain.webhooks import DeliveryState
from observability.metrics import Telemetry

router = APIRouter(tags=["health"])

PATIENCE_SECONDS = 2
"""Of who scrapes, while the database does not answer."""


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
async def metrics(dependencies: WebhookDependencies, telemetry: Metrics) -> Response:
    """Return the metrics of this process in Prometheus text form."""
    await asyncio.gather(
        _measure_inbox(dependencies, telemetry),
        _measure_deliveries(dependencies, telemetry),
        _measure_workload(dependencies, telemetry),
    )
    return Response(telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)


async def _measure_inbox(dependencies: ApiDependencies, telemetry: Telemetry) -> None:
    """Read how many endings wait, and since when; unknown while the database does not answer."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            backlog = await dependencies.endings.backlog()
    except (TimeoutError, TechnicalError):
        telemetry.inbox_unknown()
        return
    telemetry.inbox_measured(backlog.events, _age_seconds(backlog.oldest_at, dependencies.clock()))


async def _measure_deliveries(dependencies: ApiDependencies, telemetry: Telemetry) -> None:
    """Read how far the posts to clients are; unknown while the database does not answer."""
    now = dependencies.clock()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            backlog = await dependencies.webhook_deliveries.backlog(now)
    except (TimeoutError, TechnicalError):
        telemetry.deliveries_unknown(DeliveryState)
        return
    by_state = {str(state): count for state, count in backlog.by_state.items()}
    telemetry.deliveries_measured(by_state, _age_seconds(backlog.oldest_at, now))


async def _measure_workload(dependencies: ApiDependencies, telemetry: Telemetry) -> None:
    """Read how much there is to call; unknown while the database does not answer."""
    now = dependencies.clock()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            workload = await dependencies.workload.read(now)
    except (TimeoutError, TechnicalError):
        telemetry.workload_measured({})
        return
    telemetry.workload_measured(
        {
            "slots_in_use": workload.slots_in_use,
            "slots_limit": workload.slots_limit,
            "contacts_due": workload.contacts_due,
            "contact_lateness_seconds": _age_seconds(workload.oldest_due_at, now),
        }
    )


def _age_seconds(oldest_at: datetime | None, now: datetime) -> float:
    age = timedelta() if oldest_at is None else now - oldest_at
    return max(age.total_seconds(), 0)
