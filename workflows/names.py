"""Ids, queues, signals, queries and search attributes: every name that crosses to Temporal."""

CONTROL_QUEUE = "apollo-control"
"""Workflows of batches, and the housekeeping."""
CONTACT_QUEUE = "apollo-contact"
"""Contact workflows."""
DIAL_QUEUE = "apollo-dial"
"""Calls to the provider; where calls per second can be limited."""
STORE_QUEUE = "apollo-store"
"""Database work."""

DEPLOYMENT = "apollo"
"""The worker deployment whose versions are builds, where workers are told theirs."""

CALL_EVENT = "call_event"
SLOT_GRANTED = "slot_granted"
ATTEMPT_REPORTED = "attempt_reported"
SLOT_REQUESTED = "slot_requested"
STOP = "stop"
DUE_CHANGED = "due_changed"
CONTACT_SKIPPED = "contact_skipped"
FOLLOW_UP_SCHEDULED = "follow_up_scheduled"
PAUSE = "pause"
RESUME = "resume"
CANCEL = "cancel"
DISPATCH = "dispatch"
POLICY_CHANGED = "policy_changed"
RECOUNT = "recount"
SLOTS_FREED = "slots_freed"

COUNTERS = "counters"
DEBUG = "debug"
IN_FLIGHT = "in_flight"

SLOTS_IN_DATABASE = "slots_in_database"
"""Memo of a batch's workflow; one without it kept its slots in its own memory."""

NO_SUCH_WORKFLOW = "ExternalWorkflowExecutionNotFound"
TOO_MANY_SIGNALS = "SignalCountLimitExceeded"
"""Why a signal to another workflow failed: its history is full, and it is about to continue as new."""

HOUSEKEEPING_WORKFLOW_ID = "housekeeping"
"""One per namespace."""
JOBS = "jobs"
"""Memo of the housekeeping: how many jobs it has; one without it has three."""

SEARCH_ATTRIBUTES = {
    "BatchId": "Keyword",
    "CampaignId": "Keyword",
    "OrganizationId": "Keyword",
    "BatchStatus": "Keyword",
    "ContactStatus": "Keyword",
    "NextActionAt": "Datetime",
    "Attempt": "Int",
    "Disposition": "Keyword",
}
"""Name to type, as a server registers them."""


def batch_workflow_id(batch_id: str) -> str:
    """Return the id of a batch's workflow; one per batch, for ever."""
    return f"batch/{batch_id}"


def contact_workflow_id(batch_id: str, contact_id: str) -> str:
    """Return the id of a contact's workflow."""
    return f"batch/{batch_id}/c/{contact_id}"


def ids_in(workflow_id: str) -> dict[str, str]:
    """Return the ids a workflow's id is made of, by the names they have in logs; none of a foreign one."""
    match workflow_id.split("/"):
        case ["batch", batch_id]:
            return {"batch_id": batch_id}
        case ["batch", batch_id, "c", contact_id]:
            return {"batch_id": batch_id, "contact_id": contact_id}
    return {}
