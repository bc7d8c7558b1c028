"""Composition root of the worker: settings → clients → stores and provider → activities → workers."""

import asyncio
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TypedDict

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from activities.batches import BatchActivities
from activities.calls import CallActivities, CallLimits
from activities.campaign_rate import CampaignRateLimiter
from activities.contacts import ContactActivities
from activities.deliveries import DeliveryActivities
from activities.hang_ups import HangUpActivities
from activities.housekeeping import HousekeepingActivities
from activities.interceptors import AttemptLogInterceptor, HeartbeatInterceptor, LogContextInterceptor
from activities.number_zones import NumberZoneActivities
from activities.provider_circuit import ProviderCircuit
from activities.rescheduled import RescheduledActivities
from activities.retention import RetentionActivities
from activities.slots import SlotActivities
from activities.webhooks import WebhookActivities, WebhookParts
from api.diagnosis.answer import debug_answer
from api.diagnosis.reading import read_batch
from api.webhook_endpoints.bodies import body_of
from domain.identity import BatchId, MintId, OrganizationId
from domain.ports import (
    BatchEngine,
    BatchStore,
    CallStore,
    CircuitStore,
    ContactStore,
    DiagnosticsStore,
    TelephonyProvider,
    WebhookSender,
)
from domain.wall_clock import rules_version
from embedded.purge import retention_parts
from observability.logging import configure_logs, warn_of_short_secrets
from observability.metrics_port import served_metrics
from observability.tracing import Tracing, open_tracing
from observability.worker_metrics import WorkerTelemetry
from receivers.client import open_receivers
from settings import ProviderName, Settings, inherited_environment, read_settings
from store.batches.repository import PostgresBatchStore
from store.calls.circuits import PostgresCircuitStore
from store.calls.dial_reservations import PostgresDialReservationStore
from store.calls.endings import PostgresEndingStore
from store.calls.repository import PostgresCallStore
from store.contacts.number_zones import PostgresNumberZoneStore
from store.contacts.repository import PostgresContactStore
from store.contacts.rescheduling import PostgresRescheduleStore
from store.database.clock import running_clock
from store.database.connection import Timeouts
from store.database.engine import connections_in_use, create_store_engine
from store.database.ids import mint
from store.diagnostics.repository import PostgresDiagnosticsStore
from store.dispositions.repository import PostgresDispositionStore
from store.slots.repository import PostgresSlotStore
from store.suppressions.repository import PostgresSuppressionStore
from store.webhooks.outbox import PostgresWebhookOutbox
from store.webhooks.queue import PostgresWebhookQueue
from telephony.jambonz.settings import REMEMBERED
from telephony.registry import open_provider
from telephony.settings import TelephonySettings
from temporal.batch_workflows import BatchWorkflows
from temporal.builds import deployment
from temporal.client import connect
from temporal.contact_workflows import ContactWorkflows
from temporal.housekeeping import start_housekeeping
from temporal.process_exit import leave
from temporal.sdk_logging import forward_sdk_logs
from temporal.sdk_metrics import measure_sdk
from temporal.search_attributes import require_search_attributes
from workflows import names
from workflows.batch.workflow import BatchWorkflow
from workflows.contact.workflow import ContactWorkflow
from workflows.housekeeping.moving import MovingHousekeeping
from workflows.housekeeping.workflow import HousekeepingWorkflow
from workflows.interceptors import OneArgumentInterceptor
from workflows.options import DIAL

CONNECTIONS = 20
GRACE = DIAL["start_to_close_timeout"]
"""As long as any dial may take, so that a worker that is stopped keeps the provider's answer."""
STICKY_PATIENCE = timedelta(seconds=3)
"""How long a workflow waits for the worker that knows it, before any worker takes it."""


Clock = Callable[[], datetime]
OpenProvider = Callable[[TelephonySettings, str], AbstractAsyncContextManager[TelephonyProvider]]


