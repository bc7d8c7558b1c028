"""Which of a campaign's numbers is shown to the person called."""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class CallerIdStrategy(StrEnum):
    """How a caller ID is chosen; the wire calls it `phone_number_strategy`."""

    ROUND_ROBIN = "round_robin"
    RANDOM = "random"
    LEAST_LOADED = "least_loaded"
    """The number with the fewest live calls, the earliest listed among equals."""


def choose_caller_id(
    strategy: CallerIdStrategy,
    numbers: Sequence[str],
    *,
    turn: int,
    draw: float,
    live_calls: Mapping[str, int],
) -> str:
    """Return the number to show.

    `turn` counts dials from 0 and drives round robin; `draw` is a random number in [0, 1);
    `live_calls` says how many calls each number carries now, absent meaning none.
    """
    if strategy is CallerIdStrategy.ROUND_ROBIN:
        return numbers[turn % len(numbers)]
    if strategy is CallerIdStrategy.RANDOM:
        return numbers[int(draw * len(numbers))]
    return min(numbers, key=lambda number: live_calls.get(number, 0))
