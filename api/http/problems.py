"""Every error a client can meet, as problem details (RFC 9457): one table, one set of handlers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from api.http.refusals import BodiesExhausted, BodyTooLarge, BodyTooSlow, RateLimited, UnsupportedMediaType
from api.http.wire import WireOutput
from domain import errors
from domain.errors import ApolloError, FieldError, InvalidRequest, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_SERVED_AS = {"HEAD": "GET"}
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class ProblemError(WireOutput):
    """One thing wrong with a request."""

    loc: list[str | int] = Field(examples=[["body", "contacts", 3, "phone_number"]])
    msg: str = Field(examples=["Not a possible phone number"])
    type: str = Field(examples=["phone_number"])


class Problem(WireOutput):
    """Problem details, compatible with RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:apollo:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["Batch not found"])


class ValidationProblem(Problem):
    """A problem that names what is wrong, at most 100 errors of `error_count`."""

    errors: list[ProblemError]
    error_count: int


@dataclass(frozen=True)
class ProblemKind:
    """What all problems of one kind share on the wire."""

    status: int
    slug: str
    title: str


UNAUTHORIZED = ProblemKind(401, "unauthorized", "Unauthorized")
FORBIDDEN = ProblemKind(403, "forbidden", "Forbidden")
NOT_FOUND = ProblemKind(404, "not-found", "Not Found")
METHOD_NOT_ALLOWED = ProblemKind(405, "method-not-allowed", "Method Not Allowed")
REQUEST_TIMEOUT = ProblemKind(408, "request-timeout", "Request Timeout")
CONFLICT = ProblemKind(409, "conflict", "Conflict")
TOO_LARGE = ProblemKind(413, "too-large", "Content Too Large")
UNSUPPORTED_MEDIA_TYPE = ProblemKind(415, "unsupported-media-type", "Unsupported Media Type")
VALIDATION = ProblemKind(422, "validation", "Unprocessable Content")
RATE_LIMITED = ProblemKind(429, "rate-limited", "Too Many Requests")
INTERNAL = ProblemKind(500, "internal", "Internal Server Error")
UNAVAILABLE = ProblemKind(503, "unavailable", "Service Unavailable")

KIND_OF: Mapping[type[ApolloError], ProblemKind] = {
    errors.StoreUnavailable: UNAVAILABLE,
    errors.EngineUnavailable: UNAVAILABLE,
    errors.ProviderUnavailable: UNAVAILABLE,
    errors.DecisionOvertaken: UNAVAILABLE,
    errors.StatementRefused: INTERNAL,
    errors.NotFound: NOT_FOUND,
    errors.Conflict: CONFLICT,
    errors.InvalidRequest: VALIDATION,
    errors.NobodyLeft: VALIDATION,
    errors.NumbersKnown: VALIDATION,
    errors.Unauthenticated: UNAUTHORIZED,
    errors.InvalidSignature: UNAUTHORIZED,
    errors.UnsignedWebhook: UNAUTHORIZED,
    errors.OutOfScope: FORBIDDEN,
    errors.ForeignOrganization: FORBIDDEN,
    BodiesExhausted: UNAVAILABLE,
    BodyTooLarge: TOO_LARGE,
    BodyTooSlow: REQUEST_TIMEOUT,
    UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE,
    RateLimited: RATE_LIMITED,
}
"""A class stands for its subclasses too."""


def kind_of(error: type[ApolloError]) -> ProblemKind:
    """Return the kind of problem an error is; an error that is not listed is a defect."""
    return next((KIND_OF[each] for each in error.__mro__ if each in KIND_OF), INTERNAL)


def problem(
    kind: ProblemKind,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
) -> Response:
    """Return a problem as a response; `members` extend the document."""
    document = {
        "type": f"urn:apollo:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        **(members or {}),
    }
    text = json.dumps(document, ensure_ascii=False)
    return Response(text, kind.status, headers, MEDIA_TYPE)


def internal_problem() -> Response:
    """Return what a client sees of a defect: nothing of its inside."""
    return problem(INTERNAL, "Internal server error")


def of_error(error: ApolloError) -> Response:
    """Return the problem a domain error makes."""
    kind = kind_of(type(error))
    if kind is INTERNAL:
        return internal_problem()
    if isinstance(error, InvalidRequest):
        return _invalid(error.message, error.errors, error.error_count)
    return problem(kind, _detail(error), headers=_headers(error, kind))


def _detail(error: ApolloError) -> str:
    """Return one text for every state of an unusable database, as the contract has it; /readyz says more."""
    return StoreUnavailable().message if isinstance(error, StoreUnavailable) else error.message


def _headers(error: ApolloError, kind: ProblemKind) -> dict[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, BodyTooSlow):
        return {"Connection": "close"}  # or the rest of the body would be waited for
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    if kind is UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def _invalid(detail: str, listed: Sequence[FieldError], error_count: int) -> Response:
    described = [{"loc": list(each.loc), "msg": each.msg, "type": each.type} for each in listed]
    return problem(VALIDATION, detail, members={"errors": described, "error_count": error_count})


def _allowed(request: Request) -> str:
    """Every method some route has for this path, since routes with one path each know only their own."""
    return ", ".join(method for method in _METHODS if _is_routed(request, _SERVED_AS.get(method, method)))


def _is_routed(request: Request, method: str) -> bool:
    routes = request.app.router.routes
    return any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)


async def _on_apollo_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApolloError)  # noqa: S101 - what it is registered for
    if kind_of(type(error)) is INTERNAL:
        raise error  # a defect, which RequestMiddleware logs
    return of_error(error)


async def _on_invalid_parameters(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    return of_error(
        InvalidRequest([FieldError(tuple(each["loc"]), each["msg"], each["type"]) for each in error.errors()])
    )


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if error.status_code == METHOD_NOT_ALLOWED.status:
        return problem(METHOD_NOT_ALLOWED, "Method Not Allowed", headers={"Allow": _allowed(request)})
    if error.status_code == NOT_FOUND.status:
        return problem(NOT_FOUND, "Not Found")
    return internal_problem()


def speak_problems(app: FastAPI) -> None:
    """Make the app answer every error with problem details."""
    app.add_exception_handler(ApolloError, _on_apollo_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameters)
    app.add_exception_handler(HTTPException, _on_http_exception)
