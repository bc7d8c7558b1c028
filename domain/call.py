"""One attempt and the call it places: statuses, their order, and how events change the call record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.disposition import MACHINES, AnsweredBy
from domain.given_time import GivenTime
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId


class CallStatus(StrEnum):
    """Where a call stands; wire values of `call_status`."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The call may have been placed, and its ending cannot be learnt."""
    CANCELLED = "cancelled"
    """Given up before a call was placed."""


class Outcome(StrEnum):
    """How an attempt ended, in the terms of the redial policy."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Counts as an attempt and is redialled only where a campaign asks for it."""
    VOICEMAIL = "voicemail"
    """A machine answered, under a policy that takes this for unsuccessful; else the outcome is completed."""


class AttemptKind(StrEnum):
    """Why an attempt was made."""

    INITIAL = "initial"
    RETRY = "retry"
    FOLLOW_UP = "follow_up"


class DialState(StrEnum):
    """What has been asked of the provider for one attempt: the memory behind *a phone rings at most once*."""

    READY = "ready"
    """The provider was not asked, or certainly did not dial."""
    DIALLING = "dialling"
    """The provider is being asked, or the worker died while asking: never ask again."""
    ACCEPTED = "accepted"
    """The provider said it placed the call."""
    AMBIGUOUS = "ambiguous"
    """The provider may have placed the call."""
    REFUSED = "refused"
    """The provider said no for good."""


ASKED = (DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS)
"""States in which the provider was asked and may have dialled."""
LIVE_CALLS = (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS)


RANK = {
    CallStatus.QUEUED: 10,
    CallStatus.RINGING: 20,
    CallStatus.IN_PROGRESS: 30,
    CallStatus.UNKNOWN: 80,  # below the endings: a late real ending corrects it
    CallStatus.COMPLETED: 90,
    CallStatus.BUSY: 90,
    CallStatus.NO_ANSWER: 90,
    CallStatus.FAILED: 90,
    CallStatus.CANCELLED: 90,
}
"""A call's status never falls in rank; of two endings the first wins."""

OUTCOME_OF = {
    CallStatus.COMPLETED: Outcome.COMPLETED,
    CallStatus.BUSY: Outcome.BUSY,
    CallStatus.NO_ANSWER: Outcome.NO_ANSWER,
    CallStatus.FAILED: Outcome.FAILED,
    CallStatus.UNKNOWN: Outcome.UNKNOWN,
}


PLACED_STATUSES = frozenset(
    {
        CallStatus.RINGING,
        CallStatus.IN_PROGRESS,
        CallStatus.COMPLETED,
        CallStatus.BUSY,
        CallStatus.NO_ANSWER,
    }
)
"""Statuses that only a placed call reaches."""
MAY_BE_CONVERSATIONS = frozenset({CallStatus.COMPLETED, CallStatus.UNKNOWN})
"""Endings of calls in which somebody may have spoken."""


def has_ended(status: CallStatus) -> bool:
    """Tell whether nothing more is expected of the call."""
    return RANK[status] >= RANK[CallStatus.UNKNOWN]


class EventSource(StrEnum):
    """How Apollo learnt of a status."""

    WEBHOOK = "webhook"
    POLL = "poll"
    DIAL = "dial"
    """From the provider's answer to the dial itself, or from a missing answer."""


@dataclass(frozen=True, kw_only=True)
class StatusEvent:
    """News of one call, from a provider's webhook or from its answer to a request of ours."""

    status: CallStatus
    happened_at: datetime
    source: EventSource = EventSource.WEBHOOK
    provider_call_id: str | None = None
    sip_status: int | None = None
    duration_seconds: int | None = None
    """Whole seconds from answer to end."""
    hangup_by: str | None = None
    hangup_reason: str | None = None
    recording_url: str | None = None
    transcript: str | None = None
    summary: str | None = None
    sentiment: str | None = None
    total_cost: float | None = None
    follow_up_at: datetime | None = None
    local_follow_up: GivenTime | None = None
    """A follow-up without an offset, until its zone is known."""
    answered_by: AnsweredBy | None = None
    disposition: str | None = None
    disposition_note: str | None = None
    disposition_data: Mapping[str, object] | None = None
    error: str | None = None
    unread_fields: tuple[str, ...] = ()
    """Fields that could not be read, each as `field: reason`; never a value."""

    def in_zone(self, timezone: str) -> "StatusEvent":
        """Return the event with its follow-up as an instant, taking a local one to be in `timezone`."""
        if self.local_follow_up is None:
            return self
        try:
            at = self.local_follow_up.instant(timezone)
        except ValueError as error:
            unread = (*self.unread_fields, f"follow_up_at: {error}")
            return replace(self, local_follow_up=None, unread_fields=unread)
        return replace(self, local_follow_up=None, follow_up_at=at)


