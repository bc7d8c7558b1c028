"""The console as a service of its own: its pages, its session, and the API it speaks to."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from settings import Settings
from web.guard import Guard
from web.overview import overview
from web.pages import Pages
from web.sessions import Sessions
from web.shared_reads import SharedReads
from web.sign_in import choose_theme, show_sign_in, sign_in, sign_out
from web.visit import Web, page_of

STATIC = Path(__file__).parent / "static"
CONNECTIONS = httpx.Limits(max_connections=50, max_keepalive_connections=20)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the console finds what it shows, and how it is reached itself."""

    api_url: str
    temporal_ui_url: str | None = None
    temporal_namespace: str = "default"
    over_https: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Surroundings":
        """Take them from the settings."""
        return cls(
            api_url=settings.console_api_url,
            temporal_ui_url=settings.console_temporal_ui_url,
            temporal_namespace=settings.temporal_namespace,
            over_https=settings.web_over_https,
        )


def create_app(around: Surroundings, transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """Return the console; `transport` takes the network's place."""
    client = httpx.AsyncClient(
        base_url=around.api_url,
        transport=transport,
        limits=CONNECTIONS,
        trust_env=False,
        follow_redirects=False,
    )
    sessions = Sessions()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            sessions.end_all()
            await client.aclose()

    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, over_https=around.over_https)],
        exception_handlers={HTTPException: _wrong_address},
        lifespan=lifespan,
    )
    app.state.web = Web(
        pages=Pages(),
        sessions=sessions,
        client=client,
        shared=SharedReads(),
        temporal_ui_url=around.temporal_ui_url,
        temporal_namespace=around.temporal_namespace,
        over_https=around.over_https,
    )
    return app


def serve(settings: Settings) -> None:
    """Listen until this process is told to stop."""
    # Neither line of the access log nor of httpx' own: addresses hold ids, and some of the API's a number.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvicorn.run(
        create_app(Surroundings.of(settings)),
        host=settings.web_host,
        port=settings.web_port,
        access_log=False,
        log_level="warning",
        server_header=False,
    )


def _routes() -> list[Route | Mount]:
    return [
        Route("/", overview),
        Route("/sign-in", show_sign_in, methods=["GET"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/theme", choose_theme, methods=["POST"]),
        Route("/healthz", _healthy),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _wrong_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return page_of(request, "lost.html", status, found=status != HTTPStatus.NOT_FOUND)
