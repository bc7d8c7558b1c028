"""What the API works with: ports and a few settings, handed in by the composition root or a test."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from api.http.singleflight import CoalescingCache, K, Singleflight, T
from api.http.webhook_authenticator import WebhookAuthenticator
from domain.audit import Actor
from domain.batch import Batch
from domain.campaign import Campaign
from domain.counters import Counters
from domain.forecast.forecast import Forecast
from domain.forecast.question import ForecastQuestion
from domain.identity import BatchId, OrganizationId
from domain.ports import (
    AuditLog,
    BatchEngine,
    BatchStore,
    CallStore,
    CampaignStore,
    CircuitStore,
    ContactStore,
    DiagnosticsStore,
    DispositionStore,
    EndingStore,
    ErasureStore,
    ExecutionStore,
    ExportStore,
    ForecastStore,
    IdempotencyStore,
    RescheduleStore,
    SuppressionStore,
    Token,
    TokenStore,
    WebhookDeliveryStore,
    WebhookEndpointStore,
    WebhookTranslator,
    WorkloadStore,
)
from observability.metrics import Telemetry

Clock = Callable[[], datetime]

WATCHERS_REST_SECONDS = 0.05
"""A poll waits at most so long for others to share its reads; the polls of a single client do not wait."""


def _watchers_reads() -> Singleflight[K, T]:
    return Singleflight(rest_seconds=WATCHERS_REST_SECONDS)


@dataclass(frozen=True, kw_only=True)
class ApiDependencies:
    """Everything the API reaches beyond itself."""

    campaigns: CampaignStore
    batches: BatchStore
    contacts: ContactStore
    calls: CallStore
    executions: ExecutionStore
    dispositions: DispositionStore
    routes: CircuitStore
    endings: EndingStore
    suppressions: SuppressionStore
    erasures: ErasureStore
    reschedules: RescheduleStore
    diagnostics: DiagnosticsStore
    export: ExportStore
    forecasts: ForecastStore
    workload: WorkloadStore
    tokens: TokenStore
    audit_log: AuditLog
    idempotency: IdempotencyStore
    webhook_endpoints: WebhookEndpointStore
    webhook_deliveries: WebhookDeliveryStore
    engine: BatchEngine
    translate_webhook: WebhookTranslator
    webhook_authenticator: WebhookAuthenticator
    ping_database: Callable[[], Awaitable[None]]
    """Return when the database answers. Raises StoreUnavailable."""
    clock: Clock
    forecast: Callable[[ForecastQuestion], Awaitable[Forecast]]
    """Work out a forecast where it holds up no request."""
    quiet_after_unknown: timedelta = timedelta()
    """How long a call that nobody can account for may still be under way."""
    rate_limit_per_minute: int = 0
    """Requests per token and minute; 0 is off."""
    can_speak_for: Callable[[str], bool] = lambda _: True
    """Tell whether the provider knows what an agent's answered calls run, by the agent's id."""
    requests_per_token: int = 0
    """Requests of one token that are served at once; 0 is unlimited."""
    failed_tokens_per_minute: int = 0
    """Different tokens that may fail per client address and minute; 0 is off."""
    work_for: Callable[[OrganizationId | None], None] = lambda _: None
    """Count what this request asks of the database for an organization, or for none."""
    act_as: Callable[[Actor], None] = lambda _: None
    """Have what this request changes count as changed by an actor."""
    live_numbers: CoalescingCache[BatchId, Counters | None] = field(default_factory=CoalescingCache)
    """Counters that workflows answered a moment ago; forgotten with every action on their batch."""
    watched_batches: Singleflight[tuple[OrganizationId, BatchId], tuple[Batch, Campaign]] = field(
        default_factory=_watchers_reads
    )
    """Reads of the batches that many clients poll, without their counters."""
    counted_batches: Singleflight[BatchId, Counters] = field(default_factory=_watchers_reads)
    """Counts of their contacts, where no workflow answers."""
    shown_tokens: Singleflight[str, Token | None] = field(default_factory=Singleflight)
    """Reads of the tokens that many requests show at once, by their secrets."""
    watchers_tokens: Singleflight[str, Token | None] = field(default_factory=_watchers_reads)
    """Reads of the tokens of clients that poll a batch."""


# A plain function would be run in a thread, which costs a request more than the rest of its dependencies.
async def dependencies_of(request: Request) -> ApiDependencies:
    dependencies: ApiDependencies = request.app.state.dependencies
    return dependencies


async def _webhook_dependencies(request: Request) -> ApiDependencies:
    dependencies: ApiDependencies = request.app.state.webhook_dependencies
    return dependencies


async def _telemetry(request: Request) -> Telemetry:
    telemetry: Telemetry = request.app.state.telemetry
    return telemetry


Dependencies = Annotated[ApiDependencies, Depends(dependencies_of)]
WebhookDependencies = Annotated[ApiDependencies, Depends(_webhook_dependencies)]
Metrics = Annotated[Telemetry, Depends(_telemetry)]
