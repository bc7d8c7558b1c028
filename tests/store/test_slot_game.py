"""The game with slots, for some seeds; `python -m tests.store.slot_game --games 1000` plays many."""

import pytest

from tests.store.slot_game import play
from tests.store.slot_guards import GUARDS

pytestmark = pytest.mark.store

FINDS = {
    "contacts give slots back": (2, 6, 8),
    "calls give slots back": (2, 13),
    "a claim needs a slot": (4,),
    "a campaign has its cap": (11, 12, 13),
    "a batch has its limit": (2, 5, 6),
    "a repeated request is one request": (1, 11, 5),
    "lost slots are looked for": (1, 4, 5),
    "overdue contacts need not ask": (1, 5),
    "rows are read again without a signal": (5,),
}
"""Seeds of games that fail without a guard; which of them does may change with the game."""


@pytest.mark.parametrize("seed", range(1, 5))
async def test_books_are_right_after_every_move_and_every_batch_ends(database_url: str, seed: int) -> None:
    await play(database_url, seed)


@pytest.mark.parametrize("guard", GUARDS)
async def test_game_finds_the_fault_again_when_a_guard_is_taken_out(database_url: str, guard: str) -> None:
    for seed in FINDS[guard]:
        if await _fails(database_url, seed, guard):
            return
    pytest.fail("none of these games failed: find others")


async def _fails(url: str, seed: int, guard: str) -> bool:
    try:
        await play(url, seed, [guard])
    except AssertionError:
        return True
    return False
