"""Creates that are struck while they are under way: whoever repeats them with their key makes one batch.

The same with sixty rounds: `python -m tests.hostile.repeated_creates`.
"""

import pytest

from tests.e2e.world import a_fresh_world
from tests.hostile.blows import Blow, Moment
from tests.hostile.repeated_creates import Storm, drawn_rounds

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

SEED = 7
SHARPEST = (
    (Blow.KILLED_WHILE_FROZEN, Moment.WHILE_WRITTEN),
    (Blow.TEMPORAL_FROZEN, Moment.WHILE_WRITTEN),
    (Blow.POSTGRES_FROZEN, Moment.WHILE_WRITTEN),
)


def test_create_that_was_struck_makes_one_batch_when_it_is_repeated_with_its_key() -> None:
    rounds = [
        next(each for each in drawn_rounds(SEED) if (each.blow, each.moment) == sharp) for sharp in SHARPEST
    ]
    with a_fresh_world() as world:
        storm = Storm(world)
        storm.run(rounds)

        assert [tale.round.blow for tale in storm.tales] == [blow for blow, _ in SHARPEST]
        assert storm.faults() == []
