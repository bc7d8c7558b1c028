"""Composition root of the API: settings → database, Temporal, webhook words → parts → app.

`uvicorn --factory api.app:from_environment`; tests build the app from fakes with `create_app`.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.assembly import assemble, create_app, install
from api.parts import ApiParts
from api.relay_loop import keep_relaying
from api.rescheduling import Rescheduler
from api.start_reconciler import keep_starting
from api.temporal_gateway import TemporalGateway
from api.webhook_door import WebhookDoor
from domain.ports import BatchEngine
from domain.watchdog import CALL_GRACE
from logs import configure_logs
from provider_choice import status_words, warn_of_unsigned_webhooks
from settings import Settings, inherited_environment, read_settings
from store.batches import PostgresBatchStore
from store.calls import PostgresCallStore
from store.campaigns import PostgresCampaignStore
from store.clock import running_clock
from store.contacts import PostgresContactStore
from store.diagnostics import PostgresDiagnosticsStore
from store.engine import create_store_engine, ping
from store.export import PostgresExportStore
from store.idempotency import PostgresIdempotencyStore
from store.identity import mint
from store.rescheduling import PostgresRescheduleStore
from store.routes import PostgresRouteStore
from store.suppressions import PostgresSuppressionStore
from store.tokens import PostgresTokenStore
from telephony import signature
from telephony.webhook import webhook_translator
from temporal_client import connect, connect_config
from temporal_logs import forward_sdk_logs

__all__ = ["build_production_app", "create_app", "from_environment"]

CONNECTIONS = 20


def from_environment() -> FastAPI:
    """Return the app that the environment describes."""
    settings = read_settings()
    configure_logs(settings.log_level, process="api", as_json=settings.log_format == "json")
    forward_sdk_logs()
    warn_of_unsigned_webhooks(settings)
    try:
        connect_config(settings, inherited_environment())
    except ValueError as error:
        # Said here in one line, and not with a stack trace by the lifespan.
        sys.exit(str(error))
    app = build_production_app(settings)
    _spare_what_stays()
    return app


def build_production_app(settings: Settings) -> FastAPI:
    """Return the app; its lifespan opens and closes what it works with.

    It starts while the database or Temporal is down, for reads and /readyz are there to say so.
    """
    database_url = settings.required_database_url

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            database = create_store_engine(database_url, pool_size=CONNECTIONS)
            stack.push_async_callback(database.dispose)
            client = await connect(settings, lazy=True)
            clock = await stack.enter_async_context(running_clock(database))
            parts = production_parts(settings, database, TemporalGateway(client), clock)
            install(app, parts)
            await stack.enter_async_context(_in_background(app, parts))
            yield

    return assemble(lifespan)


def production_parts(
    settings: Settings, database: AsyncEngine, engine: BatchEngine, clock: Callable[[], datetime]
) -> ApiParts:
    """Return the real parts over an open database and engine."""
    return ApiParts(
        campaigns=PostgresCampaignStore(database, mint),
        batches=PostgresBatchStore(database, mint),
        contacts=PostgresContactStore(database),
        calls=PostgresCallStore(database, mint),
        routes=PostgresRouteStore(database),
        suppressions=PostgresSuppressionStore(database, mint),
        reschedules=PostgresRescheduleStore(database),
        diagnostics=PostgresDiagnosticsStore(database),
        export=PostgresExportStore(database),
        tokens=PostgresTokenStore(database, mint),
        idempotency=PostgresIdempotencyStore(database),
        engine=engine,
        translate_webhook=webhook_translator(status_words(settings)),
        verify_signature=WebhookDoor(
            secrets=settings.webhook_secrets,
            unsigned_allowed=settings.webhook_allow_unsigned,
            local_unsigned_allowed=settings.unsigned_webhooks_allowed,
            is_signed=signature.verify,
        ),
        ping_database=partial(ping, database),
        clock=clock,
        rate_limit_per_minute=settings.rate_limit_per_minute,
        quiet_after_unknown=settings.ring_timeout + settings.max_call + CALL_GRACE,
    )


@asynccontextmanager
async def _in_background(app: FastAPI, parts: ApiParts) -> AsyncIterator[None]:
    relaying = keep_relaying(parts, app.state.telemetry, app.state.direct_delivery)
    tasks = [
        asyncio.create_task(keep_starting(parts), name="start reconciler"),
        asyncio.create_task(relaying, name="relay"),
        asyncio.create_task(Rescheduler(parts).keep_following(), name="rescheduler"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _spare_what_stays() -> None:
    """Have the garbage collector pass over what was loaded: to search it would hold up every request."""
    gc.collect()
    gc.freeze()
