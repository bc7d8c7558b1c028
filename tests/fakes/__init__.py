"""The ports of the domain in memory: the same guards and orders as the real ones, nothing to start."""

from tests.fakes.audit import FakeAuditLog
from tests.fakes.batches import FakeBatchStore
from tests.fakes.calls import FakeCallStore
from tests.fakes.campaigns import FakeCampaignStore
from tests.fakes.clock import FakeClock
from tests.fakes.contacts import FakeContactStore
from tests.fakes.diagnostics import FakeDiagnosticsStore
from tests.fakes.dial_turns import FakeDialReservationStore
from tests.fakes.dispositions import FakeDispositionStore
from tests.fakes.endings import FakeEndingStore
from tests.fakes.engine import FakeEngine
from tests.fakes.erasures import FakeErasureStore
from tests.fakes.executions import FakeExecutionStore
from tests.fakes.export import FakeExportStore
from tests.fakes.forecasts import FakeForecastStore
from tests.fakes.idempotency import FakeIdempotencyStore
from tests.fakes.look_clock import FakeLookClock
from tests.fakes.metrics import FakeCallMetrics
from tests.fakes.number_zones import FakeNumberZoneStore
from tests.fakes.provider import FakeProvider
from tests.fakes.rescheduling import FakeRescheduleStore
from tests.fakes.routes import FakeCircuitStore
from tests.fakes.slots import FakeSlotStore
from tests.fakes.suppressions import FakeSuppressionStore
from tests.fakes.tables import Tables
from tests.fakes.tokens import FakeTokenStore
from tests.fakes.webhooks import FakeWebhookDeliveryStore, FakeWebhookEndpointStore, WebhookTables
from tests.fakes.workload import FakeWorkloadStore

__all__ = [
    "FakeAuditLog",
    "FakeBatchStore",
    "FakeCallMetrics",
    "FakeCallStore",
    "FakeCampaignStore",
    "FakeCircuitStore",
    "FakeClock",
    "FakeContactStore",
    "FakeDiagnosticsStore",
    "FakeDialReservationStore",
    "FakeDispositionStore",
    "FakeEndingStore",
    "FakeEngine",
    "FakeErasureStore",
    "FakeExecutionStore",
    "FakeExportStore",
    "FakeForecastStore",
    "FakeIdempotencyStore",
    "FakeLookClock",
    "FakeNumberZoneStore",
    "FakeProvider",
    "FakeRescheduleStore",
    "FakeSlotStore",
    "FakeSuppressionStore",
    "FakeTokenStore",
    "FakeWebhookDeliveryStore",
    "FakeWebhookEndpointStore",
    "FakeWorkloadStore",
    "Tables",
    "WebhookTables",
]
