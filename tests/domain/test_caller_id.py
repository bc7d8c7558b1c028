"""Which number is shown to the person called."""

from dataclasses import replace

import pytest

from domain.call import AttemptKind
from domain.caller_id import (
    CallerIds,
    CallerIdStrategy,
    ShownNumber,
    choose_caller_id,
    kept_caller_id,
    may_keep,
)

FIRST, SECOND, THIRD = NUMBERS = ("+14155550180", "+14155550181", "+14155550182")
UNLISTED = "+14155550199"
IDS = CallerIds(strategy=CallerIdStrategy.LEAST_LOADED, numbers=NUMBERS)
STICKY = replace(IDS, is_sticky=True)
INITIAL, RETRY, FOLLOW_UP = AttemptKind.INITIAL, AttemptKind.RETRY, AttemptKind.FOLLOW_UP


def choose(
    strategy: CallerIdStrategy, *, cursor: int = 0, draw: float = 0, live: dict[str, int] | None = None
) -> int:
    return NUMBERS.index(choose_caller_id(strategy, NUMBERS, cursor=cursor, draw=draw, live_calls=live or {}))


def shown(*numbers: str, reached_by: int = 0) -> list[ShownNumber]:
    """What the attempts from the first on showed, the newest before the others."""
    return [
        ShownNumber(attempt=attempt, number=number, has_reached=attempt == reached_by)
        for attempt, number in reversed(list(enumerate(numbers, start=1)))
    ]


def test_round_robin_takes_the_numbers_in_turn() -> None:
    assert [choose(CallerIdStrategy.ROUND_ROBIN, cursor=cursor) for cursor in range(5)] == [0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("draw", "index"), [(0.0, 0), (0.33, 0), (0.34, 1), (0.67, 2), (0.999999, 2)], ids=str
)
def test_random_spreads_evenly_over_the_numbers(draw: float, index: int) -> None:
    assert choose(CallerIdStrategy.RANDOM, draw=draw) == index


@pytest.mark.parametrize(
    ("live", "index"),
    [
        pytest.param({FIRST: 2, SECOND: 1, THIRD: 2}, 1, id="the fewest"),
        pytest.param({FIRST: 1, SECOND: 1}, 2, id="absent means none"),
        pytest.param({UNLISTED: 9, FIRST: 1, THIRD: 1}, 1, id="calls of other numbers do not matter"),
    ],
)
def test_least_loaded_takes_the_number_with_the_fewest_live_calls(live: dict[str, int], index: int) -> None:
    chosen = [choose(CallerIdStrategy.LEAST_LOADED, live=live, cursor=cursor) for cursor in range(3)]
    assert chosen == [index] * 3


@pytest.mark.parametrize(
    ("live", "indexes"),
    [
        pytest.param({}, [0, 1, 2, 0, 1, 2], id="all are idle"),
        pytest.param({FIRST: 1, SECOND: 2, THIRD: 1}, [0, 2, 0, 2, 0, 2], id="two of three"),
    ],
)
def test_numbers_with_equally_few_live_calls_take_turns(live: dict[str, int], indexes: list[int]) -> None:
    assert [choose(CallerIdStrategy.LEAST_LOADED, live=live, cursor=cursor) for cursor in range(6)] == indexes


@pytest.mark.parametrize(
    ("ids", "kind", "before", "kept"),
    [
        pytest.param(IDS, FOLLOW_UP, shown(SECOND, reached_by=1), SECOND, id="follow-up: what reached them"),
        pytest.param(
            IDS, FOLLOW_UP, shown(FIRST, SECOND, THIRD, reached_by=2), SECOND, id="follow-up after a busy one"
        ),
        pytest.param(
            STICKY, FOLLOW_UP, shown(FIRST, SECOND, reached_by=2), SECOND, id="follow-up: before stickiness"
        ),
        pytest.param(
            IDS,
            FOLLOW_UP,
            [
                ShownNumber(attempt=1, number=FIRST, has_reached=True),
                ShownNumber(attempt=2, number=SECOND, has_reached=True),
            ],
            SECOND,
            id="follow-up: the newest conversation",
        ),
        pytest.param(IDS, FOLLOW_UP, shown(UNLISTED, reached_by=1), None, id="follow-up: no longer listed"),
        pytest.param(IDS, FOLLOW_UP, shown(FIRST), None, id="follow-up: nobody was reached"),
        pytest.param(
            STICKY, FOLLOW_UP, shown(FIRST, UNLISTED, reached_by=2), FIRST, id="sticky follow-up: the first"
        ),
        pytest.param(STICKY, RETRY, shown(THIRD, FIRST), THIRD, id="sticky retry: the first attempt's"),
        pytest.param(STICKY, RETRY, shown(UNLISTED, FIRST), None, id="sticky retry: no longer listed"),
        pytest.param(STICKY, RETRY, [], None, id="sticky retry: nothing was shown"),
        pytest.param(IDS, RETRY, shown(THIRD, reached_by=1), None, id="retry"),
        pytest.param(STICKY, INITIAL, shown(THIRD), None, id="first attempt"),
    ],
)
def test_number_a_contact_was_shown_before_is_shown_again(
    ids: CallerIds, kind: AttemptKind, before: list[ShownNumber], kept: str | None
) -> None:
    assert kept_caller_id(ids, kind, before) == kept


@pytest.mark.parametrize(
    ("ids", "kinds"),
    [
        pytest.param(IDS, [FOLLOW_UP], id="not sticky"),
        pytest.param(STICKY, [RETRY, FOLLOW_UP], id="sticky"),
    ],
)
def test_what_was_shown_before_matters_only_where_it_may_be_kept(
    ids: CallerIds, kinds: list[AttemptKind]
) -> None:
    assert [kind for kind in AttemptKind if may_keep(ids, kind)] == kinds
