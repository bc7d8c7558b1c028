"""Which of a campaign's numbers is shown to the person called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.call import AttemptKind


class CallerIdStrategy(StrEnum):
    """How a caller ID is chosen; the wire calls it `phone_number_strategy`."""

    ROUND_ROBIN = "round_robin"
    """In rotation: each number is shown as often as any other, give or take one."""
    RANDOM = "random"
    LEAST_LOADED = "least_loaded"
    """The number with the fewest live calls of the campaign; equals rotate, so that none stays idle."""


@dataclass(frozen=True, kw_only=True)
class CallerIds:
    """The numbers that may be shown, and how one of them is chosen."""

    strategy: CallerIdStrategy
    numbers: tuple[str, ...]
    are_own: bool = False
    """Whether they are the batch's, with a rotation of its own; other batches share their campaign's."""
    is_sticky: bool = False
    """Whether a redial shows the number of the contact's first attempt."""


@dataclass(frozen=True, kw_only=True)
class ShownNumber:
    """The number that one attempt at a contact showed."""

    attempt: int
    number: str
    has_reached: bool
    """Whether its call was completed."""


def may_keep(ids: CallerIds, kind: AttemptKind) -> bool:
    """Tell whether an attempt may show a number that the contact was shown before."""
    return kind is AttemptKind.FOLLOW_UP or (ids.is_sticky and kind is AttemptKind.RETRY)


def kept_caller_id(ids: CallerIds, kind: AttemptKind, shown: Sequence[ShownNumber]) -> str | None:
    """Return the number that an attempt shows once more, None when one is to be chosen.

    A follow-up shows the number that reached the person last, whatever the strategy: it was agreed in that
    call, and the person knows it. A number that is no longer listed is not shown.
    """
    in_order = sorted(shown, key=lambda each: each.attempt)
    wanted = []
    if kind is AttemptKind.FOLLOW_UP:
        wanted += [each.number for each in in_order if each.has_reached][-1:]
    if ids.is_sticky and kind is not AttemptKind.INITIAL:
        wanted += [each.number for each in in_order[:1]]
    return next((number for number in wanted if number in ids.numbers), None)


def choose_caller_id(
    strategy: CallerIdStrategy,
    numbers: Sequence[str],
    *,
    cursor: int,
    draw: float,
    live_calls: Mapping[str, int],
) -> str:
    """Return the number to show.

    `cursor` counts the choices made before, from 0; `draw` is a random number in [0, 1);
    `live_calls` says how many calls each number carries now, absent meaning none.
    """
    match strategy:
        case CallerIdStrategy.ROUND_ROBIN:
            return numbers[cursor % len(numbers)]
        case CallerIdStrategy.RANDOM:
            return numbers[int(draw * len(numbers))]
        case CallerIdStrategy.LEAST_LOADED:
            fewest = min(live_calls.get(number, 0) for number in numbers)
            equals = [number for number in numbers if live_calls.get(number, 0) == fewest]
            return equals[cursor % len(equals)]
