"""The browsable API description; every asset comes from this server, for many sites have no way out."""

from importlib.resources import as_file, files
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse, Response

_PACKAGE = "fastapi_offline"
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def serve_docs(app: FastAPI) -> None:
    """Add /docs and its assets."""
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
