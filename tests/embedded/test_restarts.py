"""How long a part that died is left alone, and when it is given up."""

from embedded.restarts import DEATHS_THAT_END_IT, HEALTHY_SECONDS, Restarts


def test_part_that_keeps_dying_is_started_after_ever_longer_and_then_not_at_all() -> None:
    restarts = Restarts()

    delays = [restarts.note_death(ready_seconds=0) for _ in range(DEATHS_THAT_END_IT)]

    assert delays == [0.5, 1, 2, 4, 8, 8, 8, None]


def test_part_that_was_ready_for_a_minute_is_forgiven_its_deaths() -> None:
    restarts = Restarts(deaths=DEATHS_THAT_END_IT - 1)

    assert restarts.note_death(ready_seconds=HEALTHY_SECONDS) == 0.5
    assert restarts.note_death(ready_seconds=HEALTHY_SECONDS - 0.1) == 1
