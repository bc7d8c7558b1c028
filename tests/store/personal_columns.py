"""Every column that can hold text, and whether an erasure empties it or why it need not.

One whose words are known (`Word`) can hold nothing else, and is not here.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import ARRAY, Column, Date, Text
from sqlalchemy.dialects.postgresql import JSONB

from store.schema.tables import METADATA

ERASED: Mapping[str, str] = {
    "contacts": "call_variables external_id number_timezones phone_number skip_detail timezone",
    "calls": (
        "disposition_data disposition_note error hangup_by hangup_reason recording_url sentiment summary "
        "to_number transcript"
    ),
    "call_events": "body",
    "suppressions": "phone_number reason",
    "webhook_events": "body",
    "webhook_deliveries": "attempts",
}
"""By table. Of a suppression's reason what Apollo wrote stays, of attempts all but the answers."""

_OURS = "Apollo's own word, id or rule"
_CLIENTS = "what a client says of a campaign, batch or token, for all of its people"
_HASH = "a hash, of no use without its key"
FREE: Mapping[str, Mapping[str, str]] = {
    _OURS: {
        "alembic_version": "version_num",
        "audit_log": "action actor after before object_id organization_id token_id",
        "batches": (
            "batch_id campaign_id dispatched_by kept_counts organization_id parent_batch_id retry_policy "
            "working_hours zones_version"
        ),
        "call_events": "event_key execution_id unread_fields",
        "caller_id_turns": "owner_id",
        "calls": "awaited_by batch_id campaign_id contact_id execution_id provider provider_call_id",
        "campaigns": "campaign_id frequency_caps organization_id presets retry_policy working_hours",
        "contacts": "batch_id campaign_id contact_id zones_version",
        "dial_turns": "campaign_id",
        "idempotency_keys": "body kind organization_id",  # answers to creates: ids, rules and counts
        "organizations": "organization_id",
        "provider_routes": "provider",
        "slot_demands": "batch_id campaign_id",
        "slots": "batch_id campaign_id contact_id granted_by",
        "suppressions": "added_by execution_id organization_id suppression_id",
        "tokens": "organization_id token_id",
        "webhook_deliveries": "delivery_id endpoint_id event_id organization_id type",
        "webhook_diagnoses": "batch_id diagnosis",
        "webhook_endpoints": "endpoint_id events organization_id",
        "webhook_events": "batch_id contact_id event_id execution_id organization_id snapshot type",
        "webhook_replays": "behind endpoint_id up_to",
        "webhook_secrets": "endpoint_id secret",
    },
    _CLIENTS: {
        "batches": "call_context client_metadata disposition_rules name phone_numbers timezone",
        "campaigns": (
            "agent_id client_metadata default_call_variables disposition_rules fallback_timezone holidays "
            "name phone_numbers timezone"
        ),
        "idempotency_keys": "key",
        "tokens": "name",
        "webhook_endpoints": "description url",
    },
    "a code from the agent's own list, which is counted": {"calls": "disposition"},
    "the number that is shown to the callee": {"calls": "from_number"},
    "the provider's words, without numbers and names": {"provider_routes": "reason"},
    _HASH: {
        "calls": "number_hash",
        "idempotency_keys": "fingerprint",  # of a whole body, kept for a day
        "suppressions": "number_hash",
        "tokens": "secret_sha256",
    },
}
"""By the reason, then by table."""


def columns_with_text() -> Iterator[Column[object]]:
    """Yield every column that could hold a number, a name or a sentence."""
    for table in METADATA.tables.values():
        for column in table.columns:
            kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
            if isinstance(kind, Text | JSONB) and not isinstance(kind, Date):
                yield column


def listed(columns: Mapping[str, str]) -> set[str]:
    """Return the columns of a list, each as `table.column`."""
    return {f"{table}.{name}" for table, names in columns.items() for name in names.split()}
