"""The tokens of an organization, over HTTP; open to `full` tokens alone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import token_id_of
from api.http.openapi import READS, json_body, problems
from api.http.paging import paging_headers
from api.http.posted import Posted, body_of
from api.http.responses import JSON, json_list
from api.tokens.schemas import TokenCreate, TokenCreated, TokenOut, TokensQuery
from domain.errors import TokenNotFound

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

_ALL = TypeAdapter(list[TokenOut])
_MAKES = (401, 403, 408, 413, 415, 422, 429, 503)
_REVOKES = (401, 403, 404, 429, 503)

TokenBody = Annotated[Posted[TokenCreate], Depends(body_of(TokenCreate))]


@router.post("/", include_in_schema=False)
@router.post(
    "",
    status_code=201,
    response_model=TokenCreated,
    responses=problems(_MAKES),
    openapi_extra=json_body(TokenCreate),
)
async def create_token(caller: Caller, dependencies: Dependencies, posted: TokenBody) -> Response:
    """Make a token of the organization; its secret, `token`, is shown in this answer only."""
    caller.require_own(posted.value.organization_id)
    token, secret = await dependencies.tokens.issue(
        caller.organization_id, posted.value.to_domain(), dependencies.clock()
    )
    shown = TokenCreated.with_secret(token, secret)
    return Response(shown.model_dump_json(), 201, {"Cache-Control": "no-store"}, JSON)


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[TokenOut], responses=problems((*READS, 403)))
async def list_tokens(
    request: Request, caller: Caller, dependencies: Dependencies, query: Annotated[TokensQuery, Query()]
) -> Response:
    """List the organization's tokens, newest first, expired ones too; revoked ones are gone."""
    caller.require_own(query.organization_id)
    page = await dependencies.tokens.list_tokens(query.window, organization_id=caller.organization_id)
    headers = paging_headers(request, query.window, page.total)
    return json_list(_ALL, [TokenOut.of(each) for each in page.items], headers)


@router.delete("/{token_id}", status_code=204, responses=problems(_REVOKES))
async def revoke_token(caller: Caller, dependencies: Dependencies, token_id: str) -> Response:
    """Revoke a token, which may be the one of this request: it is 401 from the next request on."""
    is_revoked = await dependencies.tokens.revoke(
        token_id_of(token_id), dependencies.clock(), organization_id=caller.organization_id
    )
    if not is_revoked:
        raise TokenNotFound
    return Response(status_code=204)
