"""The people of a batch as rows: one per contact, or one per call."""

from collections.abc import Iterable, Iterator

from console.api_client import JsonObject
from console.listing import cells, shown

CONTACT_COLUMNS = (
    *("position", "contact", "number", "name", "external id"),
    *("status", "skip reason", "retries", "last attempted", "due"),
)
CALL_COLUMNS = (
    *("position", "contact", "number", "attempt", "kind", "call status"),
    *("from", "started", "seconds", "hangup reason", "error", "execution"),
)
_WHO = ("position", "contact_id", "phone_number")
_CALL_FIELDS = (
    *("attempt", "kind", "call_status", "from_number"),
    *("started_at", "duration_seconds", "hangup_reason", "error", "execution_id"),
)


def contact_rows(contacts: Iterable[JsonObject]) -> Iterator[list[str]]:
    """Yield a row per contact; `due` is the time of the retry or the follow-up it waits for."""
    for contact in contacts:
        due_at = contact.get("next_retry_at") or contact.get("follow_up_at")
        yield [
            *cells(contact, _WHO),
            _callee_name(contact),
            *cells(contact, ("external_id", "status", "skip_reason", "retry_count", "last_attempted_at")),
            shown(due_at),
        ]


def call_rows(contacts: Iterable[JsonObject]) -> Iterator[list[str]]:
    """Yield a row per call, oldest first within a contact; nobody without a call appears."""
    for contact in contacts:
        records = contact.get("call_records")
        for record in records if isinstance(records, list) else ():
            yield [*cells(contact, _WHO), *cells(record, _CALL_FIELDS)]


def _callee_name(contact: JsonObject) -> str:
    variables = contact.get("call_variables")
    return shown(variables.get("callee_name")) if isinstance(variables, dict) else ""
