"""Lets the type checker prove that every fake fits its port."""

from domain import ports
from tests import fakes


def fit_their_ports(tables: fakes.Tables) -> tuple[object, ...]:
    """Return one of each fake, typed as its port."""
    campaigns: ports.CampaignStore = fakes.FakeCampaignStore(tables)
    reschedules: ports.RescheduleStore = fakes.FakeRescheduleStore(tables)
    batches: ports.BatchStore = fakes.FakeBatchStore(tables)
    contacts: ports.ContactStore = fakes.FakeContactStore(tables)
    calls: ports.CallStore = fakes.FakeCallStore(tables)
    executions: ports.ExecutionStore = fakes.FakeExecutionStore(tables)
    dispositions: ports.DispositionStore = fakes.FakeDispositionStore(tables)
    tokens: ports.TokenStore = fakes.FakeTokenStore(tables)
    routes: ports.CircuitStore = fakes.FakeCircuitStore(tables)
    slots: ports.SlotStore = fakes.FakeSlotStore(tables)
    dial_turns: ports.DialReservationStore = fakes.FakeDialReservationStore(tables)
    diagnostics: ports.DiagnosticsStore = fakes.FakeDiagnosticsStore(tables)
    suppressions: ports.SuppressionStore = fakes.FakeSuppressionStore(tables)
    erasures: ports.ErasureStore = fakes.FakeErasureStore(tables)
    export: ports.ExportStore = fakes.FakeExportStore(tables)
    zones: ports.NumberZoneStore = fakes.FakeNumberZoneStore(tables)
    forecasts: ports.ForecastStore = fakes.FakeForecastStore(tables)
    audit_log: ports.AuditLog = fakes.FakeAuditLog()
    keys: ports.IdempotencyStore = fakes.FakeIdempotencyStore(tables)
    workload: ports.WorkloadStore = fakes.FakeWorkloadStore(tables)
    metrics: ports.CallMetrics = fakes.FakeCallMetrics()
    endings: ports.EndingStore = fakes.FakeEndingStore(tables)
    engine: ports.BatchEngine = fakes.FakeEngine()
    delivery: ports.EndingDelivery = fakes.FakeEngine()
    provider: ports.TelephonyProvider = fakes.FakeProvider()
    webhooks = fakes.WebhookTables()
    endpoints: ports.WebhookEndpointStore = fakes.FakeWebhookEndpointStore(tables, webhooks)
    deliveries: ports.WebhookDeliveryStore = fakes.FakeWebhookDeliveryStore(tables, webhooks)
    return (
        endpoints,
        deliveries,
        suppressions,
        erasures,
        campaigns,
        reschedules,
        batches,
        contacts,
        calls,
        executions,
        dispositions,
        tokens,
        routes,
        slots,
        dial_turns,
        diagnostics,
        export,
        zones,
        forecasts,
        audit_log,
        keys,
        workload,
        metrics,
        endings,
        engine,
        delivery,
        provider,
    )
