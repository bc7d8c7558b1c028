"""One person in one batch, and the life cycle of being called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.call import AttemptKind
from domain.identity import BatchId, CampaignId, ContactId
from domain.number_zones import KeptZones
from domain.zones import zone_key


class ContactStatus(StrEnum):
    """Where a contact stands; wire values of `status`."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    """A worker sets up the call."""
    IN_PROGRESS = "in_progress"
    """Ringing or talking."""
    RETRYING = "retrying"
    FOLLOWUP_SCHEDULED = "followup_scheduled"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    MAX_RETRIES_REACHED = "max_retries_reached"
    SKIPPED = "skipped"


LIVE = frozenset({ContactStatus.DISPATCHED, ContactStatus.IN_PROGRESS})
"""Both occupy a slot."""

SLEEPING = frozenset({ContactStatus.RETRYING, ContactStatus.FOLLOWUP_SCHEDULED})
"""Called before, and to be called again; the row names an instant."""
WAITING = SLEEPING | {ContactStatus.PENDING}

WAITS_AS: Mapping[AttemptKind, ContactStatus] = {
    AttemptKind.INITIAL: ContactStatus.PENDING,
    AttemptKind.RETRY: ContactStatus.RETRYING,
    AttemptKind.FOLLOW_UP: ContactStatus.FOLLOWUP_SCHEDULED,
}
"""The status a contact waits in for an attempt of each kind."""

TERMINAL = frozenset(ContactStatus) - LIVE - WAITING

_ENDINGS = TERMINAL - {ContactStatus.SKIPPED}

TRANSITIONS: Mapping[ContactStatus, frozenset[ContactStatus]] = {
    ContactStatus.PENDING: frozenset({ContactStatus.DISPATCHED, ContactStatus.SKIPPED}),
    ContactStatus.DISPATCHED: WAITING | {ContactStatus.IN_PROGRESS} | TERMINAL,
    ContactStatus.IN_PROGRESS: _ENDINGS | SLEEPING,
    ContactStatus.RETRYING: _ENDINGS | {ContactStatus.DISPATCHED, ContactStatus.SKIPPED},
    ContactStatus.FOLLOWUP_SCHEDULED: frozenset({ContactStatus.DISPATCHED, ContactStatus.SKIPPED}),
    ContactStatus.COMPLETED: SLEEPING,
    ContactStatus.BUSY: frozenset(),
    ContactStatus.NO_ANSWER: frozenset(),
    ContactStatus.FAILED: frozenset(),
    ContactStatus.MAX_RETRIES_REACHED: frozenset(),
    ContactStatus.SKIPPED: frozenset(),
}


def may_become(current: ContactStatus, following: ContactStatus) -> bool:
    """Tell whether the life cycle leads from `current` directly to `following`."""
    return following in TRANSITIONS[current]


HIGHEST_PRIORITY = 9
_PLACES_OF_A_PRIORITY = 10_000_000
"""More than a batch may hold contacts."""


def call_order(priority: int, position: int) -> int:
    """Return a pending contact's place among those of its batch: the lower, the sooner it is called."""
    return (HIGHEST_PRIORITY - priority) * _PLACES_OF_A_PRIORITY + position


class SkipReason(StrEnum):
    """Why a contact will not be called (again)."""

    MANUAL = "manual"
    BATCH_CANCELLED = "batch_cancelled"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    BATCH_EXPIRED = "batch_expired"
    SUPPRESSED = "suppressed"
    INVALID_NUMBER = "invalid_number"
    ERASED = "erased"
    """The person asked to be erased before the contact was over."""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One person and number in one batch. All instants are aware."""

    contact_id: ContactId
    batch_id: BatchId
    campaign_id: CampaignId
    position: int
    """1-based place among the stored contacts, in upload order."""
    external_id: str | None = None
    phone_number: str
    timezone: str | None = None
    """IANA name or `from_number`; None follows the batch."""
    number_timezones: tuple[str, ...] | None = None
    """Zones of the number as they were learnt last; None where they were not."""
    zones_version: str | None = None
    """By which data they were learnt, see `ZONES_VERSION`."""
    call_variables: Mapping[str, object] = field(default_factory=dict)
    not_before: datetime | None = None
    """No call of it begins earlier."""
    priority: int = 0
    """0..9; pending contacts of a higher one are called first."""
    status: ContactStatus = ContactStatus.PENDING
    skip_reason: SkipReason | None = None
    skip_detail: str | None = None
    retry_count: int = 0
    follow_up_count: int = 0
    last_attempted_at: datetime | None = None
    next_retry_at: datetime | None = None
    follow_up_at: datetime | None = None
    erased_at: datetime | None = None
    """Since when nothing is kept of the person; during a live call, since when nothing is to be kept."""
    created_at: datetime
    updated_at: datetime

    @property
    def zone(self) -> str | None:
        """Return the key by which its zones are found, see `zones_in_force`."""
        return zone_key(self.timezone, self.number_timezones)

    def zone_under(self, followed: str) -> str | None:
        """Return the same as it holds under a batch that names `followed`.

        Zones that are asked for, and were not learnt by the data of this release, are looked up.
        """
        kept = KeptZones(
            phone_number=self.phone_number,
            timezone=self.timezone,
            number_timezones=self.number_timezones,
            zones_version=self.zones_version,
        )
        return kept.key_under(followed)


@dataclass(frozen=True, kw_only=True)
class NewContact:
    """A row of an upload that passed intake, or a bad one that is kept as skipped."""

    phone_number: str
    external_id: str | None = None
    timezone: str | None = None
    number_timezones: tuple[str, ...] | None = None
    """Zones of the number by the data of this release; None where they were not asked for."""
    call_variables: Mapping[str, object] = field(default_factory=dict)
    not_before: datetime | None = None
    priority: int = 0
    skip_detail: str | None = None
    """Set on a bad row; says why it will not be called."""
