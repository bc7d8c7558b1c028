"""What handlers ask for by annotation."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Generic, TypeVar

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Header
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.batches.csv_upload import read_form_upload
from api.batches.upload import BatchUpload, read_upload
from api.http.body import (
    BATCH_LIMIT,
    ORDINARY_LIMIT,
    is_form,
    parse_off_loop,
    pass_over,
    read_json,
    require_json,
)
from api.http.dependencies import ApiParts
from api.http.field_errors import field_errors
from api.http.ids import batch_id_of
from api.http.middleware import HELD
from api.http.multipart import Form, FormReader, new_form
from api.http.rate_limit import RateLimit
from api.http.refusals import UnsupportedFile, UnsupportedMediaType, UnsupportedUpload
from api.http.request_places import RequestPlaces
from api.http.singleflight import JoinedReads
from api.http.uploads import Upload, new_spool
from api.suppressions.file import SuppressionFile, read_suppression_form
from api.webhooks.direct_delivery import DirectDelivery
from domain.errors import BatchNotFound, ForeignOrganization, InvalidRequest, Unauthenticated
from domain.identity import OrganizationId, TokenId
from domain.ports import Token
from observability.metrics import Telemetry

TOKEN_MARK = "gat_"  # noqa: S105 - how every token starts

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


# A plain function would be run in a thread, which costs a request more than the rest of its dependencies.
async def _parts(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


async def _webhook_parts(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.webhook_parts
    return parts


async def _telemetry(request: Request) -> Telemetry:
    telemetry: Telemetry = request.app.state.telemetry
    return telemetry


async def _direct_delivery(request: Request) -> DirectDelivery:
    direct: DirectDelivery = request.app.state.direct_delivery
    return direct


Parts = Annotated[ApiParts, Depends(_parts)]
WebhookParts = Annotated[ApiParts, Depends(_webhook_parts)]
Metrics = Annotated[Telemetry, Depends(_telemetry)]
Direct = Annotated[DirectDelivery, Depends(_direct_delivery)]


@dataclass(frozen=True)
class Client:
    """Whoever holds the token of the request."""

    organization_id: OrganizationId
    token_id: TokenId

    def require_own(self, organization_id: str | None) -> None:
        """Raise ForeignOrganization when another organization is named."""
        if organization_id is not None and organization_id != self.organization_id:
            raise ForeignOrganization


async def _authenticated(request: Request) -> Client:
    parts = await _parts(request)
    return await _client_of(request, parts, parts.shown_tokens)


async def _watching(request: Request) -> Client:
    parts = await _parts(request)
    return await _client_of(request, parts, parts.watchers_tokens)


async def _client_of(request: Request, parts: ApiParts, looks: JoinedReads[str, Token | None]) -> Client:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.startswith(TOKEN_MARK):
        raise Unauthenticated
    now = parts.clock()
    parts.work_for(None)
    token = await looks.ask(secret, partial(_look_up, parts, secret, now))
    if token is None:
        raise Unauthenticated
    limit: RateLimit = request.app.state.rate_limit
    limit.admit(token.token_id, now)
    places: RequestPlaces = request.app.state.request_places
    places.enter(token.token_id, request.scope[HELD])
    parts.work_for(token.organization_id)
    _bind_ids(request, token.organization_id)
    return Client(token.organization_id, token.token_id)


async def _look_up(parts: ApiParts, secret: str, now: datetime) -> Token | None:
    return await parts.tokens.authenticate(secret, now)


def _bind_ids(request: Request, organization_id: OrganizationId) -> None:
    """Have whatever is logged until the answer say whose request it is, and which batch it names."""
    structlog.contextvars.bind_contextvars(organization_id=organization_id)
    with suppress(BatchNotFound):  # what has not the shape of an id is not ours to repeat
        structlog.contextvars.bind_contextvars(batch_id=batch_id_of(request.path_params.get("batch_id", "")))


Caller = Annotated[Client, Depends(_authenticated)]
Watcher = Annotated[Client, Depends(_watching)]
"""A caller among many who come again and again; their tokens are looked at together."""


@dataclass(frozen=True)
class Posted(Generic[T]):
    """A checked body, and the document it was read from."""

    value: T
    document: dict[str, object]


def body_of(model: type[M]) -> Callable[[Request, Client], Awaitable[Posted[M]]]:
    """Return a dependency that reads a small JSON body."""

    async def body(request: Request, _: Caller) -> Posted[M]:
        document = await read_json(request, ORDINARY_LIMIT)
        try:
            return Posted(model.model_validate(document), document)
        except ValidationError as invalid:
            raise InvalidRequest(field_errors(invalid, ("body",))) from None

    return body


async def _unread(request: Request, _: Caller) -> None:
    await pass_over(request, ORDINARY_LIMIT)


IgnoredBody = Depends(_unread)
"""Of endpoints that need no body and ignore one, of whatever type, within the usual size."""


async def _json_upload(request: Request, caller: Caller) -> Posted[BatchUpload]:
    return await _read_json_upload(request, caller, UnsupportedMediaType)


async def _json_or_file_upload(request: Request, caller: Caller) -> Posted[BatchUpload]:
    if not is_form(request):
        return await _read_json_upload(request, caller, UnsupportedUpload)
    with new_form() as reader:
        form = await _read_form(reader, request, caller)
        upload, document = await to_thread.run_sync(read_form_upload, form, limiter=_reading_places(request))
    return Posted(upload, document)


async def _suppression_file(request: Request, caller: Caller, parts: Parts) -> SuppressionFile:
    if not is_form(request):
        await pass_over(request, BATCH_LIMIT)
        raise UnsupportedFile
    now = parts.clock()
    with new_form() as reader:
        form = await _read_form(reader, request, caller)
        return await to_thread.run_sync(read_suppression_form, form, now, limiter=_reading_places(request))


async def _read_form(reader: FormReader, request: Request, caller: Client) -> Form:
    body = Upload(request, caller.token_id, BATCH_LIMIT)
    form = await reader.read(body)
    await body.enter_memory()
    return form


async def _read_json_upload(
    request: Request, caller: Client, unsupported: type[UnsupportedMediaType]
) -> Posted[BatchUpload]:
    body = Upload(request, caller.token_id, BATCH_LIMIT)
    with new_spool() as spool:
        await body.spool(spool)
        require_json(request, unsupported)
        await body.enter_memory()
        document = await parse_off_loop(await body.read(spool))
    upload = await to_thread.run_sync(read_upload, document, limiter=_reading_places(request))
    return Posted(upload, document)


def _reading_places(request: Request) -> CapacityLimiter:
    places: CapacityLimiter = request.app.state.reading_places
    return places


SuppressionFileBody = Annotated[SuppressionFile, Depends(_suppression_file)]
UploadBody = Annotated[Posted[BatchUpload], Depends(_json_upload)]
UploadBodyOrFile = Annotated[Posted[BatchUpload], Depends(_json_or_file_upload)]
IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[ -~]+$",
        description="Repeating a request with the same key and body makes one object, wherever the first "
        "was cut: what that made is answered again.",
    ),
]
