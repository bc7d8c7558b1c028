"""Composition root of the API: settings → database, Temporal, webhook words → parts → app.

`uvicorn --factory api.app:from_environment`; tests build the app from fakes with `create_app`.
"""

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.assembly import assemble, create_app, install
from api.batches.forecasting import in_a_process
from api.http.dependencies import ApiDependencies
from api.http.webhook_authenticator import WebhookAuthenticator
from api.webhook_endpoints.bodies import body_of
from domain.ports import BatchEngine
from domain.wall_clock import rules_version
from domain.watchdog import quiet_after_unknown
from observability.logging import configure_logs, warn_of_short_secrets
from observability.metrics import Telemetry
from observability.tracing import Tracing, open_tracing
from settings import ProviderName, Settings, inherited_environment, read_settings
from store.access.idempotency import PostgresIdempotencyStore
from store.access.tokens import PostgresTokenStore
from store.audit.log import PostgresAuditLog
from store.audit.recording import act_as
from store.batches.export import PostgresExportStore
from store.batches.repository import PostgresBatchStore
from store.calls.circuits import PostgresCircuitStore
from store.calls.endings import PostgresEndingStore
from store.calls.executions import PostgresExecutionStore
from store.calls.repository import PostgresCallStore
from store.campaigns.repository import PostgresCampaignStore
from store.contacts.repository import PostgresContactStore
from store.contacts.rescheduling import PostgresRescheduleStore
from store.database.clock import running_clock
from store.database.connection import Timeouts
from store.database.engine import connections_in_use, create_store_engine, ping
from store.database.ids import mint
from store.database.tenancy import work_for
from store.diagnostics.repository import PostgresDiagnosticsStore
from store.dispositions.repository import PostgresDispositionStore
from store.erasures.repository import PostgresErasureStore
from store.forecasts.repository import PostgresForecastStore
from store.slots.workload import PostgresWorkloadStore
from store.suppressions.repository import PostgresSuppressionStore
from store.webhooks.deliveries import PostgresWebhookDeliveryStore
from store.webhooks.endpoints import PostgresWebhookEndpointStore
from telephony import signature
from telephony.webhook import webhook_translator
from temporal.batch_workflows import BatchWorkflows
from temporal.client import connect, connect_config
from temporal.sdk_logging import forward_sdk_logs

__all__ = ["build_production_app", "create_app", "from_environment"]

CONNECTIONS = 15
CONNECTIONS_PER_TENANT = 10
"""Of an organization at once, whatever its requests wait for; the others keep the rest."""
WEBHOOK_CONNECTIONS = 5


def from_environment() -> FastAPI:
    """Return the app that the environment describes."""
    settings = read_settings()
    configure_logs(settings.log_level, process="api", as_json=settings.log_format == "json")
    forward_sdk_logs()
    structlog.get_logger().info("API is starting", time_zones=rules_version())
    warn_of_unsigned_webhooks(settings)
    warn_of_short_secrets(settings.short_secrets)
    try:
        connect_config(settings, inherited_environment())
    except ValueError as error:
        # Said here in one line, and not with a stack trace by the lifespan.
        sys.exit(str(error))
    app = build_production_app(settings, open_tracing("api", inherited_environment()))
    _freeze_gc()
    return app


def warn_of_unsigned_webhooks(settings: Settings) -> None:
    """Log when anybody who reaches the API could report how Jambonz' calls went."""
    if settings.provider is ProviderName.JAMBONZ and not settings.webhook_secrets:
        structlog.get_logger().warning(
            "Jambonz' webhooks cannot be verified: set APOLLO_WEBHOOK_SECRET to its webhook secret"
        )


