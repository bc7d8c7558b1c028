"""The API put together from its dependencies; nothing here opens a connection."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import TYPE_CHECKING

from anyio import CapacityLimiter
from fastapi import FastAPI

from api.audit import routes as audit
from api.batches import routes as batches
from api.batches.previewing import forecast_places
from api.campaigns import routes as campaigns
from api.contacts import routes as contacts
from api.diagnosis import routes as diagnosis
from api.erasures import routes as erasures
from api.executions import routes as executions
from api.export import routes as export
from api.followers import routes as followers
from api.followers.feed import Feeds
from api.health import routes as health
from api.http.body import BodyBytes
from api.http.dependencies import ApiDependencies
from api.http.early_answers import EarlyAnswers
from api.http.failed_tokens import FailedTokens
from api.http.middleware import HeadRequests, RequestMiddleware
from api.http.openapi import describe_with_schemas, serve_docs
from api.http.problems import speak_problems
from api.http.rate_limit import RateLimit, RequestPlaces
from api.http.tracing import TracedRequests
from api.http.uploads import UploadPlaces
from api.presets import routes as presets
from api.suppressions import routes as suppressions
from api.tokens import routes as tokens
from api.webhook_endpoints import deliveries as webhook_deliveries
from api.webhook_endpoints import routes as webhook_endpoints
from api.webhooks import routes as webhooks
from observability.metrics import Telemetry

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

# Every request is compared with one route after the other: the busiest come first.
ROUTERS = (
    webhooks.router,
    executions.router,
    batches.router,
    batches.of_campaign,
    campaigns.router,
    contacts.router,
    export.router,
    diagnosis.router,
    followers.router,
    suppressions.router,
    erasures.router,
    tokens.router,
    presets.router,
    webhook_endpoints.router,
    webhook_deliveries.router,
    audit.router,
    health.router,
)

_UPLOADS_READ_AT_ONCE = 2
"""Each takes a processor for seconds and holds up to 100,000 contacts."""


def create_app(dependencies: ApiDependencies) -> FastAPI:
    """Return the API over these dependencies."""
    app = assemble(None)
    install(app, dependencies)
    return app


def assemble(lifespan: Lifespan | None, tracer: "Tracer | None" = None) -> FastAPI:
    """Return the API without dependencies; `lifespan` installs them before the first request."""
    telemetry = Telemetry()
    app = FastAPI(
        title="Apollo",
        version=version("apollo"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.telemetry = telemetry
    # The last one added is the outermost.
    app.add_middleware(RequestMiddleware, telemetry=telemetry)
    app.add_middleware(HeadRequests)
    app.add_middleware(EarlyAnswers)
    if tracer is not None:
        app.add_middleware(TracedRequests, tracer=tracer)
    speak_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    serve_docs(app)
    describe_with_schemas(app)
    return app


def install(
    app: FastAPI, dependencies: ApiDependencies, webhook_dependencies: ApiDependencies | None = None
) -> None:
    """Give the app what it works with; its webhooks may have dependencies of their own."""
    app.state.dependencies = dependencies
    app.state.webhook_dependencies = webhook_dependencies or dependencies
    app.state.reading_places = CapacityLimiter(_UPLOADS_READ_AT_ONCE)
    app.state.upload_places = UploadPlaces()
    app.state.feeds = Feeds()
    app.state.forecast_places = forecast_places()
    app.state.body_bytes = BodyBytes()
    app.state.request_places = RequestPlaces(dependencies.requests_per_token)
    app.state.failed_tokens = FailedTokens(dependencies.failed_tokens_per_minute)
    app.state.rate_limit = RateLimit(dependencies.rate_limit_per_minute)
