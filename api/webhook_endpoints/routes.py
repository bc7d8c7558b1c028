"""Where an organization has its events posted, over HTTP."""

from base64 import b64encode
from secrets import token_bytes
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import endpoint_id_of
from api.http.openapi import (
    ACTS_ON_BODY,
    CHANGES,
    READS,
    READS_ONE,
    WRITES,
    json_body,
    problems,
)
from api.http.paging import paging_headers
from api.http.posted import IgnoredBody, Posted, body_of
from api.http.responses import JSON, json_answer, json_list
from api.webhook_endpoints.bodies import EventBody, TestOut
from api.webhook_endpoints.schemas import (
    EndpointChange,
    EndpointCreate,
    EndpointCreated,
    EndpointOut,
    EndpointsQuery,
    ReplayAccepted,
    ReplayRequest,
    SecretRotated,
    TestAccepted,
)
from domain.errors import FieldError, InvalidRequest
from domain.webhooks import EventType

router = APIRouter(prefix="/api/v1/webhook-endpoints", tags=["webhook endpoints"])

_log = structlog.get_logger()
_ALL = TypeAdapter(list[EndpointOut])
_SECRET_BYTES = 32
_DELETES = (401, 404, 429, 503)

CreateBody = Annotated[Posted[EndpointCreate], Depends(body_of(EndpointCreate))]
ChangeBody = Annotated[Posted[EndpointChange], Depends(body_of(EndpointChange))]
ReplayBody = Annotated[Posted[ReplayRequest], Depends(body_of(ReplayRequest))]


def new_secret() -> str:
    """Return a secret as Standard Webhooks writes it."""
    return "whsec_" + b64encode(token_bytes(_SECRET_BYTES)).decode()


@router.post("/", include_in_schema=False)
@router.post(
    "",
    status_code=201,
    response_model=EndpointCreated,
    responses=problems(WRITES),
    openapi_extra=json_body(EndpointCreate),
)
async def create_endpoint(caller: Caller, dependencies: Dependencies, posted: CreateBody) -> Response:
    """Have events posted to a URL from now on; `secret` is shown here only, and verifies the posts."""
    caller.require_own(posted.value.organization_id)
    secret = new_secret()
    endpoint = await dependencies.webhook_endpoints.create(
        caller.organization_id, posted.value.to_domain(), secret, dependencies.clock()
    )
    shown = EndpointCreated.with_secret(endpoint, secret)
    return Response(shown.model_dump_json(), 201, media_type=JSON)


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[EndpointOut], responses=problems((*READS, 403)))
async def list_endpoints(
    request: Request, caller: Caller, dependencies: Dependencies, query: Annotated[EndpointsQuery, Query()]
) -> Response:
    """List webhook endpoints, newest first."""
    caller.require_own(query.organization_id)
    page = await dependencies.webhook_endpoints.list_endpoints(caller.organization_id, query.window)
    headers = paging_headers(request, query.window, page.total)
    return json_list(_ALL, [EndpointOut.of(each) for each in page.items], headers)


@router.get("/{endpoint_id}", response_model=EndpointOut, responses=problems(READS_ONE))
async def get_endpoint(caller: Caller, dependencies: Dependencies, endpoint_id: str) -> Response:
    """Return one webhook endpoint."""
    found = await dependencies.webhook_endpoints.get(caller.organization_id, endpoint_id_of(endpoint_id))
    return json_answer(EndpointOut.of(found))


@router.patch(
    "/{endpoint_id}",
    response_model=EndpointOut,
    responses=problems(CHANGES),
    openapi_extra=json_body(EndpointChange),
)
async def change_endpoint(
    caller: Caller, dependencies: Dependencies, endpoint_id: str, posted: ChangeBody
) -> Response:
    """Change an endpoint. Disabled, its pending deliveries fail; enabled, it is posted new events again."""
    changed = await dependencies.webhook_endpoints.change(
        caller.organization_id, endpoint_id_of(endpoint_id), posted.value.changed(), dependencies.clock()
    )
    return json_answer(EndpointOut.of(changed))


@router.delete("/{endpoint_id}", status_code=204, responses=problems(_DELETES))
async def delete_endpoint(caller: Caller, dependencies: Dependencies, endpoint_id: str) -> Response:
    """Post nothing there any more; its deliveries can still be listed."""
    endpoint = endpoint_id_of(endpoint_id)
    await dependencies.webhook_endpoints.delete(caller.organization_id, endpoint, dependencies.clock())
    _log.info("webhook endpoint deleted", endpoint_id=endpoint, token_id=caller.token_id)
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/rotate-secret",
    response_model=SecretRotated,
    responses=problems((401, 404, 408, 413, 429, 503)),
    dependencies=[IgnoredBody],
)
async def rotate_secret(caller: Caller, dependencies: Dependencies, endpoint_id: str) -> Response:
    """Sign with a new secret from now on; for 24 hours the old one signs beside it."""
    endpoint, secret = endpoint_id_of(endpoint_id), new_secret()
    expires_at = await dependencies.webhook_endpoints.rotate_secret(
        caller.organization_id, endpoint, secret, dependencies.clock()
    )
    return json_answer(SecretRotated(endpoint_id=endpoint, secret=secret, previous_expires_at=expires_at))


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    response_model=TestAccepted,
    responses=problems((401, 404, 408, 413, 429, 503)),
    dependencies=[IgnoredBody],
)
async def test_endpoint(caller: Caller, dependencies: Dependencies, endpoint_id: str) -> Response:
    """Post an `endpoint.test`, whatever the endpoint subscribes to, and also while it is disabled."""
    endpoint, now = endpoint_id_of(endpoint_id), dependencies.clock()
    body = EventBody[TestOut](type=EventType.ENDPOINT_TEST, timestamp=now, data=TestOut(endpoint_id=endpoint))
    delivery_id = await dependencies.webhook_deliveries.test(
        caller.organization_id, endpoint, body.model_dump_json(), now
    )
    return Response(TestAccepted(delivery_id=delivery_id).model_dump_json(), 202, media_type=JSON)


@router.post(
    "/{endpoint_id}/replay",
    status_code=202,
    response_model=ReplayAccepted,
    responses=problems((*ACTS_ON_BODY, 422)),
    openapi_extra=json_body(ReplayRequest),
)
async def replay_events(
    caller: Caller, dependencies: Dependencies, endpoint_id: str, posted: ReplayBody
) -> Response:
    """Deliver every event since then again that the endpoint subscribes to, under the same ids.

    Events are kept for 30 days, from when an endpoint subscribes to them.
    """
    endpoint = endpoint_id_of(endpoint_id)
    try:
        since = posted.value.since.instant("UTC")
    except ValueError as error:
        raise InvalidRequest([FieldError(("body", "since"), str(error), "datetime")]) from None
    events = await dependencies.webhook_deliveries.replay_since(
        caller.organization_id, endpoint, since, dependencies.clock()
    )
    shown = ReplayAccepted(endpoint_id=endpoint, since=since, events=events)
    return Response(shown.model_dump_json(), 202, media_type=JSON)
