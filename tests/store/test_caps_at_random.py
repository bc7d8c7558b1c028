"""Any campaigns, caps, shared people and call lengths, many claims at once: no phone rings twice at once,
and none more often than the caps of its campaign allow.
"""

import random
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.frequency import Capped, FrequencyCap
from domain.gates import Gate
from domain.ports import Claimed
from tests.store.caps_night import MINUTE, Ending, Night, Script, Turn
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

_fresh_numbers = (f"+1415{number:07}" for number in count(1))
LENGTHS = (0, 0.25, 0.5, 1, 2, 5, 15)
TWICE, ONCE = FrequencyCap(2, 10 * MINUTE), FrequencyCap(1, 2 * MINUTE)
THRICE = FrequencyCap(3, 30 * MINUTE)


def numbers(many: int) -> tuple[str, ...]:
    """Return phones nobody was given before, for calls of other nights would count."""
    return tuple(next(_fresh_numbers) for _ in range(many))


caps = st.lists(
    st.builds(
        FrequencyCap, st.integers(1, 3), st.sampled_from([1, 2, 10, 30]).map(lambda each: each * MINUTE)
    ),
    max_size=2,
).map(tuple)
turns = st.builds(
    Turn,
    minutes=st.sampled_from(LENGTHS),
    claimants=st.lists(st.integers(0, 17), min_size=1, max_size=5).map(tuple),
    endings=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(Ending)), max_size=3).map(tuple),
)
scripts = st.builds(
    Script,
    campaigns=st.lists(caps, min_size=1, max_size=3).map(tuple),
    batches_each=st.integers(1, 2),
    phones=st.integers(1, 3),
    turns=st.lists(turns, min_size=4, max_size=24).map(tuple),
)

AT_ONCE = Script(
    campaigns=((TWICE,), (TWICE,)),
    batches_each=1,
    phones=1,
    turns=(Turn(0, (0, 1)), Turn(1, (0,)), Turn(1, (0,), ((0, Ending.BUSY),))),
)
"""Both batches of one person claim in the same instant, and again while the call goes on and ends."""
AT_THE_EDGE = Script(
    campaigns=((ONCE,),),
    batches_each=2,
    phones=1,
    turns=(Turn(0, (0,)), Turn(1, (0,), ((0, Ending.BUSY),)), Turn(0.5, (0,)), Turn(0.5, (0,))),
)
"""A claim in the very instant at which the ring before it leaves the window."""
NEVER_RANG = Script(
    campaigns=((ONCE,), ()),
    batches_each=1,
    phones=1,
    turns=(
        Turn(0, (0,)),
        Turn(0, (0,), ((0, Ending.NOT_DIALLED),)),
        Turn(0, (0, 1), ((0, Ending.REFUSED),)),
        Turn(0, (0,)),
    ),
)
"""An attempt that is given back, and one that the provider refuses."""


@example(AT_ONCE)
@example(AT_THE_EDGE)
@example(NEVER_RANG)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    # One database serves all nights: each has phones and campaigns of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=scripts)
async def test_nobody_is_rung_twice_at_once_or_more_often_than_allowed(
    stores: Stores, script: Script
) -> None:
    await Night(stores, numbers(script.phones)).play(script)


def a_long_script(seed: int) -> Script:
    """Return forty busy turns of three people in six batches of three campaigns."""
    dice = random.Random(seed)
    endings = (Ending.ANSWERED, Ending.BUSY, Ending.UNKNOWN, Ending.REFUSED, Ending.BUSY)
    return Script(
        campaigns=((TWICE,), (THRICE, ONCE), ()),
        batches_each=6,
        phones=3,
        turns=tuple(
            Turn(
                minutes=dice.choice(LENGTHS),
                claimants=tuple(dice.sample(range(54), 5)),
                endings=tuple((dice.randrange(3), dice.choice(endings)) for _ in range(dice.randrange(3))),
            )
            for _ in range(40)
        ),
    )


@pytest.mark.parametrize("seed", [7, 20, 413, 9001])
async def test_long_night_rings_often_and_is_withheld_for_every_reason(stores: Stores, seed: int) -> None:
    night = Night(stores, numbers(3))

    await night.play(a_long_script(seed))

    assert len(night.ledger) >= 15
    assert set(night.answers) == {Claimed, Capped, Gate}


async def test_of_many_claims_on_one_number_as_many_as_allowed_pass(stores: Stores) -> None:
    """Each claim's call has ended before the next claim, so that only the cap can withhold it."""
    night = Night(stores, numbers(1))
    each_call_ends = tuple(Turn(0, (0,), ((0, Ending.UNKNOWN),)) for _ in range(9))

    await night.play(Script(((TWICE,),), 6, 1, each_call_ends))

    assert len(night.ledger) == 2
    assert night.answers[Capped] >= 3
