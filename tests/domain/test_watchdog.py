"""When a silent call is polled, and when polling ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.watchdog import CallTiming, CallWatch, StatusPoll, must_end_by, next_poll, watched_until

ASKED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return ASKED_AT + timedelta(seconds=seconds)


def timing(*, proof: bool = False) -> CallTiming:
    return CallTiming(
        ring_limit=timedelta(seconds=60),
        max_call=timedelta(seconds=1800),
        silence=timedelta(seconds=10),
        lookup_is_proof=proof,
    )


def watch(
    *, heard: float | None = None, answered: float | None = None, polled: float | None = None, polls: int = 0
) -> CallWatch:
    return CallWatch(
        asked_at=ASKED_AT,
        heard_at=None if heard is None else after(heard),
        answered_at=None if answered is None else after(answered),
        polled_at=None if polled is None else after(polled),
        polls=polls,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(watch(heard=1), StatusPoll(after(11), False), id="1 + 10 of silence"),
        pytest.param(
            watch(heard=1, polled=11, polls=1),
            StatusPoll(after(31), False),
            id="11 + 10 x 2 after an empty poll",
        ),
        pytest.param(
            watch(heard=1, polled=31, polls=2),
            StatusPoll(after(71), False),
            id="31 + 10 x 4 after two of them",
        ),
        pytest.param(
            watch(heard=85), StatusPoll(after(90), True), id="60 of ringing + 30 of grace come before 85 + 10"
        ),
        pytest.param(
            watch(heard=95, answered=5),
            StatusPoll(after(105), False),
            id="answered: the lease is the longest call",
        ),
        pytest.param(
            watch(heard=1860, answered=5),
            StatusPoll(after(1865), True),
            id="5 + 1800 of talk + 60 of grace come before 1860 + 10",
        ),
        pytest.param(
            watch(heard=91),
            StatusPoll(after(101), True),
            id="still ringing after its lease: 91 + 10, conclusive",
        ),
        pytest.param(
            watch(heard=1, polled=90, polls=3),
            StatusPoll(after(170), True),
            id="90 + 10 x 8: never at once again",
        ),
        pytest.param(
            watch(heard=1, polled=90, polls=50),
            StatusPoll(after(170), True),
            id="the pause stops growing at x 8",
        ),
    ],
)
def test_placed_call_is_polled_after_silence(given: CallWatch, expected: StatusPoll) -> None:
    assert next_poll(given, timing()) == expected


@pytest.mark.parametrize(
    ("polls", "expected", "expected_with_proof"),
    [
        pytest.param(0, StatusPoll(after(2), False), StatusPoll(after(2), False), id="first poll"),
        pytest.param(1, StatusPoll(after(5), False), StatusPoll(after(5), True), id="the second poll proves"),
        pytest.param(2, StatusPoll(after(15), False), StatusPoll(after(15), True), id="third"),
        pytest.param(3, StatusPoll(after(40), False), StatusPoll(after(40), True), id="fourth"),
        pytest.param(
            4, StatusPoll(after(90), True), StatusPoll(after(90), True), id="60 + 30: the end of listening"
        ),
    ],
)
def test_ambiguous_dial_is_polled_four_times_and_then_given_up(
    polls: int, expected: StatusPoll, expected_with_proof: StatusPoll
) -> None:
    assert next_poll(watch(polls=polls), timing()) == expected
    assert next_poll(watch(polls=polls), timing(proof=True)) == expected_with_proof


def test_provider_whose_word_is_proof_is_believed_when_it_twice_knows_no_such_call() -> None:
    first, second = watch(heard=1), watch(heard=1, polled=11, polls=1)

    assert next_poll(first, timing(proof=True)) == StatusPoll(after(11), False)
    assert next_poll(second, timing(proof=True)) == StatusPoll(after(31), True)


def test_ambiguous_dial_nobody_can_ask_about_is_asked_again_with_a_pause() -> None:
    assert next_poll(watch(polled=90, polls=5), timing()) == StatusPoll(after(170), True)  # 90 + 10 x 8


def test_polls_of_a_live_call_that_stays_unreported_come_to_an_end() -> None:
    # 60 ringing + 30 grace + 1800 talk + 60 grace
    assert must_end_by(watch(), timing()) == after(1950)


@pytest.mark.parametrize("polls", range(60))
def test_next_poll_is_never_before_the_last_one(polls: int) -> None:
    for heard in (None, 1.0, 89.0, 500.0):
        last = watch(heard=heard, polled=1000, polls=polls)
        assert next_poll(last, timing()).at > after(1000)


@pytest.mark.parametrize(
    ("now", "polls", "due"),
    [
        pytest.param(10.9, 0, None, id="a moment before the first"),
        pytest.param(11, 1, StatusPoll(after(11), False), id="the first, at its instant"),
        pytest.param(12, 1, StatusPoll(after(11), False), id="and a moment late"),
        pytest.param(31, 2, StatusPoll(after(31), False), id="the second"),
        pytest.param(89, 3, StatusPoll(after(71), False), id="the third, while the phone may still ring"),
        pytest.param(90, 4, StatusPoll(after(90), True), id="the one that ends it, however many were missed"),
    ],
)
def test_watch_that_is_taken_up_late_knows_which_poll_fell_due_last(
    now: float, polls: int, due: StatusPoll | None
) -> None:
    taken_up, found = watched_until(after(now), watch(heard=1), timing())

    assert (taken_up.polls, found) == (polls, due)
    assert next_poll(taken_up, timing()).at > after(now)


def settled_at(*, silence: float, ended: float, talks_from: float = 5) -> float:
    """Return when a poll finds the ending of a call whose every webhook was lost, in seconds."""
    limits = replace(timing(), silence=timedelta(seconds=silence), max_call=timedelta(seconds=3600))
    watched, now = watch(heard=1), 1.0
    while now < ended:
        now = (next_poll(watched, limits).at - ASKED_AT).total_seconds()
        answered = watched.answered_at or (after(now) if now >= talks_from else None)
        watched = replace(watched, answered_at=answered, polled_at=after(now), polls=watched.polls + 1)
    return now


@pytest.mark.parametrize("silence", [2, 10, 30, 60])
@pytest.mark.parametrize("ended", [1.5, 8, 31, 89, 91, 400, 1234, 3600])
def test_lost_ending_is_found_within_eight_silences_of_the_real_end(silence: float, ended: float) -> None:
    assert settled_at(silence=silence, ended=ended) - ended <= 8 * silence


@pytest.mark.parametrize("silence", [300, 3600, 86400])
@pytest.mark.parametrize("ended", [30, 91, 1500, 3600])
def test_lost_ending_is_found_before_the_provider_forgets_it_however_long_a_silence_is(
    silence: float, ended: float
) -> None:
    assert settled_at(silence=silence, ended=ended) - ended <= 20 * 60
