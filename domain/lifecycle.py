"""Which actions a campaign or a batch allows in which status, and the status after them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import WAITING, Contact, ContactStatus
from domain.errors import IllegalTransition


class Action(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DISPATCH = "dispatch"
    CLOSE = "close"


PAST = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.CANCEL: "cancelled",
    Action.DISPATCH: "dispatched",
    Action.CLOSE: "closed",
}


class Effect(StrEnum):
    MOVES = "moves"
    NOTHING = "nothing"
    """Legal and already so: answered like the action itself."""


@dataclass(frozen=True)
class Step:
    """A legal action's effect and the status after it."""

    effect: Effect
    status: str


TAKEN_AT_ANY_TIME = frozenset({"name", "metadata"})
"""Fields that a batch takes when it is over, too: they bear on no call."""

_B, _C = BatchStatus, CampaignStatus

# Contract 6.2; a resumed batch whose start lies ahead is pending again, which the caller knows.
_OF_BATCH: Mapping[tuple[BatchStatus, Action], Step] = {
    (_B.PENDING, Action.PAUSE): Step(Effect.MOVES, _B.PAUSED),
    (_B.IN_PROGRESS, Action.PAUSE): Step(Effect.MOVES, _B.PAUSED),
    (_B.PAUSED, Action.PAUSE): Step(Effect.NOTHING, _B.PAUSED),
    (_B.PENDING, Action.RESUME): Step(Effect.NOTHING, _B.PENDING),
    (_B.IN_PROGRESS, Action.RESUME): Step(Effect.NOTHING, _B.IN_PROGRESS),
    (_B.PAUSED, Action.RESUME): Step(Effect.MOVES, _B.IN_PROGRESS),
    (_B.PENDING, Action.CANCEL): Step(Effect.MOVES, _B.CANCELLED),
    (_B.IN_PROGRESS, Action.CANCEL): Step(Effect.MOVES, _B.CANCELLED),
    (_B.PAUSED, Action.CANCEL): Step(Effect.MOVES, _B.CANCELLED),
    (_B.CANCELLED, Action.CANCEL): Step(Effect.NOTHING, _B.CANCELLED),
    (_B.IN_PROGRESS, Action.DISPATCH): Step(Effect.NOTHING, _B.IN_PROGRESS),
    # Closing moves no batch: one that is not kept open any more completes once everybody is done.
    (_B.PENDING, Action.CLOSE): Step(Effect.NOTHING, _B.PENDING),
    (_B.IN_PROGRESS, Action.CLOSE): Step(Effect.NOTHING, _B.IN_PROGRESS),
    (_B.PAUSED, Action.CLOSE): Step(Effect.NOTHING, _B.PAUSED),
}

# Contract 6.1.
_OF_CAMPAIGN: Mapping[tuple[CampaignStatus, Action], Step] = {
    (_C.ACTIVE, Action.PAUSE): Step(Effect.MOVES, _C.PAUSED),
    (_C.PAUSED, Action.PAUSE): Step(Effect.NOTHING, _C.PAUSED),
    (_C.ACTIVE, Action.RESUME): Step(Effect.NOTHING, _C.ACTIVE),
    (_C.PAUSED, Action.RESUME): Step(Effect.MOVES, _C.ACTIVE),
    (_C.DRAFT, Action.CANCEL): Step(Effect.MOVES, _C.CANCELLED),
    (_C.ACTIVE, Action.CANCEL): Step(Effect.MOVES, _C.CANCELLED),
    (_C.PAUSED, Action.CANCEL): Step(Effect.MOVES, _C.CANCELLED),
    (_C.CANCELLED, Action.CANCEL): Step(Effect.NOTHING, _C.CANCELLED),
}


def step_of_batch(status: BatchStatus, action: Action) -> Step:
    """Return what an action does to a batch. Raises IllegalTransition in the words of the contract."""
    step = _OF_BATCH.get((status, action))
    if step is None:
        raise IllegalTransition.of("Batch", status, PAST[action])
    return step


