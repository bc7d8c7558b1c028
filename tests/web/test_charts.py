"""Numbers as shapes: nothing is lost, nothing overlaps, and the time is the right one."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.objects import COUNTERS
from web.charts import (
    HEIGHT,
    OUTCOMES,
    WIDTH,
    Minute,
    calls_by_minute,
    columns,
    per_minute,
    share_bar,
    top,
)

NOW = datetime(2026, 9, 4, 14, 30, 20, tzinfo=UTC)
THIS = NOW.replace(second=0)


def row(minutes_ago: int, **counts: int) -> dict[str, object]:
    minute = (THIS - timedelta(minutes=minutes_ago)).isoformat()
    return {"minute": minute, **dict.fromkeys(OUTCOMES, 0), **counts}


def test_bar_holds_every_contact_once_from_edge_to_edge() -> None:
    pieces = share_bar(COUNTERS)

    assert sum(each.count for each in pieces) == sum(COUNTERS.values())
    assert pieces[0].x == 0
    assert all(
        each.x + each.width == pytest.approx(after.x, abs=0.02) for each, after in itertools.pairwise(pieces)
    )
    assert pieces[-1].x + pieces[-1].width == pytest.approx(WIDTH, abs=0.05)
    assert "busy" not in {each.name for each in pieces}


def test_plot_ends_now_and_holds_minutes_without_a_call() -> None:
    minutes = calls_by_minute(NOW, [row(10, completed=2)], [row(10, busy=1), row(3, failed=4)])

    assert len(minutes) == 15
    assert minutes[-1].begins_at == THIS
    assert [(each.total, each.begins_at) for each in minutes if each.total] == [
        (3, THIS - timedelta(minutes=10)),
        (4, THIS - timedelta(minutes=3)),
    ]


@pytest.mark.parametrize(
    ("oldest", "span"),
    [
        pytest.param(0, 15, id="this minute"),
        pytest.param(14, 15, id="a quarter"),
        pytest.param(15, 30, id="more"),
        pytest.param(30, 60, id="over half an hour"),
        pytest.param(59, 60, id="the whole hour"),
    ],
)
def test_plot_is_no_longer_than_its_calls_need(oldest: int, span: int) -> None:
    minutes = calls_by_minute(NOW, [row(oldest, completed=1)])

    assert len(minutes) == span
    assert sum(each.total for each in minutes) == 1


def test_nothing_is_drawn_of_nothing() -> None:
    assert calls_by_minute(NOW) == []
    assert columns([]) == []
    assert columns([Minute(THIS)]) == []
    assert share_bar(dict.fromkeys(COUNTERS, 0)) == []


def test_highest_column_fills_the_plot_and_outcomes_stand_on_each_other() -> None:
    low, high = Minute(THIS), Minute(THIS)
    low.counts["busy"] = 1
    high.counts |= {"completed": 3, "failed": 1}

    drawn = columns([low, high])

    assert [(each.name, each.y, each.height) for each in drawn] == [
        ("busy", 75.0, 25.0),
        ("completed", 25.0, 75.0),
        ("failed", 0.0, 25.0),
    ]
    assert max(each.y + each.height for each in drawn) == HEIGHT


def test_labels_beside_a_plot_are_whole_numbers() -> None:
    this = Minute(THIS)
    this.counts["busy"] = 117

    drawn = columns([this])

    assert (top([this]), top([])) == (118, 0)
    assert drawn[0].height == pytest.approx(100 * 117 / 118, abs=0.01)


@pytest.mark.parametrize(
    ("rows", "pace"),
    [
        pytest.param([row(each, completed=6) for each in range(1, 9)], 6.0, id="steady"),
        pytest.param([row(2, completed=1), row(1, busy=2)], 2.0, id="began two minutes ago"),
        pytest.param([row(0, completed=9)], None, id="no whole minute yet"),
        pytest.param([row(1, completed=9), row(0, completed=4)], None, id="the first minute is a part"),
        pytest.param([row(30, completed=5)], 0.0, id="stopped"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_pace_is_that_of_the_last_whole_minutes(rows: list[dict[str, object]], pace: float | None) -> None:
    assert per_minute(calls_by_minute(NOW, rows), NOW) == pace
