"""What workflows ask of activities and what they hear back: ids and numbers, nobody's data."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.batch import BatchStatus, PausedBy
from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus
from domain.dial_turns import DialTurn
from domain.gates import Gate
from domain.lifecycle import Action
from domain.watchdog import CallTiming


@dataclass(frozen=True)
class LoadBatch:
    """Ask how a batch stands in the database."""

    batch_id: str


@dataclass(frozen=True)
class SlotHolder:
    """A contact that is being called, and the attempt."""

    contact_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class LoadedBatch:
    """A batch as its workflow needs it; None everywhere a batch no longer exists."""

    exists: bool
    status: BatchStatus = BatchStatus.CANCELLED
    total_contacts: int = 0
    concurrency_limit: int = 0
    campaign_limit: int | None = None
    """The cap it shares with its campaign's other batches."""
    scheduled_start: datetime | None = None
    scheduled_end: datetime | None = None
    paused_by: PausedBy | None = None
    counts: dict[ContactStatus, int] = field(default_factory=dict)
    live: list[SlotHolder] = field(default_factory=list)


@dataclass(frozen=True)
class BeginBatch:
    """Ask to open a batch whose scheduled start has come."""

    batch_id: str


@dataclass(frozen=True, kw_only=True)
class NextContacts:
    """Ask for fresh contacts behind a position."""

    batch_id: str
    after_position: int
    limit: int


@dataclass(frozen=True)
class FreshContact:
    """A contact never handed to telephony."""

    contact_id: str
    position: int


@dataclass(frozen=True, kw_only=True)
class FreshPage:
    """Fresh contacts who may be called now, and when the next of the others may."""

    contacts: list[FreshContact]
    opens_at: datetime | None = None
    """When to read again: a window opens that keeps pending contacts waiting, or a busy number may be free.

    None when nobody was left out.
    """
    busy: int = 0
    """How many more were looked at and left out, for their numbers are on the phone."""
    last_position: int = 0
    """The position of the last one looked at, 0 when there was none."""
    capped: int = 0
    """How many more were looked at and left out, for their numbers were called as often as they may be."""
    capped_until: datetime | None = None
    """When the first of these may be called, None when none may be before the batch's end."""


@dataclass(frozen=True, kw_only=True)
class ActOnBatch:
    """Ask to pause, resume or cancel a batch; what its life cycle forbids changes nothing."""

    batch_id: str
    action: Action


@dataclass(frozen=True)
class ActedOnBatch:
    """The batch's status after an action, or why it could not be done."""

    came_of: str


@dataclass(frozen=True)
class ExpireBatch:
    """Ask to end a batch whose scheduled end has come."""

    batch_id: str


@dataclass(frozen=True)
class HangUpSkipped:
    """Ask to end the open calls of skipped contacts."""

    batch_id: str


@dataclass(frozen=True, kw_only=True)
class DueContacts:
    """Ask for contacts whose retry or follow-up is due."""

    batch_id: str
    limit: int


@dataclass(frozen=True)
class SlotRequest:
    """A contact that wants to be called again: the attempt it waits for, and why."""

    contact_id: str
    attempt: int
    kind: AttemptKind


@dataclass(frozen=True)
class FinishBatch:
    """Ask to complete a batch whose contacts are all terminal."""

    batch_id: str


@dataclass(frozen=True, kw_only=True)
class FinishedBatch:
    """Whether the batch is over; False while a contact is unfinished."""

    is_over: bool


@dataclass(frozen=True, kw_only=True)
class FindClosedContacts:
    """Ask which contacts' workflows are no longer running."""

    batch_id: str
    contact_ids: list[str]


@dataclass(frozen=True, kw_only=True)
class CloseContact:
    """Ask to end a contact whose workflow died, with whatever its newest call came to."""

    contact_id: str
    attempt: int
    """The attempt it held a slot for, 0 when it held none."""


@dataclass(frozen=True, kw_only=True)
class ClosedContact:
    """Where the contact stood and stands; still live while its call is."""

    was: ContactStatus
    status: ContactStatus


@dataclass(frozen=True, kw_only=True)
class PlaceCall:
    """Ask for one call to one contact."""

    contact_id: str
    attempt: int
    kind: AttemptKind
    turn: DialTurn | None = None
    """The instant a former answer reserved, where its campaign has a pace."""


class DialAnswer(StrEnum):
    """What came of asking for a call."""

    PLACED = "placed"
    """The provider places it, or it has ended already."""
    AMBIGUOUS = "ambiguous"
    """It may have been placed: listen and look, never ask again."""
    ASK_AGAIN = "ask_again"
    """Certainly not placed: ask again later under the same attempt."""
    WITHHELD = "withheld"
    """A gate was closed; nobody was asked."""


@dataclass(frozen=True, kw_only=True)
class PlacedCall:
    """What came of asking for a call, and the limits it is held to."""

    answer: DialAnswer
    asked_at: datetime
    call_status: CallStatus = CallStatus.QUEUED
    timing: CallTiming | None = None
    """Set when a call was placed or may have been."""
    ask_again_in: timedelta | None = None
    gate: Gate | None = None
    opens_at: datetime | None = None
    """When the window that withheld the call opens, None when it never does.

    Of a number that was busy, when to ask again.
    """
    turn: DialTurn | None = None
    """The instant this dial has for itself, to be handed back when it is asked for again."""


@dataclass(frozen=True, kw_only=True)
class CheckCall:
    """Ask the provider where a silent call stands."""

    contact_id: str
    attempt: int
    conclude: bool = False
    """When the provider does not know the call, that is the end of it."""
    must_end: bool = False
    """No call can still be alive: end the attempt whatever the provider says."""


@dataclass(frozen=True, kw_only=True)
class CheckedCall:
    """Where the call stands after asking."""

    call_status: CallStatus
    is_known: bool
    """False when neither the provider nor we have heard of the call."""


@dataclass(frozen=True, kw_only=True)
class SettleAttempt:
    """Ask what follows an attempt that ended, and to tell the batch."""

    batch_id: str
    contact_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class SettledAttempt:
    """What follows an attempt."""

    status: ContactStatus
    due_at: datetime | None = None
    """When the contact is called again, None when it is not."""
    kind: AttemptKind | None = None
    """Of the next attempt."""
    spread: timedelta = timedelta()
    """How long after `due_at` the wake-up may be put off, for others wait for the same instant."""
    summary: str = ""
    """For the timer until then, such as *redial 2 of 3*."""
    batch_is_gone: bool = False


@dataclass(frozen=True, kw_only=True)
class ReturnSlot:
    """Ask to take a contact back that a gate withheld, and to tell the batch."""

    batch_id: str
    contact_id: str
    attempt: int
    due_at: datetime | None = None
    """When a contact that waits to be called again is to be called instead."""
    ends: bool = False
    """There is no such time before the batch's end: a retry is over, and the last outcome stays."""


@dataclass(frozen=True, kw_only=True)
class ReturnedSlot:
    """Where the contact stands without its slot."""

    status: ContactStatus
    batch_is_gone: bool
    spread: timedelta = timedelta()
    """How long after its new time it may ask again, for others wait for the same instant."""