class Role(StrEnum):
    """What one worker process serves."""

    ALL = "all"
    CONTROL = "control"
    CONTACT = "contact"
    DIAL = "dial"
    STORE = "store"


@dataclass(frozen=True, kw_only=True)
class DialPorts:
    """Where a dial is written down, and who is asked for it; another root may choose others."""

    call_store: Callable[[AsyncEngine, MintId], CallStore] = PostgresCallStore
    provider: OpenProvider = open_provider


@dataclass(frozen=True, kw_only=True)
class WorkerResources:
    """What the workers of one process work with."""

    client: Client
    database: AsyncEngine
    calls: CallStore
    provider: TelephonyProvider
    receivers: WebhookSender
    telemetry: WorkerTelemetry
    clock: Clock


@dataclass(frozen=True, kw_only=True)
class DiagnosisSources:
    """Who is asked why a batch does not dial."""

    batches: BatchStore
    contacts: ContactStore
    diagnostics: DiagnosticsStore
    routes: CircuitStore
    engine: BatchEngine
    clock: Clock

    async def diagnosis(
        self, organization_id: OrganizationId, batch_id: BatchId, now: datetime
    ) -> tuple[str, str]:
        """Return a batch's diagnosis and its tip, as the API answers them. Raises BatchNotFound."""
        answer = debug_answer(await read_batch(self, organization_id, batch_id, now), now)
        return answer.diagnosis, answer.diagnostics.tip


class WorkflowOptions(TypedDict):
    """The part of a worker's options that all workflows share."""

    workflow_runner: WorkflowRunner
    interceptors: Sequence[Interceptor]
    max_concurrent_workflow_tasks: int
    sticky_queue_schedule_to_start_timeout: timedelta
    graceful_shutdown_timeout: timedelta


class ActivityOptions(TypedDict):
    """The part of a worker's options that all activities share."""

    interceptors: Sequence[Interceptor]
    max_heartbeat_throttle_interval: timedelta
    graceful_shutdown_timeout: timedelta


def call_limits(settings: Settings) -> CallLimits:
    """Return the limits a call is held to."""
    return CallLimits(
        ring_timeout=settings.ring_timeout, max_call=settings.max_call, silence=settings.webhook_silence
    )


def workflow_options() -> WorkflowOptions:
    """Return how workflows are run: without the sandbox, whose cost tests pay and calls do not."""
    return WorkflowOptions(
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[OneArgumentInterceptor(), LogContextInterceptor()],
        max_concurrent_workflow_tasks=20,
        sticky_queue_schedule_to_start_timeout=STICKY_PATIENCE,
        graceful_shutdown_timeout=GRACE,
    )


def activity_options() -> ActivityOptions:
    """Return how activities are run."""
    return ActivityOptions(
        interceptors=[LogContextInterceptor(), AttemptLogInterceptor(), HeartbeatInterceptor()],
        # Each beat is sent: held back for most of its timeout, one that is late would look like a death.
        max_heartbeat_throttle_interval=timedelta(milliseconds=500),
        graceful_shutdown_timeout=GRACE,
    )


