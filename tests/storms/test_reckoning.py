"""What a storm is held against counts right."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.storms.crowd import by_minutes
from tests.storms.reckoning import Deaths, most_at_once

NOON = datetime(2026, 9, 4, 12, 0, tzinfo=UTC)


def a_ring(begins: int, ends: int | None) -> dict[str, object]:
    at = NOON + timedelta(seconds=begins)
    ended_at = None if ends is None else (NOON + timedelta(seconds=ends)).isoformat()
    return {"call_sid": f"call {begins}", "at": at.isoformat(), "ended_at": ended_at}


@pytest.mark.parametrize(
    ("rings", "most"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([(0, 5), (6, 9)], 1, id="one after the other"),
        pytest.param([(0, 5), (4, 9)], 2, id="they overlap"),
        pytest.param([(0, 5), (5, 9)], 1, id="one begins as the other ends"),
        pytest.param([(0, None), (1, None), (2, 3)], 3, id="two that never end"),
    ],
)
def test_calls_at_once_are_those_between_beginning_and_end(
    rings: list[tuple[int, int | None]], most: int
) -> None:
    assert most_at_once(a_ring(*each) for each in rings) == most


def test_call_ends_at_the_latest_with_its_simulator() -> None:
    deaths = Deaths()

    deaths.keep([a_ring(0, 5), a_ring(1, None)], ended_at=NOON + timedelta(seconds=7))

    ends = [each["ended_at"] for each in deaths.rings.values()]
    assert ends == [(NOON + timedelta(seconds=each)).isoformat() for each in (5, 7)]


@pytest.mark.parametrize(("seconds", "explained"), [(2, True), (-2, True), (4, False)])
def test_death_explains_only_calls_about_its_time(seconds: int, explained: bool) -> None:
    deaths = Deaths(at=[NOON])

    assert deaths.explain(NOON + timedelta(seconds=seconds)) is explained


def test_windows_open_every_second_minute_also_around_midnight() -> None:
    hours = by_minutes(datetime(2026, 9, 4, 23, 58, 30, tzinfo=UTC))

    days = hours["working_hours"]
    assert isinstance(days, dict)
    assert days["monday"]["windows"][:3] == [
        {"start": "23:58", "end": "23:59"},
        {"start": "00:00", "end": "00:01"},
        {"start": "00:02", "end": "00:03"},
    ]
