"""What workflows ask of activities and what they hear back: ids and numbers, nobody's data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus
from domain.dial_reservations import DialReservation
from domain.disposition import AnsweredBy
from domain.gates import Gate
from domain.lifecycle import Action
from domain.watchdog import CallTiming


@dataclass(frozen=True)
class BeginBatch:
    """Ask to open a batch whose scheduled start has come."""

    batch_id: str


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
class HangUpMachine:
    """Ask to end a call that a machine answered, should it still go on."""

    contact_id: str
    attempt: int


@dataclass(frozen=True)
class FinishBatch:
    """Ask to complete a batch whose contacts are all terminal."""

    batch_id: str


@dataclass(frozen=True, kw_only=True)
class FinishedBatch:
    """Whether the batch is over; False while a contact is unfinished."""

    is_over: bool


@dataclass(frozen=True, kw_only=True)
class CloseContact:
    """Ask to end a contact whose workflow died, with the outcome of its newest call."""

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
    turn: DialReservation | None = None
    """The instant a former answer reserved, where its campaign has a pace."""
    until_ended: bool = False
    """The activity may last until the call that was placed has ended."""


class DialAnswer(StrEnum):
    """What came of asking for a call."""

    PLACED = "placed"
    """The provider places it, or it has ended already."""
    AMBIGUOUS = "ambiguous"
    """The call may have been placed: follow it, never place it again."""
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
    turn: DialReservation | None = None
    """The instant this dial has for itself, to be handed back when it is asked for again."""
    presets: tuple[str, ...] = ()
    """Whose hours or caps withheld the call, by name; none where the campaign's own rules did."""


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
    started_by: str | None = None
    """The run of the batch's workflow that started the contact's, and may hear of its end."""


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
    answered_by: AnsweredBy | None = None
    disposition: str | None = None
    """Of the call, as far as they were reported when the attempt was settled."""


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


@dataclass(frozen=True, kw_only=True)
class StopContacts:
    """Ask to wake the skipped contacts behind a position, so that their workflows end."""

    batch_id: str
    after_position: int
    limit: int


@dataclass(frozen=True)
class StoppedContacts:
    """Where to go on; None when none is left."""

    next_position: int | None
