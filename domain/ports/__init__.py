"""What the inside needs of the outside: Protocols, and the values they speak in.

Stores commit before they return; every verb is one transaction and may be repeated.
A store that cannot reach its database raises StoreUnavailable.
"""

from domain.ports.access import (
    FirstUse,
    IdempotencyKey,
    IdempotencyStore,
    InProgress,
    KeyUse,
    Mismatch,
    Replay,
    Token,
    TokenStore,
)
from domain.ports.batches import BatchStore
from domain.ports.calls import (
    AttemptClaim,
    Backlog,
    CallStore,
    Capped,
    Claimed,
    DialBrief,
    RecordedEvent,
    UndeliveredEvent,
)
from domain.ports.campaigns import (
    Amendment,
    CampaignStore,
    OutdatedCampaign,
    RescheduledPage,
    RescheduleStore,
)
from domain.ports.contacts import ContactStore, FreshRows
from domain.ports.diagnostics import (
    DiagnosticsStore,
    EndedCalls,
    EngineDiagnostics,
    RecentAttempts,
    StatusShare,
    WebhookSilence,
    WorkflowDescription,
)
from domain.ports.engine import AttemptReport, BatchEngine, BatchReports, EngineHealth, WorkflowDirectory
from domain.ports.export import ExportStore
from domain.ports.paging import Page, Window
from domain.ports.routes import RouteReport, RouteStore
from domain.ports.suppressions import AddedSuppression, ImportedSuppressions, SuppressionStore
from domain.ports.telephony import StatusReport, TelephonyProvider, WebhookTranslator

__all__ = [
    "AddedSuppression",
    "Amendment",
    "AttemptClaim",
    "AttemptReport",
    "Backlog",
    "BatchEngine",
    "BatchReports",
    "BatchStore",
    "CallStore",
    "CampaignStore",
    "Capped",
    "Claimed",
    "ContactStore",
    "DiagnosticsStore",
    "DialBrief",
    "EndedCalls",
    "EngineDiagnostics",
    "EngineHealth",
    "ExportStore",
    "FirstUse",
    "FreshRows",
    "IdempotencyKey",
    "IdempotencyStore",
    "ImportedSuppressions",
    "InProgress",
    "KeyUse",
    "Mismatch",
    "OutdatedCampaign",
    "Page",
    "RecentAttempts",
    "RecordedEvent",
    "Replay",
    "RescheduleStore",
    "RescheduledPage",
    "RouteReport",
    "RouteStore",
    "StatusReport",
    "StatusShare",
    "SuppressionStore",
    "TelephonyProvider",
    "Token",
    "TokenStore",
    "UndeliveredEvent",
    "WebhookSilence",
    "WebhookTranslator",
    "Window",
    "WorkflowDescription",
    "WorkflowDirectory",
]