def build_production_app(settings: Settings, tracing: Tracing | None = None) -> FastAPI:
    """Return the app; its lifespan opens and closes what it works with.

    It starts while the database or Temporal is down, for reads and /readyz are there to say so.
    """
    database_url = settings.required_database_url
    tracer = None if tracing is None else tracing.tracer

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            timeouts = _timeouts(settings)
            database = create_store_engine(
                database_url,
                pool_size=CONNECTIONS,
                timeouts=timeouts,
                connections_per_tenant=CONNECTIONS_PER_TENANT,
                number_key=settings.number_hash_key,
            )
            stack.push_async_callback(database.dispose)
            # Of its own, so that events are taken in whatever clients do with the other connections.
            of_webhooks = create_store_engine(
                database_url,
                pool_size=WEBHOOK_CONNECTIONS,
                timeouts=timeouts,
                number_key=settings.number_hash_key,
            )
            stack.push_async_callback(of_webhooks.dispose)
            telemetry: Telemetry = app.state.telemetry
            telemetry.pools.watch("requests", partial(connections_in_use, database), CONNECTIONS)
            telemetry.pools.watch("webhooks", partial(connections_in_use, of_webhooks), WEBHOOK_CONNECTIONS)
            clock = await stack.enter_async_context(running_clock(of_webhooks))
            batches = BatchWorkflows(await connect(settings, lazy=True, tracer=tracer))
            dependencies = production_dependencies(settings, database, batches, clock)
            webhook_dependencies = production_dependencies(settings, of_webhooks, batches, clock)
            install(app, dependencies, webhook_dependencies)
            yield

    return assemble(lifespan, tracer)


def production_dependencies(
    settings: Settings, database: AsyncEngine, engine: BatchEngine, clock: Callable[[], datetime]
) -> ApiDependencies:
    """Return the real parts over an open database and engine."""
    return ApiDependencies(
        campaigns=PostgresCampaignStore(database, mint),
        batches=PostgresBatchStore(database, mint),
        contacts=PostgresContactStore(database),
        calls=PostgresCallStore(database, mint),
        executions=PostgresExecutionStore(database),
        dispositions=PostgresDispositionStore(database, mint),
        routes=PostgresCircuitStore(database),
        endings=PostgresEndingStore(database),
        suppressions=PostgresSuppressionStore(database, mint),
        erasures=PostgresErasureStore(database, mint, body_of),
        reschedules=PostgresRescheduleStore(database),
        diagnostics=PostgresDiagnosticsStore(database),
        export=PostgresExportStore(database),
        forecasts=PostgresForecastStore(database),
        workload=PostgresWorkloadStore(database),
        tokens=PostgresTokenStore(database, mint),
        audit_log=PostgresAuditLog(database),
        idempotency=PostgresIdempotencyStore(database),
        webhook_endpoints=PostgresWebhookEndpointStore(database, mint),
        webhook_deliveries=PostgresWebhookDeliveryStore(database),
        engine=engine,
        translate_webhook=webhook_translator(settings.rotary.status_words),
        webhook_authenticator=WebhookAuthenticator(
            secrets=settings.webhook_secrets,
            unsigned_allowed=settings.webhook_allow_unsigned,
            local_unsigned_allowed=settings.unsigned_webhooks_allowed,
            is_signed=signature.verify,
            can_be_signed=signature.can_verify,
        ),
        ping_database=partial(ping, database),
        clock=clock,
        forecast=in_a_process,
        quiet_after_unknown=quiet_after_unknown(settings.ring_timeout, settings.max_call),
        rate_limit_per_minute=settings.rate_limit_per_minute,
        can_speak_for=settings.can_speak_for,
        requests_per_token=settings.concurrent_requests_per_token,
        failed_tokens_per_minute=settings.failed_tokens_per_minute,
        work_for=work_for,
        act_as=act_as,
    )


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        statement=settings.api_statement_timeout_seconds,
        lock=settings.lock_timeout_seconds,
        idle_in_transaction=settings.idle_transaction_timeout_seconds,
    )


def _freeze_gc() -> None:
    """Have the garbage collector pass over what was loaded: to search it would hold up every request."""
    gc.collect()
    gc.freeze()
