"""Which number is shown to the person called."""

import pytest

from domain.caller_id import CallerIdStrategy, choose_caller_id

NUMBERS = ["+14155550180", "+14155550181", "+14155550182"]


def choose(
    strategy: CallerIdStrategy, *, turn: int = 0, draw: float = 0, live: dict[str, int] | None = None
) -> int:
    return NUMBERS.index(choose_caller_id(strategy, NUMBERS, turn=turn, draw=draw, live_calls=live or {}))


def test_round_robin_takes_the_numbers_in_turn() -> None:
    assert [choose(CallerIdStrategy.ROUND_ROBIN, turn=turn) for turn in range(5)] == [0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("draw", "index"), [(0.0, 0), (0.33, 0), (0.34, 1), (0.67, 2), (0.999999, 2)], ids=str
)
def test_random_spreads_evenly_over_the_numbers(draw: float, index: int) -> None:
    assert choose(CallerIdStrategy.RANDOM, draw=draw) == index


@pytest.mark.parametrize(
    ("live", "index"),
    [
        pytest.param({}, 0, id="nothing live: the first listed"),
        pytest.param({NUMBERS[0]: 2, NUMBERS[1]: 1, NUMBERS[2]: 1}, 1, id="equals: the earlier listed"),
        pytest.param({NUMBERS[0]: 1, NUMBERS[1]: 1}, 2, id="absent means none"),
    ],
)
def test_least_loaded_takes_the_number_with_the_fewest_live_calls(live: dict[str, int], index: int) -> None:
    assert choose(CallerIdStrategy.LEAST_LOADED, live=live) == index
