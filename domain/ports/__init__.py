"""What the inside needs of the outside: Protocols, and the values they speak in.

Stores commit before they return; every verb is one transaction and may be repeated.
A store that cannot reach its database raises StoreUnavailable.
"""

from domain.ports.access import NewToken, Token, TokenStore
from domain.ports.audit import AuditLog
from domain.ports.batches import AppendedContacts, BatchAmendment, BatchStore, CalledAgain, ChangedBatch
from domain.ports.calls import (
    AttemptClaim,
    CallStore,
    ClaimAnswer,
    Claimed,
    DialBrief,
    RecordedEvent,
    RulesChanged,
)
from domain.ports.campaigns import Amendment, CampaignStore
from domain.ports.circuits import CircuitReport, CircuitStore
from domain.ports.contacts import ContactStore
from domain.ports.diagnostics import (
    AnswersInHour,
    BatchActivity,
    DiagnosticsStore,
    EndedCalls,
    EngineDiagnostics,
    RecentAttempts,
    StatusShare,
    WebhookSilence,
    WorkflowDescription,
)
from domain.ports.dial_reservations import DialReservationStore
from domain.ports.dispositions import DispositionStore, LateEffect, ReportedDisposition
from domain.ports.endings import Backlog, EndingDelivery, EndingStore, UndeliveredEvent, WaitForEnding
from domain.ports.engine import (
    AttemptReport,
    Attendance,
    BatchEngine,
    BatchReports,
    BatchWorkflows,
    EngineHealth,
    EngineServer,
    RescheduledTime,
    WorkflowDirectory,
)
from domain.ports.erasures import ErasureStore
from domain.ports.executions import EarlierAttempt, Execution, ExecutionStore
from domain.ports.export import ExportStore
from domain.ports.forecasts import ForecastStore, NumberFacts
from domain.ports.idempotency import (
    IdempotencyKey,
    IdempotencyStore,
    InProgress,
    KeyedRequest,
    KeyUse,
    Mismatch,
    Replay,
    Unused,
)
from domain.ports.metrics import CallMetrics
from domain.ports.number_zones import NumbersToLearn, NumberZoneStore
from domain.ports.paging import Page, Window
from domain.ports.rescheduling import (
    RescheduledContact,
    RescheduledPage,
    RescheduleStore,
    UnannouncedRules,
)
from domain.ports.retention import Expiries, Outdated, RetentionStore
from domain.ports.slots import HeldSlot, SlotStore
from domain.ports.suppressions import AddedSuppression, ImportedSuppressions, SuppressionStore
from domain.ports.telephony import StatusReport, TelephonyProvider, WebhookTranslator
from domain.ports.webhooks import (
    AttemptOutcome,
    DeliveryBacklog,
    ReadDiagnosis,
    WebhookDeliveryStore,
    WebhookEndpointStore,
    WebhookOutbox,
    WebhookQueue,
    WebhookSender,
)
from domain.ports.workload import WorkloadStore

__all__ = [
    "AddedSuppression",
    "Amendment",
    "AnswersInHour",
    "AppendedContacts",
    "AttemptClaim",
    "AttemptOutcome",
    "AttemptReport",
    "Attendance",
    "AuditLog",
    "Backlog",
    "BatchActivity",
    "BatchAmendment",
    "BatchEngine",
    "BatchReports",
    "BatchStore",
    "BatchWorkflows",
    "CallMetrics",
    "CallStore",
    "CalledAgain",
    "CampaignStore",
    "ChangedBatch",
    "CircuitReport",
    "CircuitStore",
    "ClaimAnswer",
    "Claimed",
    "ContactStore",
    "DeliveryBacklog",
    "DiagnosticsStore",
    "DialBrief",
    "DialReservationStore",
    "DispositionStore",
    "EarlierAttempt",
    "EndedCalls",
    "EndingDelivery",
    "EndingStore",
    "EngineDiagnostics",
    "EngineHealth",
    "EngineServer",
    "ErasureStore",
    "Execution",
    "ExecutionStore",
    "Expiries",
    "ExportStore",
    "ForecastStore",
    "HeldSlot",
    "IdempotencyKey",
    "IdempotencyStore",
    "ImportedSuppressions",
    "InProgress",
    "KeyUse",
    "KeyedRequest",
    "LateEffect",
    "Mismatch",
    "NewToken",
    "NumberFacts",
    "NumberZoneStore",
    "NumbersToLearn",
    "Outdated",
    "Page",
    "ReadDiagnosis",
    "RecentAttempts",
    "RecordedEvent",
    "Replay",
    "ReportedDisposition",
    "RescheduleStore",
    "RescheduledContact",
    "RescheduledPage",
    "RescheduledTime",
    "RetentionStore",
    "RulesChanged",
    "SlotStore",
    "StatusReport",
    "StatusShare",
    "SuppressionStore",
    "TelephonyProvider",
    "Token",
    "TokenStore",
    "UnannouncedRules",
    "UndeliveredEvent",
    "Unused",
    "WaitForEnding",
    "WebhookDeliveryStore",
    "WebhookEndpointStore",
    "WebhookOutbox",
    "WebhookQueue",
    "WebhookSender",
    "WebhookSilence",
    "WebhookTranslator",
    "Window",
    "WorkflowDescription",
    "WorkflowDirectory",
    "WorkloadStore",
]
