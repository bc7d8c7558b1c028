"""How slots are divided: nobody gets more than wanted, nothing wanted is left over, differences stay fair."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.slots import fair_shares


@pytest.mark.parametrize(
    ("wants", "limit", "shares"),
    [
        pytest.param({}, 15, {}, id="nobody"),
        pytest.param({"a": 10}, 15, {"a": 10}, id="alone within the limit"),
        pytest.param({"a": 20}, 15, {"a": 15}, id="alone over the limit"),
        pytest.param({"a": 10, "b": 10, "c": 10}, 15, {"a": 5, "b": 5, "c": 5}, id="alike"),
        pytest.param({"a": 100, "b": 3}, 15, {"a": 12, "b": 3}, id="a modest one gets all it wants"),
        pytest.param({"b": 10, "a": 10}, 15, {"a": 8, "b": 7}, id="an odd slot goes to the first by name"),
        pytest.param({"a": 9, "b": 8}, 15, {"a": 7, "b": 8}, id="an odd slot goes to who wants least"),
        pytest.param({"a": 1, "b": 1, "c": 1}, 2, {"a": 1, "b": 1, "c": 0}, id="more batches than slots"),
        pytest.param({"a": 0, "b": 4}, 3, {"a": 0, "b": 3}, id="who wants nothing gets nothing"),
    ],
)
def test_slots_are_divided_fairly(wants: dict[str, int], limit: int, shares: dict[str, int]) -> None:
    assert fair_shares(wants, limit) == shares


@given(
    wants=st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 60), max_size=12),
    limit=st.integers(0, 200),
)
def test_every_slot_is_used_and_nobody_is_a_slot_behind_who_could_use_it(
    wants: dict[str, int], limit: int
) -> None:
    shares = fair_shares(wants, limit)
    assert all(0 <= shares[name] <= wants[name] for name in wants)
    assert sum(shares.values()) == min(limit, sum(wants.values()))
    unsatisfied = [shares[name] for name in wants if shares[name] < wants[name]]
    assert all(max(shares.values()) - share <= 1 for share in unsatisfied)
