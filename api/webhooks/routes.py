"""Where providers report calls."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.http.body import WEBHOOK_LIMIT, parse_off_loop, read_limited, require_json
from api.http.dependencies import ApiDependencies, Metrics, WebhookDependencies
from api.http.openapi import json_body, problems
from api.http.problems import kind_of
from api.http.responses import json_answer
from api.http.strict_json import parse_report
from api.webhooks.events import CallEvents
from api.webhooks.loopback import came_over_loopback
from api.webhooks.schemas import StatusWebhook, WebhookResult
from domain.call import EventEffect
from domain.errors import ApolloError

router = APIRouter(tags=["webhooks"])

_PROBLEMS = problems((401, 404, 408, 413, 415, 422, 503))


@router.post(
    "/webhooks/call-status",
    response_model=WebhookResult,
    responses=_PROBLEMS,
    openapi_extra=json_body(StatusWebhook),
)
@router.post(
    "/api/v1/webhooks/call-status",
    response_model=WebhookResult,
    responses=_PROBLEMS,
    openapi_extra=json_body(StatusWebhook),
    summary="Receive Call Status (alias)",
)
async def receive_call_status(
    request: Request, dependencies: WebhookDependencies, metrics: Metrics
) -> Response:
    """Store what a provider reports of a call; the housekeeping delivers it to the contact's workflow."""
    try:
        effect = await _take(request, dependencies)
    except ApolloError as refusal:
        metrics.webhook_answered(kind_of(type(refusal)).slug)
        raise
    metrics.webhook_answered(effect)
    return json_answer(WebhookResult(result=effect))


async def _take(request: Request, dependencies: ApiDependencies) -> EventEffect:
    authenticator = dependencies.webhook_authenticator
    authenticator.admit(request.headers, dependencies.clock(), is_local=came_over_loopback(request.scope))
    raw = await read_limited(request, WEBHOOK_LIMIT)
    now = dependencies.clock()
    authenticator.check(request.headers, raw, now)
    require_json(request)
    return await CallEvents(dependencies).take(raw, await parse_off_loop(raw, parse_report), now)
