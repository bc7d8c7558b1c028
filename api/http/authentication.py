"""The client of a request, known by its bearer token."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.requests import Request

from api.http.dependencies import ApiDependencies, dependencies_of
from api.http.failed_tokens import FailedTokens
from api.http.ids import batch_id_of
from api.http.middleware import HELD
from api.http.rate_limit import RateLimit, RequestPlaces
from api.http.scopes import allows
from api.http.singleflight import Singleflight
from domain.access import TOKEN_MARK
from domain.audit import Actor
from domain.errors import BatchNotFound, ForeignOrganization, OutOfScope, Unauthenticated
from domain.identity import OrganizationId, TokenId
from domain.ports import Token


@dataclass(frozen=True)
class Client:
    """The holder of the request's token."""

    organization_id: OrganizationId
    token_id: TokenId

    def require_own(self, organization_id: str | None) -> None:
        """Raise ForeignOrganization for the id of another organization."""
        if organization_id is not None and organization_id != self.organization_id:
            raise ForeignOrganization


async def _authenticated(request: Request) -> Client:
    dependencies = await dependencies_of(request)
    return await _client_of(request, dependencies, dependencies.shown_tokens)


async def _watching(request: Request) -> Client:
    dependencies = await dependencies_of(request)
    return await _client_of(request, dependencies, dependencies.watchers_tokens)


async def _client_of(
    request: Request, dependencies: ApiDependencies, reads: Singleflight[str, Token | None]
) -> Client:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.startswith(TOKEN_MARK):
        raise Unauthenticated
    now = dependencies.clock()
    dependencies.work_for(None)
    failed: FailedTokens = request.app.state.failed_tokens
    host = request.client.host if request.client else ""
    failed.admit(host, secret, now)
    token = await reads.ask(secret, partial(_look_up, dependencies, secret, now))
    if token is None:
        failed.failed(host, secret, now)
        raise Unauthenticated
    failed.succeeded(secret)
    if not allows(token.scope, request):
        raise OutOfScope
    limit: RateLimit = request.app.state.rate_limit
    limit.admit(token.token_id, now)
    places: RequestPlaces = request.app.state.request_places
    places.enter(token.token_id, request.scope[HELD])
    dependencies.work_for(token.organization_id)
    dependencies.act_as(Actor(token_id=token.token_id, name=token.name))
    _bind_ids(request, token.organization_id)
    return Client(token.organization_id, token.token_id)


async def _look_up(dependencies: ApiDependencies, secret: str, now: datetime) -> Token | None:
    return await dependencies.tokens.authenticate(secret, now)


def _bind_ids(request: Request, organization_id: OrganizationId) -> None:
    """Add organization and batch to every log line of the request."""
    structlog.contextvars.bind_contextvars(organization_id=organization_id)
    with suppress(BatchNotFound):  # text that is no id is not logged
        structlog.contextvars.bind_contextvars(batch_id=batch_id_of(request.path_params.get("batch_id", "")))


Caller = Annotated[Client, Depends(_authenticated)]
Watcher = Annotated[Client, Depends(_watching)]
"""A client that polls a batch; requests of many such clients share the reads of their tokens."""
