"""The console as a service of its own: its pages, its session, and the API it speaks to."""

import asyncio
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
from web.batch import act, batch, contacts, export
from web.campaign import act as act_on_campaign
from web.campaign import campaign, campaigns, change, create, new_campaign
from web.campaign import delete as delete_campaign
from web.contact import contact, erase, follow_up, skip
from web.following import follow
from web.guard import Guard
from web.lists import append, delete, requeue
from web.new_batch import check, keep_file, new_batch, start
from web.overview import overview
from web.pages import Pages
from web.sessions import Sessions
from web.shared_reads import SharedReads
from web.sign_in import choose_theme, show_sign_in, sign_in, sign_out
from web.suppressions import add, look_up, remove, suppressions
from web.visit import Web, page_of

STATIC = Path(__file__).parent / "static"
CONNECTIONS = httpx.Limits(max_connections=50, max_keepalive_connections=20)
MOST_FOLLOWERS = 200
"""Pages that follow a batch at once; others ask every few seconds."""


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
    client = _client(around, transport, CONNECTIONS)
    following = _client(around, transport, httpx.Limits(max_connections=MOST_FOLLOWERS))
    sessions = Sessions()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            sessions.end_all()
            await client.aclose()
            await following.aclose()

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
        followers_client=following,
        followers=asyncio.Semaphore(MOST_FOLLOWERS),
        shared=SharedReads(),
        temporal_ui_url=around.temporal_ui_url,
        temporal_namespace=around.temporal_namespace,
        over_https=around.over_https,
    )
    return app


def _client(
    around: Surroundings, transport: httpx.AsyncBaseTransport | None, limits: httpx.Limits
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=around.api_url,
        transport=transport,
        limits=limits,
        trust_env=False,
        follow_redirects=False,
    )


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
        Route("/batches/new", new_batch, methods=["GET"]),
        Route("/batches/new", keep_file, methods=["POST"]),
        Route("/batches/new/check", check),
        Route("/batches/new/start", start, methods=["POST"]),
        Route("/batches/{batch_id}", batch),
        Route("/batches/{batch_id}/act/{verb}", act, methods=["POST"]),
        Route("/batches/{batch_id}/events", follow),
        Route("/batches/{batch_id}/append", append, methods=["POST"]),
        Route("/batches/{batch_id}/requeue", requeue, methods=["POST"]),
        Route("/batches/{batch_id}/delete", delete, methods=["POST"]),
        Route("/batches/{batch_id}/export.csv", export),
        Route("/batches/{batch_id}/contacts", contacts),
        Route("/batches/{batch_id}/contacts/{contact_id}", contact),
        Route("/batches/{batch_id}/contacts/{contact_id}/skip", skip, methods=["POST"]),
        Route("/batches/{batch_id}/contacts/{contact_id}/follow-up", follow_up, methods=["POST"]),
        Route("/batches/{batch_id}/contacts/{contact_id}/erase", erase, methods=["POST"]),
        Route("/campaigns", campaigns),
        Route("/campaigns/new", new_campaign, methods=["GET"]),
        Route("/campaigns/new", create, methods=["POST"]),
        Route("/campaigns/{campaign_id}", campaign, methods=["GET"]),
        Route("/campaigns/{campaign_id}", change, methods=["POST"]),
        Route("/campaigns/{campaign_id}/act/{verb}", act_on_campaign, methods=["POST"]),
        Route("/campaigns/{campaign_id}/delete", delete_campaign, methods=["POST"]),
        Route("/suppressions", suppressions, methods=["GET"]),
        Route("/suppressions", add, methods=["POST"]),
        Route("/suppressions/look-up", look_up, methods=["POST"]),
        Route("/suppressions/{suppression_id}/remove", remove, methods=["POST"]),
        Route("/healthz", _healthy),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _wrong_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return page_of(request, "lost.html", status, found=status != HTTPStatus.NOT_FOUND)
