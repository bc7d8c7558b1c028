"""What came of the posts, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import delivery_id_of, endpoint_id_of
from api.http.openapi import ACTS, READS, READS_ONE, problems
from api.http.paging import paging_headers
from api.http.posted import IgnoredBody
from api.http.responses import JSON, json_answer, json_list
from api.webhook_endpoints.schemas import DeliveriesQuery, DeliveryOut
from domain.errors import EndpointNotFound

router = APIRouter(prefix="/api/v1/webhook-deliveries", tags=["webhook endpoints"])

_ALL = TypeAdapter(list[DeliveryOut])


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[DeliveryOut], responses=problems((*READS, 403)))
async def list_deliveries(
    request: Request, caller: Caller, dependencies: Dependencies, query: Annotated[DeliveriesQuery, Query()]
) -> Response:
    """List deliveries of the last 30 days, newest first."""
    caller.require_own(query.organization_id)
    try:
        endpoint_id = None if query.endpoint_id is None else endpoint_id_of(query.endpoint_id)
    except EndpointNotFound:
        return json_list(_ALL, [], paging_headers(request, query.window, 0))
    page = await dependencies.webhook_deliveries.list_deliveries(
        caller.organization_id,
        endpoint_id=endpoint_id,
        states=query.state,
        types=query.type,
        window=query.window,
    )
    headers = paging_headers(request, query.window, page.total)
    return json_list(_ALL, [DeliveryOut.of(each) for each in page.items], headers)


@router.get("/{delivery_id}", response_model=DeliveryOut, responses=problems(READS_ONE))
async def get_delivery(caller: Caller, dependencies: Dependencies, delivery_id: str) -> Response:
    """Return one delivery with its attempts."""
    found = await dependencies.webhook_deliveries.get(caller.organization_id, delivery_id_of(delivery_id))
    return json_answer(DeliveryOut.of(found))


@router.post(
    "/{delivery_id}/replay",
    status_code=202,
    response_model=DeliveryOut,
    responses=problems(ACTS),
    dependencies=[IgnoredBody],
)
async def replay_delivery(caller: Caller, dependencies: Dependencies, delivery_id: str) -> Response:
    """Deliver one event again, under the same ids."""
    again = await dependencies.webhook_deliveries.replay(
        caller.organization_id, delivery_id_of(delivery_id), dependencies.clock()
    )
    return Response(DeliveryOut.of(again).model_dump_json(), 202, media_type=JSON)