def build_workers(role: Role, resources: WorkerResources, settings: Settings) -> Iterator[Worker]:
    """Yield the workers of a role, one per task queue."""
    client, calls, clock = resources.client, resources.calls, resources.clock
    contacts, batches = PostgresContactStore(resources.database), PostgresBatchStore(resources.database, mint)
    of_batch, directory, limits = BatchWorkflows(client), ContactWorkflows(client), call_limits(settings)
    of_batches = BatchActivities(batches, clock)
    build = deployment(settings.worker_build_id)
    of_rescheduled = RescheduledActivities(
        PostgresRescheduleStore(resources.database),
        batches,
        directory,
        limits=limits,
        clock=clock,
    )
    of_slots = SlotActivities(PostgresSlotStore(resources.database), directory, clock)
    of_contacts = ContactActivities(
        contacts,
        calls,
        suppressions=PostgresSuppressionStore(resources.database, mint),
        reports=of_batch,
        directory=directory,
        metrics=resources.telemetry,
        limits=limits,
        clock=clock,
    )
    if role in (Role.ALL, Role.CONTROL):
        yield Worker(
            client,
            task_queue=names.CONTROL_QUEUE,
            workflows=[BatchWorkflow, MovingHousekeeping if build else HousekeepingWorkflow],
            deployment_config=build,
            activities=of_slots.local,
            **workflow_options(),
        )
    if role in (Role.ALL, Role.CONTACT):
        yield Worker(
            client,
            task_queue=names.CONTACT_QUEUE,
            workflows=[ContactWorkflow],
            deployment_config=build,
            activities=of_contacts.local,
            **workflow_options(),
        )
    if role in (Role.ALL, Role.DIAL):
        yield _dial_worker(resources, limits)
    if role in (Role.ALL, Role.STORE):
        stored = [*of_batches.all, *of_contacts.all, *of_rescheduled.all, *of_slots.all]
        activities = [*stored, *_housekeeping(resources, settings)]
        yield Worker(client, task_queue=names.STORE_QUEUE, activities=activities, **activity_options())


def _dial_worker(resources: WorkerResources, limits: CallLimits) -> Worker:
    """Return the worker whose activities reach the provider, all through one circuit."""
    calls, provider, clock = resources.calls, resources.provider, resources.clock
    circuit = ProviderCircuit(provider, PostgresCircuitStore(resources.database), calls, clock)
    rate_limiter = CampaignRateLimiter(PostgresDialReservationStore(resources.database), clock=clock)
    resources.telemetry.watch_circuit(provider.name, lambda: circuit.state)
    dialling = CallActivities(
        provider,
        calls,
        circuit=circuit,
        rate_limiter=rate_limiter,
        metrics=resources.telemetry,
        limits=limits,
        clock=clock,
    )
    hanging_up = HangUpActivities(provider, PostgresContactStore(resources.database), calls)
    activities = [*dialling.all, *hanging_up.all]
    return Worker(resources.client, task_queue=names.DIAL_QUEUE, activities=activities, **activity_options())


def _housekeeping(resources: WorkerResources, settings: Settings) -> Sequence[Callable[..., object]]:
    database, clock, client = resources.database, resources.clock, resources.client
    engine, reschedules = BatchWorkflows(client), PostgresRescheduleStore(database)
    housekeeping = HousekeepingActivities(PostgresBatchStore(database, mint), reschedules, engine, clock)
    contacts = ContactWorkflows(client, is_new_worker=True)
    delivering = DeliveryActivities(PostgresEndingStore(database), contacts, engine, clock)
    webhooks = WebhookActivities(_webhook_parts(resources))
    retention = RetentionActivities(retention_parts(database, clock, settings, body_of))
    zones = NumberZoneActivities(PostgresNumberZoneStore(database), engine)
    return [*housekeeping.all, *delivering.all, *webhooks.all, *retention.all, *zones.all]


def _webhook_parts(resources: WorkerResources) -> WebhookParts:
    database, clock = resources.database, resources.clock
    sources = DiagnosisSources(
        batches=PostgresBatchStore(database, mint),
        contacts=PostgresContactStore(database),
        diagnostics=PostgresDiagnosticsStore(database),
        routes=PostgresCircuitStore(database),
        engine=BatchWorkflows(resources.client),
        clock=clock,
    )
    return WebhookParts(
        outbox=PostgresWebhookOutbox(database),
        queue=PostgresWebhookQueue(database),
        sender=resources.receivers,
        write_body=body_of,
        read_diagnosis=sources.diagnosis,
        clock=clock,
    )