def changes_nothing(batch: Batch, action: Action) -> bool:
    """Tell whether a batch stands already as an action would leave it. Raises IllegalTransition."""
    step = step_of_batch(batch.status, action)
    return not batch.keep_open if action is Action.CLOSE else step.effect is Effect.NOTHING


def step_of_campaign(status: CampaignStatus, action: Action) -> Step:
    """Return what an action does to a campaign. Raises IllegalTransition in the words of the contract."""
    step = _OF_CAMPAIGN.get((status, action))
    if step is None:
        raise IllegalTransition.of("Campaign", status, PAST[action])
    return step


def status_of_resumed_batch(scheduled_start: datetime | None, now: datetime) -> BatchStatus:
    """Return where a batch goes on: it waits again while its start lies ahead."""
    return BatchStatus.PENDING if _lies_ahead(scheduled_start, now) else BatchStatus.IN_PROGRESS


def require_dispatchable(batch: Batch, *, start_now: bool) -> None:
    """Raise IllegalTransition for a batch that cannot be handed to calling; contract 6.3."""
    if batch.status is not BatchStatus.PENDING:
        step_of_batch(batch.status, Action.DISPATCH)
    elif not start_now:
        raise IllegalTransition(
            f"Batch is pending until {_wire(batch.scheduled_start)} and cannot be dispatched;"
            " use ?now=true to start it at once"
        )


def require_open_to_contacts(status: BatchStatus) -> None:
    """Raise IllegalTransition for a batch that is over."""
    if status in TERMINAL_BATCH:
        raise IllegalTransition(f"Batch is {status} and cannot take contacts")


def require_deletable(status: BatchStatus) -> None:
    """Raise IllegalTransition for a batch that is not over."""
    if status not in TERMINAL_BATCH:
        raise IllegalTransition(f"Batch is {status} and cannot be deleted")


def require_changeable(batch: Batch, fields: Collection[str], now: datetime) -> None:
    """Raise IllegalTransition for fields that a batch does not take where it stands; contract 20."""
    if batch.status in TERMINAL_BATCH and not TAKEN_AT_ANY_TIME.issuperset(fields):
        raise IllegalTransition.of("Batch", batch.status, "changed but for its name and metadata")
    if "scheduled_start" in fields and not _lies_ahead(batch.scheduled_start, now):
        raise IllegalTransition("Batch has started and its scheduled_start cannot be changed")


def status_after_change(batch: Batch, now: datetime) -> BatchStatus:
    """Return where a changed batch stands: it begins where its start lies ahead no more."""
    if batch.status is BatchStatus.PENDING and not _lies_ahead(batch.scheduled_start, now):
        return BatchStatus.IN_PROGRESS
    return batch.status


def require_skippable(status: ContactStatus) -> None:
    """Raise IllegalTransition for a contact that does not wait."""
    if status not in WAITING:
        raise IllegalTransition.of("Contact", status, "skipped")


def require_room_for_follow_up(contact: Contact, batch: BatchStatus, max_follow_ups: int) -> None:
    """Raise IllegalTransition unless the contact is completed, its batch goes on and a follow-up is left."""
    if contact.status is not ContactStatus.COMPLETED:
        raise IllegalTransition.of("Contact", contact.status, "given a follow-up")
    if contact.erased_at is not None:
        raise IllegalTransition("Contact is erased and cannot be given a follow-up")
    if batch in TERMINAL_BATCH:
        raise IllegalTransition.of("Batch", batch, "given a follow-up")
    if contact.follow_up_count >= max_follow_ups:
        raise IllegalTransition(f"Contact has no follow-up left (limit {max_follow_ups})")


def _lies_ahead(scheduled_start: datetime | None, now: datetime) -> bool:
    return scheduled_start is not None and scheduled_start > now


def _wire(instant: datetime | None) -> str:
    if instant is None:
        return "its start"
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond >= 1000 else "seconds") + "Z"
