"""What starts workflows, what is signalled to them, and what a batch carries over continue-as-new."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.call import AttemptKind, CallStatus
    from domain.contact import ContactStatus
    from domain.disposition import AnsweredBy
    from domain.lifecycle import Action
    from domain.slots import GrantedSlots

Message = TypeVar("Message")


@dataclass
class Entry:
    """A line of a batch's journal."""

    at: datetime
    what: str
    """What was asked for, and by whom."""
    came_of: str = ""
    """Empty until it is known."""


@dataclass(kw_only=True)
class RulesPass:
    """How far the waiting contacts of a batch were timed by rules that changed."""

    version: int
    """Of the rules, when the pass began."""
    since: datetime
    """Contacts moved by it were moved at that instant or later, by the database's clock."""
    position: int = 0
    """Of the last contact that was timed."""
    has_moved: bool = False
    """Some contacts were moved, and have yet to be notified."""


@dataclass(kw_only=True)
class BatchState:
    """All that a batch's workflow knows; nothing in it belongs to a person."""

    stands: GrantedSlots | None = None
    """What the newest request for slots said; None before the first."""
    counts: dict[ContactStatus, int] = field(default_factory=dict)
    """How many contacts stood where when they were last counted."""
    counted_at: datetime | None = None
    answered_by: dict[AnsweredBy, int] = field(default_factory=dict)
    dispositions: dict[str, int] = field(default_factory=dict)
    """How many calls were reported so then, of dispositions the most frequent."""
    in_flight: dict[str, int] = field(default_factory=dict)
    """Holders of slots then: contact id to attempt, the first hundred."""
    asked: dict[str, datetime] = field(default_factory=dict)
    """Contacts that are due and asked for a slot, and when; those that asked longer ago are overdue."""
    cursor: int = 0
    """Pending contacts are read behind this place in their `call_order`."""
    zones: tuple[str | None, ...] | None = None
    """Of pending contacts, None where they are to be read again."""
    rereads: dict[str, datetime] = field(default_factory=dict)
    """Why and when contacts in front of the cursor are read again."""
    rescheduled_since: datetime | None = None
    """Contacts that sleep were rescheduled at that instant or later, and have yet to be notified."""
    notified_up_to: int = 0
    """Position of the last one that was notified."""
    followed_version: int | None = None
    """Of the campaign's rules by which all waiting contacts were timed; None before it was asked for."""
    rules_pass: RulesPass | None = None
    """The pass over waiting contacts that is under way."""
    follow_again_at: datetime | None = None
    """When contacts are timed once more that were settled by the old rules meanwhile."""
    skipped_are_told: bool = True
    """False while contacts that were skipped with their batch have yet to be woken."""
    idle_looks: int = 0
    """How many times in a row nothing had happened."""
    next_wake: tuple[datetime, str] | None = None
    """When the batch asks for slots again by itself, and why."""
    runs: int = 1
    actions: list[Entry] = field(default_factory=list)
    """What people and the API asked for last."""
    notes: list[Entry] = field(default_factory=list)
    """Signals that could not be read."""


@dataclass(frozen=True, kw_only=True)
class BatchInput:
    """Start of a batch, or of its next run."""

    batch_id: str
    campaign_id: str
    organization_id: str = ""
    """Empty in batches that were started before it was asked for."""
    contacts_per_run: int = 1000
    """Continue as new after so many were started, or earlier when Temporal suggests it."""
    state: BatchState | None = None


@dataclass(frozen=True, kw_only=True)
class HousekeepingInput:
    """Start of the housekeeping, or of its next run."""

    term: timedelta = timedelta(hours=1)
    """An activity goes on for so long before it is started again."""
    terms_per_run: int = 72
    jobs: int = 3
    """How many of its jobs it has: one that began under an older version keeps those it began with."""


@dataclass(frozen=True, kw_only=True)
class ContactInput:
    """Start of a contact's workflow; the start grants a slot, unless the workflow begins by waiting."""

    batch_id: str
    campaign_id: str
    contact_id: str
    attempt: int = 1
    kind: AttemptKind = AttemptKind.INITIAL
    due_at: datetime | None = None
    """Wait until then and ask for a slot; None dials at once."""


@dataclass(frozen=True)
class OperatorRequest:
    """What a person may say to an action, and nobody has to."""

    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True)
class PolicyChanged:
    """The database was changed by the API; `action` when it was one."""

    action: Action | None = None
    rescheduled_since: AwareDatetime | None = None
    """Contacts that sleep were moved at that instant or later."""


@dataclass(frozen=True)
class CallEvent:
    """Where a call of this contact stands, as its webhook or the provider said."""

    attempt: int
    call_status: CallStatus
    answered_by: AnsweredBy | None = None
    """Told where Apollo is to hang up on machines."""


@dataclass(frozen=True)
class SlotGrant:
    """The contact may dial this attempt now."""

    attempt: int


@dataclass(frozen=True)
class DueChanged:
    """The contact is to be called at another time than the one it sleeps until."""

    attempt: int
    due_at: AwareDatetime | None
    """None where it need not wait any longer."""


@dataclass(frozen=True)
class AttemptReported:
    """A contact has given its slot back."""

    contact_id: str
    attempt: int
    status: ContactStatus
    withheld: bool = False
    """A gate was closed, which the batch may not know yet."""


@dataclass(frozen=True)
class ContactSkipped:
    """A waiting contact was skipped by hand."""

    contact_id: str
    was: ContactStatus


@dataclass(frozen=True)
class FollowUpScheduled:
    """A completed contact is to be called again."""

    contact_id: str
    attempt: int
    at: AwareDatetime
    kind: AttemptKind = AttemptKind.FOLLOW_UP
    """A retry where a late disposition asks for one."""


@dataclass(frozen=True)
class SlotRequested:
    """A contact asks for a slot."""

    contact_id: str
    attempt: int
    kind: AttemptKind


OPERATOR_REQUEST = TypeAdapter(OperatorRequest)
POLICY_CHANGED = TypeAdapter(PolicyChanged)
CALL_EVENT = TypeAdapter(CallEvent)
SLOT_GRANT = TypeAdapter(SlotGrant)
DUE_CHANGED = TypeAdapter(DueChanged)
ATTEMPT_REPORTED = TypeAdapter(AttemptReported)
SLOT_REQUESTED = TypeAdapter(SlotRequested)
CONTACT_SKIPPED = TypeAdapter(ContactSkipped)
FOLLOW_UP_SCHEDULED = TypeAdapter(FollowUpScheduled)


def read_request(shape: TypeAdapter[Message], request: object) -> Message | None:
    """Return what was signalled in the shape it should have, None when it does not fit.

    Operators send signals by hand: a payload that does not fit must neither wedge nor stop a workflow.
    """
    try:
        return shape.validate_python({} if request is None else request)
    except ValidationError as error:
        workflow.logger.warning("signal ignored", extra={"errors": error.error_count()})
        return None
