"""How slots are divided: nobody gets more than wanted, nothing wanted is left over, differences stay fair."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import BatchId
from domain.slots import SlotDemand, batches_to_tell, fair_shares, free_slots, waiting_batches

A, B, C = BatchId("a"), BatchId("b"), BatchId("c")
NAMES = st.text("abcdef", min_size=1, max_size=3).map(BatchId)
DEMANDS = st.dictionaries(
    NAMES,
    st.tuples(st.integers(0, 20), st.integers(0, 60)).map(
        lambda told: SlotDemand(held=told[0], wants=max(told))
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize(
    ("wants", "limit", "shares"),
    [
        pytest.param({}, 15, {}, id="nobody"),
        pytest.param({A: 10}, 15, {A: 10}, id="alone within the limit"),
        pytest.param({A: 20}, 15, {A: 15}, id="alone over the limit"),
        pytest.param({A: 10, B: 10, C: 10}, 15, {A: 5, B: 5, C: 5}, id="alike"),
        pytest.param({A: 100, B: 3}, 15, {A: 12, B: 3}, id="a modest one gets all it wants"),
        pytest.param({B: 10, A: 10}, 15, {A: 8, B: 7}, id="an odd slot goes to the first by name"),
        pytest.param({A: 9, B: 8}, 15, {A: 7, B: 8}, id="an odd slot goes to who wants least"),
        pytest.param({A: 1, B: 1, C: 1}, 2, {A: 1, B: 1, C: 0}, id="more batches than slots"),
        pytest.param({A: 0, B: 4}, 3, {A: 0, B: 3}, id="who wants nothing gets nothing"),
    ],
)
def test_slots_are_divided_fairly(wants: dict[BatchId, int], limit: int, shares: dict[BatchId, int]) -> None:
    assert fair_shares(wants, limit) == shares


@given(
    wants=st.dictionaries(NAMES, st.integers(0, 60), max_size=12),
    limit=st.integers(0, 200),
)
def test_every_slot_is_used_and_nobody_is_a_slot_behind_who_could_use_it(
    wants: dict[BatchId, int], limit: int
) -> None:
    shares = fair_shares(wants, limit)
    assert all(0 <= shares[name] <= wants[name] for name in wants)
    assert sum(shares.values()) == min(limit, sum(wants.values()))
    unsatisfied = [shares[name] for name in wants if shares[name] < wants[name]]
    assert all(max(shares.values()) - share <= 1 for share in unsatisfied)


@pytest.mark.parametrize(
    ("demands", "limit", "cap", "free"),
    [
        pytest.param({A: SlotDemand(held=2, wants=9)}, 5, None, 3, id="up to its limit"),
        pytest.param({A: SlotDemand(held=2, wants=3)}, 5, None, 1, id="no more than it wants"),
        pytest.param({A: SlotDemand(held=7, wants=9)}, 5, None, 0, id="a limit that was lowered"),
        pytest.param({A: SlotDemand(held=2, wants=9)}, 9, 5, 3, id="up to the cap"),
        pytest.param({A: SlotDemand(held=7, wants=9)}, 9, 5, 0, id="a cap that was lowered"),
        pytest.param(
            {A: SlotDemand(held=0, wants=9), B: SlotDemand(held=4, wants=9)}, 9, 4, 0, id="none is left"
        ),
        pytest.param(
            {A: SlotDemand(held=0, wants=9), B: SlotDemand(held=1, wants=9)}, 9, 4, 2, id="its fair share"
        ),
        pytest.param(
            {A: SlotDemand(held=0, wants=9), B: SlotDemand(held=3, wants=9)}, 9, 4, 1, id="what is left of it"
        ),
        pytest.param(
            {A: SlotDemand(held=3, wants=9), B: SlotDemand(held=0, wants=9)}, 9, 4, 0, id="above its share"
        ),
    ],
)
def test_batch_may_take_what_its_limit_its_share_and_the_cap_leave(
    demands: dict[BatchId, SlotDemand], limit: int, cap: int | None, free: int
) -> None:
    assert free_slots(limit, A, demands, cap) == free


@pytest.mark.parametrize(
    ("demands", "cap", "waiting"),
    [
        pytest.param(
            {A: SlotDemand(held=4, wants=9), B: SlotDemand(held=0, wants=9)}, 4, (), id="no slot left"
        ),
        pytest.param(
            {A: SlotDemand(held=1, wants=1), B: SlotDemand(held=0, wants=0)}, 4, (), id="nobody wants"
        ),
        pytest.param(
            {A: SlotDemand(held=4, wants=9), B: SlotDemand(held=0, wants=9)}, 5, (B,), id="one has too many"
        ),
        pytest.param(
            {A: SlotDemand(held=1, wants=9), B: SlotDemand(held=0, wants=9)},
            4,
            (B, A),
            id="furthest below its share first",
        ),
    ],
)
def test_batches_that_may_take_slots_are_those_below_their_share(
    demands: dict[BatchId, SlotDemand], cap: int, waiting: tuple[BatchId, ...]
) -> None:
    assert waiting_batches(demands, cap) == waiting


@pytest.mark.parametrize(
    ("held", "held_before", "told"),
    [
        pytest.param(2, 2, (), id="it took its own slot again"),
        pytest.param(3, 2, (), id="it took one more"),
        pytest.param(1, 2, (B,), id="it leaves one"),
        pytest.param(1, 4, (B, C), id="it leaves more than others wait"),
        pytest.param(2, None, (B, C), id="nobody knows what it held"),
    ],
)
def test_others_are_told_of_no_more_slots_than_a_batch_leaves(
    held: int, held_before: int | None, told: tuple[BatchId, ...]
) -> None:
    demands = {
        A: SlotDemand(held=held, wants=9),
        B: SlotDemand(held=0, wants=9),
        C: SlotDemand(held=1, wants=9),
    }

    assert batches_to_tell(A, demands, 12, held_before) == told


@given(demands=DEMANDS, limit=st.integers(0, 60), cap=st.integers(0, 100))
def test_whatever_is_taken_passes_no_limit_and_a_free_slot_that_is_wanted_is_offered(
    demands: dict[BatchId, SlotDemand], limit: int, cap: int
) -> None:
    held = sum(each.held for each in demands.values())
    for name, demand in demands.items():
        free = free_slots(limit, name, demands, cap)
        assert free >= 0
        assert demand.held + free <= max(limit, demand.held)
        assert held + free <= max(cap, held)
    wanted = any(each.wants > each.held for each in demands.values())
    assert bool(waiting_batches(demands, cap)) == (wanted and held < cap)
