"""Counters are derived and always sum to the whole."""

from hypothesis import given
from hypothesis import strategies as st

from domain.contact import ContactStatus
from domain.counters import BatchTally, Counters


@given(st.dictionaries(st.sampled_from(list(ContactStatus)), st.integers(0, 100_000)))
def test_counters_sum_to_the_contacts_they_are_derived_from(counts: dict[ContactStatus, int]) -> None:
    counters = Counters.from_statuses(counts)

    assert counters.total == sum(counts.values())
    assert counters.in_flight == counts.get(ContactStatus.IN_PROGRESS, 0)


def test_live_waiting_and_unfinished_contacts_are_told_apart() -> None:
    counters = Counters(
        pending=5, dispatched=1, in_flight=2, retrying=3, followup_scheduled=4, completed=9, skipped=7
    )

    assert (counters.live, counters.waiting, counters.unfinished) == (3, 12, 15)


@given(live=st.integers(0, 50), ringing=st.integers(0, 60))
def test_tally_splits_its_live_contacts_without_changing_the_sum(live: int, ringing: int) -> None:
    counters = BatchTally(pending=7, live=live, completed=3).split(ringing)

    assert counters.live == live
    assert counters.total == live + 10
    assert counters.in_flight <= ringing
