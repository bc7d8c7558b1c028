"""The game with slots, for some seeds; `python -m tests.store.slot_game --games 1000` plays many."""

import pytest

from tests.store.slot_game import play

pytestmark = pytest.mark.store


@pytest.mark.parametrize("seed", range(1, 9))
async def test_books_are_right_after_every_move_and_every_batch_ends(database_url: str, seed: int) -> None:
    await play(database_url, seed)
