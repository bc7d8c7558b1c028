"""What may be done to a campaign or a batch in which status, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.errors import IllegalTransition


class Action(StrEnum):
    """What a client or an operator asks for."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DISPATCH = "dispatch"


_PARTICIPLE = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.CANCEL: "cancelled",
    Action.DISPATCH: "dispatched",
}


class Effect(StrEnum):
    """What an action does."""

    MOVES = "moves"
    NOTHING = "nothing"
    """Legal and already so: answered like the action itself."""


@dataclass(frozen=True)
class Step:
    """A legal action's effect and the status after it."""

    effect: Effect
    status: str


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
        raise IllegalTransition.of("Batch", status, _PARTICIPLE[action])
    return step


def step_of_campaign(status: CampaignStatus, action: Action) -> Step:
    """Return what an action does to a campaign. Raises IllegalTransition in the words of the contract."""
    step = _OF_CAMPAIGN.get((status, action))
    if step is None:
        raise IllegalTransition.of("Campaign", status, _PARTICIPLE[action])
    return step
