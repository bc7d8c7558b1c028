"""Whether Apollo's records of a batch and the simulator's ledger of rings agree."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.api_client import JsonObject
from console.progress import FINAL_COUNTERS

FINAL_CONTACT_STATUSES = frozenset(FINAL_COUNTERS)
_RUNG_STATUSES = frozenset({"ringing", "in_progress", "completed", "busy", "no_answer"})
_ENDED_STATUSES = frozenset({"completed", "busy", "no_answer", "failed", "unknown"})


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What the simulator wrote down."""

    rings: Sequence[str | None]
    """The execution id of every call that went out to a phone."""
    peak_live: int


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One attempt as Apollo recorded it."""

    execution_id: str
    call_status: str
    has_provider_call: bool

    @property
    def must_have_rung(self) -> bool:
        """Tell whether the record says that a call went out."""
        return self.has_provider_call or self.call_status in _RUNG_STATUSES


@dataclass(frozen=True, kw_only=True)
class Reckoning:
    """A finished batch, held against the ledger."""

    contact_statuses: Mapping[str, int]
    """Contacts by final status, as listed one by one."""
    counters: Mapping[str, int]
    """The batch's own count of the same."""
    attempts: int
    rings: int
    answered: int
    ended: int
    peak_live: int
    second_rings: int
    """Attempts whose phone rang more than once."""
    stray_rings: int
    """Rings that belong to no recorded attempt."""
    missing_rings: int
    """Attempts recorded as placed that no phone rang for."""

    @property
    def answer_rate(self) -> float:
        """Answered calls among the ended ones, 0..1."""
        return self.answered / self.ended if self.ended else 0.0


def reckon(counters: Mapping[str, int], contacts: Iterable[JsonObject], ledger: Ledger) -> Reckoning:
    """Return how the contacts of a batch (with their call records) and the ledger compare."""
    everyone = list(contacts)
    calls = [call for contact in everyone for call in _calls(contact)]
    rings = Counter(ledger.rings)
    attempts = {call.execution_id for call in calls}
    return Reckoning(
        contact_statuses=Counter(str(contact.get("status")) for contact in everyone),
        counters=counters,
        attempts=len(calls),
        rings=len(ledger.rings),
        answered=sum(call.call_status == "completed" for call in calls),
        ended=sum(call.call_status in _ENDED_STATUSES for call in calls),
        peak_live=ledger.peak_live,
        second_rings=sum(count > 1 for execution_id, count in rings.items() if execution_id in attempts),
        stray_rings=sum(count for execution_id, count in rings.items() if execution_id not in attempts),
        missing_rings=sum(call.must_have_rung and call.execution_id not in rings for call in calls),
    )


def faults(reckoning: Reckoning, *, contacts: int, limit: int) -> list[str]:
    """Return everything that is not as promised, empty when all is well.

    `contacts` were uploaded, and `limit` calls were allowed at once.
    """
    listed = sum(reckoning.contact_statuses.values())
    final = sum(reckoning.contact_statuses.get(status, 0) for status in FINAL_CONTACT_STATUSES)
    counted = sum(reckoning.counters.values())
    checks = {
        f"{final} of {contacts} contacts reached an end": final == contacts == listed,
        f"the counters sum to {counted}, not to {contacts}": counted == contacts,
        "the counters and the contacts disagree": _agree(reckoning),
        f"{reckoning.second_rings} attempts rang twice": reckoning.second_rings == 0,
        f"{reckoning.stray_rings} rings have no recorded attempt": reckoning.stray_rings == 0,
        f"{reckoning.missing_rings} recorded calls never rang": reckoning.missing_rings == 0,
        f"{reckoning.peak_live} calls at once, {limit} allowed": reckoning.peak_live <= limit,
        "no phone rang at all": reckoning.rings > 0,
    }
    return [fault for fault, holds in checks.items() if not holds]


def read_ledger(body: object) -> Ledger:
    """Return the ledger of the simulator's JSON. Raises ValueError for anything else."""
    if not isinstance(body, dict) or not isinstance(body.get("rings"), list):
        raise ValueError("not a ledger")
    peak_live = body.get("peak_live")
    if not isinstance(peak_live, int):
        raise ValueError("a ledger without its peak")
    return Ledger(rings=[_execution_id(ring) for ring in body["rings"]], peak_live=peak_live)


def _execution_id(ring: object) -> str | None:
    found = ring.get("execution_id") if isinstance(ring, dict) else None
    return found if isinstance(found, str) else None


def _calls(contact: JsonObject) -> Iterable[RecordedCall]:
    records = contact.get("call_records")
    for record in records if isinstance(records, list) else ():
        yield RecordedCall(
            execution_id=str(record.get("execution_id")),
            call_status=str(record.get("call_status")),
            has_provider_call=record.get("provider_call_id") is not None,
        )


def _agree(reckoning: Reckoning) -> bool:
    return all(
        reckoning.counters.get(status, 0) == reckoning.contact_statuses.get(status, 0)
        for status in FINAL_CONTACT_STATUSES
    )
