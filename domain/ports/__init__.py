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
    Claimed,
    DialBrief,
    RecordedEvent,
    UndeliveredEvent,
)
from domain.ports.campaigns import CampaignStore
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
from domain.ports.paging import Page, Window
from domain.ports.routes import RouteReport, RouteStore
from domain.ports.telephony import StatusReport, TelephonyProvider, WebhookTranslator

__all__ = [
    "AttemptClaim",
    "AttemptReport",
    "Backlog",
    "BatchEngine",
    "BatchReports",
    "BatchStore",
    "CallStore",
    "CampaignStore",
    "Claimed",
    "ContactStore",
    "DiagnosticsStore",
    "DialBrief",
    "EndedCalls",
    "EngineDiagnostics",
    "EngineHealth",
    "FirstUse",
    "FreshRows",
    "IdempotencyKey",
    "IdempotencyStore",
    "InProgress",
    "KeyUse",
    "Mismatch",
    "Page",
    "RecentAttempts",
    "RecordedEvent",
    "Replay",
    "RouteReport",
    "RouteStore",
    "StatusReport",
    "StatusShare",
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
