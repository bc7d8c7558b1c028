"""Progress is counted, paced and worded without a screen or a clock."""

import io
from typing import Any

import pytest
from rich.console import Console

from console.failures import RequestRefused
from console.progress import BatchProgress, Pace, duration_text, progress_line, read_progress
from console.watch import picture
from tests.console.stand_in_api import a_batch


def a_pace(*sights: tuple[float, int]) -> Pace:
    pace = Pace()
    for at, done in sights:
        pace.note(done, at)
    return pace


def a_progress(status: str = "in_progress", **changes: Any) -> BatchProgress:
    return read_progress(a_batch(status, **changes))


def test_done_counts_every_terminal_contact() -> None:
    progress = a_progress(
        total=100, completed=10, failed=1, busy=2, no_answer=3, skipped=4, max_retries_reached=5, in_flight=20
    )

    assert (progress.done, progress.total) == (25, 100)  # 10 + 1 + 2 + 3 + 4 + 5


@pytest.mark.parametrize(
    ("status", "is_over"),
    [
        ("pending", False),
        ("in_progress", False),
        ("paused", False),
        ("completed", True),
        ("cancelled", True),
        ("expired", True),
    ],
)
def test_only_a_terminal_batch_is_over(status: str, is_over: bool) -> None:
    assert a_progress(status).is_over is is_over


@pytest.mark.parametrize("body", [{}, {"counters": [], "total_contacts": 1}, {"counters": {}}])
def test_what_is_no_batch_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(RequestRefused, match="something else than a batch"):
        read_progress(body)


@pytest.mark.parametrize(
    ("sights", "per_second"),
    [
        pytest.param([], 0.0, id="nothing seen"),
        pytest.param([(0, 5)], 0.0, id="one sight"),
        pytest.param([(0, 0), (10, 50)], 5.0, id="fifty in ten seconds"),
        pytest.param([(0, 0), (10, 0)], 0.0, id="standing still"),
        pytest.param([(0, 0), (20, 20), (30, 120), (40, 140)], 6.0, id="only the last quarter of a minute"),
        pytest.param([(0, 10), (0, 20)], 0.0, id="two sights at one instant"),
        pytest.param([(0, 10), (5, 8)], 0.0, id="never backwards"),
    ],
)
def test_pace_is_contacts_finished_lately(sights: list[tuple[float, int]], per_second: float) -> None:
    # The window of 15 s before 40 begins at 25, so the sight at 20 still counts: (140 - 20) / 20 s.
    assert a_pace(*sights).per_second == per_second


def test_time_left_is_what_is_unfinished_at_the_pace() -> None:
    pace = a_pace((0, 0), (10, 50))

    assert pace.seconds_left(100) == 20.0  # at 5/s
    assert pace.seconds_left(0) == 0.0


def test_time_left_is_unknown_while_nothing_moves() -> None:
    assert a_pace((0, 7), (10, 7)).seconds_left(3) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 0 min"),
        (7325, "2 h 2 min"),
    ],
)
def test_lengths_of_time_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        pytest.param(
            a_progress(total=200, completed=50, busy=10, in_flight=5),
            "in_progress 60/200 (30 %); completed 50, busy 10, in_flight 5, pending 135; "
            "5.0 contacts/s, about 28 s left",  # (200 - 60) / 5
            id="running",
        ),
        pytest.param(
            a_progress("paused", paused_by="campaign"),
            "paused by its campaign 0/10 (0 %); pending 10; 5.0 contacts/s, about 2 s left",
            id="paused",
        ),
        pytest.param(
            a_progress("completed", completed=10), "completed 10/10 (100 %); completed 10", id="over"
        ),
    ],
)
def test_progress_is_one_line_in_a_log(progress: BatchProgress, line: str) -> None:
    assert progress_line(progress, a_pace((0, 0), (10, 50))) == line


def test_time_left_that_nobody_knows_is_said_to_be_unknown() -> None:
    assert progress_line(a_progress(), Pace()).endswith("0.0 contacts/s, time left unknown")


def test_picture_shows_a_bar_and_every_number() -> None:
    screen = io.StringIO()
    progress = a_progress(total=200, completed=50, busy=10)
    Console(width=120, file=screen).print(picture(progress, a_pace((0, 0), (10, 50))))
    shown = screen.getvalue()

    assert all(text in shown for text in ("in_progress", "━", "60/200", "completed 50, busy 10, pending 140"))
