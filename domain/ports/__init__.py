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
from domain.ports.calls import AttemptClaim, CallStore, Claimed, DialBrief, RecordedEvent
from domain.ports.campaigns import CampaignStore
from domain.ports.contacts import ContactStore
from domain.ports.engine import AttemptReport, BatchEngine, BatchReports, EngineHealth, WorkflowDirectory
from domain.ports.paging import Page, Window
from domain.ports.telephony import StatusReport, TelephonyProvider, WebhookTranslator

__all__ = [
    "AttemptClaim",
    "AttemptReport",
    "BatchEngine",
    "BatchReports",
    "BatchStore",
    "CallStore",
    "CampaignStore",
    "Claimed",
    "ContactStore",
    "DialBrief",
    "EngineHealth",
    "FirstUse",
    "IdempotencyKey",
    "IdempotencyStore",
    "InProgress",
    "KeyUse",
    "Mismatch",
    "Page",
    "RecordedEvent",
    "Replay",
    "StatusReport",
    "TelephonyProvider",
    "Token",
    "TokenStore",
    "WebhookTranslator",
    "Window",
    "WorkflowDirectory",
]