async def serve(
    role: Role,
    settings: Settings,
    ports: DialPorts = DialPorts(),
    telemetry: WorkerTelemetry | None = None,
    tracing: Tracing | None = None,
) -> None:
    """Work until SIGTERM or Ctrl-C; what is measured goes into `telemetry`, and spans into `tracing`."""
    telemetry = telemetry or WorkerTelemetry()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = structlog.get_logger()
    async with AsyncExitStack() as stack:
        timeouts = Timeouts(
            statement=settings.worker_statement_timeout_seconds,
            lock=settings.lock_timeout_seconds,
            idle_in_transaction=settings.idle_transaction_timeout_seconds,
        )
        url, key = settings.required_database_url, settings.number_hash_key
        database = create_store_engine(url, pool_size=CONNECTIONS, timeouts=timeouts, number_key=key)
        stack.push_async_callback(database.dispose)
        telemetry.pools.watch("worker", partial(connections_in_use, database), CONNECTIONS)
        if settings.worker_metrics_port:
            port = settings.worker_metrics_host, settings.worker_metrics_port
            dispositions = PostgresDispositionStore(database, mint)
            await stack.enter_async_context(served_metrics(telemetry, dispositions, port))
        clock = await stack.enter_async_context(running_clock(database))
        provider = await stack.enter_async_context(ports.provider(settings, settings.status_callback_url))
        receivers = await stack.enter_async_context(open_receivers(settings.receivers_networks))
        resources = WorkerResources(
            client=await connect(settings, tracer=None if tracing is None else tracing.tracer),
            database=database,
            calls=ports.call_store(database, mint),
            provider=provider,
            receivers=receivers,
            telemetry=telemetry,
            clock=clock,
        )
        await require_search_attributes(resources.client)
        await start_housekeeping(resources.client)
        workers = [await stack.enter_async_context(each) for each in build_workers(role, resources, settings)]
        log.info("worker is ready", role=role)
        await stop.wait()
        log.info("worker is stopping", role=role)
        # All at once: one after the other, each could use up the grace that only one has.
        await asyncio.gather(*(each.shutdown() for each in workers))


def dial_ports(tracing: Tracing | None) -> DialPorts:
    """Return the ports of a worker, whose requests to the provider are traced where anything is."""
    if tracing is None:
        return DialPorts()
    return DialPorts(provider=partial(open_provider, trace=tracing.provider_request))


def warn_of_choice(settings: Settings) -> None:
    """Log what will go wrong with a choice that is allowed."""
    if settings.provider is not ProviderName.JAMBONZ:
        return
    log = structlog.get_logger()
    if settings.max_call > REMEMBERED:
        log.warning(
            "Jambonz forgets a call an hour after its answer: keep APOLLO_MAX_CALL_SECONDS at 3000 or below",
            max_call_seconds=settings.max_call_seconds,
        )
    if settings.posts_statuses_to_loopback:
        log.warning("Jambonz posts statuses to loopback: set APOLLO_WEBHOOK_URL to where it reaches the API")


def main() -> None:
    """Run `python worker.py [--role ROLE]`."""
    parser = ArgumentParser(description="Apollo's worker: runs workflows and activities.")
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.ALL)
    arguments = parser.parse_args()
    settings = read_settings()
    configure_logs(settings.log_level, process="worker", as_json=settings.log_format == "json")
    telemetry = WorkerTelemetry()
    if settings.worker_metrics_port:
        telemetry.registry.register(measure_sdk())
    else:
        forward_sdk_logs()
    tracing = open_tracing("worker", inherited_environment())
    structlog.get_logger().info("worker is starting", role=arguments.role, time_zones=rules_version())
    warn_of_choice(settings)
    warn_of_short_secrets(settings.short_secrets)
    try:
        asyncio.run(serve(arguments.role, settings, dial_ports(tracing), telemetry, tracing))
    except ValueError as error:
        sys.exit(str(error))
    if tracing is not None:
        tracing.close()
    leave(0)


if __name__ == "__main__":
    main()