class EventEffect(StrEnum):
    """What a received event did; wire values of the webhook's `result`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    IGNORED = "ignored"


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """What is known of one attempt. All instants are aware."""

    execution_id: ExecutionId
    contact_id: ContactId
    batch_id: BatchId
    campaign_id: CampaignId
    attempt: int
    kind: AttemptKind
    call_status: CallStatus = CallStatus.QUEUED
    dial_state: DialState = DialState.READY
    provider: str | None = None
    provider_call_id: str | None = None
    from_number: str | None = None
    to_number: str
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: int | None = None
    recording_url: str | None = None
    transcript: str | None = None
    summary: str | None = None
    sentiment: str | None = None
    hangup_by: str | None = None
    hangup_reason: str | None = None
    total_cost: float | None = None
    sip_status: int | None = None
    error: str | None = None
    answered_by: AnsweredBy | None = None
    disposition: str | None = None
    """What the agent says came of the talk; final once the call has ended."""
    disposition_note: str | None = None
    disposition_data: Mapping[str, object] | None = None
    follow_up_at: datetime | None = None
    """Asked for by the event that ended the call; not on the wire."""
    awaited_by: str | None = None
    """Run and activity of the workflow that last as long as the call, such as `run/1`; not on the wire."""


_REPORTED = (
    "provider_call_id",
    "recording_url",
    "transcript",
    "summary",
    "sentiment",
    "hangup_by",
    "hangup_reason",
    "total_cost",
    "duration_seconds",
    "error",
    "answered_by",
    "disposition",
    "disposition_note",
    "disposition_data",
)
_DISPOSED = ("disposition", "disposition_note", "disposition_data")

_EMPTY = (None, "")


def apply_event(record: CallRecord, event: StatusEvent) -> tuple[CallRecord, EventEffect]:
    """Return the record after `event`, and whether the event moved it.

    Status only moves forward and the first ending wins.
    A repetition of where the call stands may fill fields that are still empty, and moves nothing.
    A disposition of a call that goes on replaces an earlier one; who answered is decided once, in whatever
    order the events arrive.
    Raises ValueError for an event whose follow-up still waits for its zone.
    """
    if event.local_follow_up is not None:
        raise ValueError("A local time without a zone is no instant")
    if RANK[event.status] > RANK[record.call_status]:
        return _advance(record, event), EventEffect.ACCEPTED
    if event.status is record.call_status:
        return _fill_gaps(record, event), EventEffect.STALE
    return _with_answerer(record, event), EventEffect.STALE


def was_conversation(record: CallRecord) -> bool:
    """Tell whether somebody was spoken to, as far as is known: in doubt the call was one."""
    is_or_may_be = record.call_status in MAY_BE_CONVERSATIONS
    return (record.answered_at is not None or is_or_may_be) and record.answered_by not in MACHINES


def _advance(record: CallRecord, event: StatusEvent) -> CallRecord:
    # A provider's clock may be wrong; a later step must never get an earlier time.
    known = (record.started_at, record.answered_at)
    happened_at = max([event.happened_at, *(at for at in known if at is not None)])
    filled = _with_disposition(_fill_gaps(record, event), event)
    was_unknown = record.call_status is CallStatus.UNKNOWN
    return replace(
        filled,
        call_status=event.status,
        sip_status=event.sip_status if event.sip_status is not None else record.sip_status,
        answered_at=_answered_at(record, event, happened_at),
        ended_at=happened_at if has_ended(event.status) else None,
        error=event.error if was_unknown else filled.error,
        follow_up_at=_agreed_at(filled, event),
    )


def _answered_at(record: CallRecord, event: StatusEvent, happened_at: datetime) -> datetime | None:
    """An ending `completed` implies an answer, also when the event that said so was lost."""
    if record.answered_at is not None:
        return record.answered_at
    if event.status is CallStatus.IN_PROGRESS:
        return happened_at
    if event.status is CallStatus.COMPLETED:
        answered_at = happened_at - timedelta(seconds=event.duration_seconds or 0)
        return max(answered_at, record.started_at) if record.started_at else answered_at
    return None


def _agreed_at(record: CallRecord, event: StatusEvent) -> datetime | None:
    """What the agent agreed with its disposition stands, unless the ending says otherwise."""
    told = event.follow_up_at if has_ended(event.status) else None
    return told or record.follow_up_at


def _with_answerer(record: CallRecord, event: StatusEvent) -> CallRecord:
    """Who answered is true wherever the call stands by now."""
    if record.answered_by is not None or event.answered_by is None:
        return record
    return replace(record, answered_by=event.answered_by)


def _with_disposition(record: CallRecord, event: StatusEvent) -> CallRecord:
    """The latest disposition wins, with its note and data; of an ended call the first."""
    if event.disposition is None or has_ended(record.call_status):
        return record
    # With its own agreement too, which only an ending brings.
    return replace(record, follow_up_at=None, **{name: getattr(event, name) for name in _DISPOSED})


def _fill_gaps(record: CallRecord, event: StatusEvent) -> CallRecord:
    missing = {
        name: getattr(event, name)
        for name in _REPORTED
        if getattr(record, name) in _EMPTY and getattr(event, name) not in _EMPTY
    }
    if event.disposition is not None and record.disposition not in (None, event.disposition):
        missing = {name: value for name, value in missing.items() if name not in _DISPOSED}
    return replace(record, **missing) if missing else record
