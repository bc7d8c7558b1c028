"""The OpenAPI description, with what FastAPI cannot see in the signatures, and its page.

Every asset of the page comes from this server, for many sites have no way out.
"""

from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import FileResponse, HTMLResponse, Response

from api.http.body import FORM
from api.http.problems import MEDIA_TYPE, Problem, ValidationProblem

# OpenAPI is a free-form document, so its type is the one FastAPI gives it.
Described = dict[str, Any]

SUMMARY = "Outbound-call batches: a campaign holds the rules, a batch holds the people."
_CHAPTERS = (
    "campaigns",
    "contacts",
    "batches",
    "executions",
    "presets",
    "suppressions",
    "erasures",
    "tokens",
    "audit log",
    "webhook endpoints",
    "webhooks",
    "health",
)
"""In the order they are shown and read."""
_REF = "#/components/schemas/{model}"
_documented: dict[str, type[BaseModel]] = {"Problem": Problem, "ValidationProblem": ValidationProblem}
"""Models that no signature names, by name: routes add those of the bodies that they read by themselves."""
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_MEANING = {
    401: "No valid token or signature.",
    403: "The token's scope does not allow it, or another organization was named.",
    404: "No such object.",
    408: "The body took too long to arrive.",
    409: "The state of the object forbids it.",
    413: "The body is too large.",
    415: "Another media type, or a compressed body.",
    422: "The request is malformed, or a value is out of range.",
    429: "Too many requests for this token, or too many failing tokens from this address.",
    503: "The database or Temporal is unreachable, or too many large bodies are under way.",
}
_PACKAGE = "fastapi_offline"
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
READS = (401, 422, 429, 503)
READS_ONE = (401, 404, 429, 503)
READS_WITHIN = (401, 404, 422, 429, 503)
WRITES = (401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
CHANGES = (401, 404, 408, 413, 415, 422, 429, 503)
ACTS = (401, 404, 408, 409, 413, 429, 503)
ACTS_AS_ASKED = (401, 404, 408, 409, 413, 422, 429, 503)
ACTS_ON_BODY = (401, 404, 408, 409, 413, 415, 422, 429, 503)


def problems(statuses: Iterable[int]) -> dict[int | str, Described]:
    """Describe the problems a route may answer with."""
    return {status: _problem(status) for status in statuses}


def json_body(model: type[BaseModel]) -> Described:
    """Describe the body a route reads by itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _reference(model)}}}}


def json_or_form_body(model: type[BaseModel], form: type[BaseModel], structures: Iterable[str]) -> Described:
    """Describe a body that may also come as a form with a file, whose `structures` are fields of JSON."""
    described = json_body(model)
    described["requestBody"]["content"][FORM] = {
        "schema": _reference(form),
        "encoding": {name: {"contentType": "application/json"} for name in sorted(structures)},
    }
    return described


def form_body(form: type[BaseModel]) -> Described:
    """Describe a body that comes as a form with a file."""
    return {"requestBody": {"required": True, "content": {FORM: {"schema": _reference(form)}}}}


def describe_with_schemas(app: FastAPI) -> None:
    """Complete the description that the app serves."""

    def described() -> Described:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    # FastAPI documents this way of replacing the generator; the type checker sees a method being assigned.
    app.openapi = described  # type: ignore[method-assign]


def _reference(model: type[BaseModel]) -> Described:
    _documented[model.__name__] = model
    return {"$ref": _REF.format(model=model.__name__)}


def _problem(status: int) -> Described:
    model = ValidationProblem if status == 422 else Problem
    reference = {"$ref": _REF.format(model=model.__name__)}
    return {"description": _MEANING[status], "content": {MEDIA_TYPE: {"schema": reference}}}


def _describe(app: FastAPI) -> Described:
    document = get_openapi(title=app.title, version=app.version, summary=SUMMARY, routes=app.routes)
    _, definitions = models_json_schema(
        [(model, "validation") for model in _documented.values()], ref_template=_REF
    )
    document["tags"] = [{"name": each} for each in _CHAPTERS]
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(definitions["$defs"])
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "gat_…"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _mend(operation, asks_token=path.startswith("/api/v1/") and "/webhooks/" not in path)
    for unused in _FASTAPIS_OWN:
        components["schemas"].pop(unused, None)
    return document


def _mend(operation: Described, *, asks_token: bool) -> None:
    if asks_token:
        operation["security"] = [{"token": []}]
    # FastAPI adds it, in a form that is not ours, wherever there is a parameter; no opaque id is malformed.
    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
        del operation["responses"]["422"]


def serve_docs(app: FastAPI) -> None:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=app.title,
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )

    async def docs() -> HTMLResponse:
        return page

    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    for name, media_type in _ASSETS.items():
        _serve_asset(app, name, media_type)


def _serve_asset(app: FastAPI, name: str, media_type: str) -> None:
    path = _path_of(name)

    async def asset() -> Response:
        return FileResponse(path, media_type=media_type)

    app.add_api_route(f"/docs/{name}", asset, methods=["GET"], include_in_schema=False)


def _path_of(name: str) -> Path:
    with as_file(files(_PACKAGE) / "static" / name) as path:
        return path
