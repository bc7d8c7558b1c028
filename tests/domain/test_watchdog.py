"""When a silent call is looked into, and when looking ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.watchdog import CallTiming, CallWatch, Look, must_end_by, next_look

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
    *, heard: float | None = None, answered: float | None = None, looked: float | None = None, looks: int = 0
) -> CallWatch:
    return CallWatch(
        asked_at=ASKED_AT,
        heard_at=None if heard is None else after(heard),
        answered_at=None if answered is None else after(answered),
        looked_at=None if looked is None else after(looked),
        looks=looks,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(watch(heard=1), Look(after(11), False), id="1 + 10 of silence"),
        pytest.param(
            watch(heard=1, looked=11, looks=1), Look(after(31), False), id="11 + 10 x 2 after an empty look"
        ),
        pytest.param(
            watch(heard=1, looked=31, looks=2), Look(after(71), False), id="31 + 10 x 4 after two of them"
        ),
        pytest.param(
            watch(heard=85), Look(after(90), True), id="60 of ringing + 30 of grace come before 85 + 10"
        ),
        pytest.param(
            watch(heard=95, answered=5), Look(after(105), False), id="answered: the lease is the longest call"
        ),
        pytest.param(
            watch(heard=1860, answered=5),
            Look(after(1865), True),
            id="5 + 1800 of talk + 60 of grace come before 1860 + 10",
        ),
        pytest.param(
            watch(heard=91), Look(after(101), True), id="still ringing after its lease: 91 + 10, conclusive"
        ),
        pytest.param(
            watch(heard=1, looked=90, looks=3), Look(after(170), True), id="90 + 10 x 8: never at once again"
        ),
        pytest.param(
            watch(heard=1, looked=90, looks=50), Look(after(170), True), id="the pause stops growing at x 8"
        ),
    ],
)
def test_placed_call_is_looked_into_after_silence(given: CallWatch, expected: Look) -> None:
    assert next_look(given, timing()) == expected


@pytest.mark.parametrize(
    ("looks", "expected", "expected_with_proof"),
    [
        pytest.param(0, Look(after(2), False), Look(after(2), False), id="first look"),
        pytest.param(1, Look(after(5), False), Look(after(5), True), id="the second look proves"),
        pytest.param(2, Look(after(15), False), Look(after(15), True), id="third"),
        pytest.param(3, Look(after(40), False), Look(after(40), True), id="fourth"),
        pytest.param(4, Look(after(90), True), Look(after(90), True), id="60 + 30: the end of listening"),
    ],
)
def test_ambiguous_dial_is_looked_up_four_times_and_then_given_up(
    looks: int, expected: Look, expected_with_proof: Look
) -> None:
    assert next_look(watch(looks=looks), timing()) == expected
    assert next_look(watch(looks=looks), timing(proof=True)) == expected_with_proof


def test_provider_whose_word_is_proof_is_believed_when_it_twice_knows_no_such_call() -> None:
    first, second = watch(heard=1), watch(heard=1, looked=11, looks=1)

    assert next_look(first, timing(proof=True)) == Look(after(11), False)
    assert next_look(second, timing(proof=True)) == Look(after(31), True)


def test_ambiguous_dial_nobody_can_ask_about_is_asked_again_with_a_pause() -> None:
    assert next_look(watch(looked=90, looks=5), timing()) == Look(after(170), True)  # 90 + 10 x 8


def test_looks_of_a_live_call_that_stays_unreported_come_to_an_end() -> None:
    # 60 ringing + 30 grace + 1800 talk + 60 grace
    assert must_end_by(watch(), timing()) == after(1950)


@pytest.mark.parametrize("looks", range(60))
def test_next_look_is_never_before_the_last_one(looks: int) -> None:
    for heard in (None, 1.0, 89.0, 500.0):
        looked = watch(heard=heard, looked=1000, looks=looks)
        assert next_look(looked, timing()).at > after(1000)


def settled_at(*, silence: float, ended: float, talks_from: float = 5) -> float:
    """Return when a look finds the ending of a call whose every webhook was lost, in seconds."""
    limits = replace(timing(), silence=timedelta(seconds=silence), max_call=timedelta(seconds=3600))
    watched, now = watch(heard=1), 1.0
    while now < ended:
        now = (next_look(watched, limits).at - ASKED_AT).total_seconds()
        answered = watched.answered_at or (after(now) if now >= talks_from else None)
        watched = replace(watched, answered_at=answered, looked_at=after(now), looks=watched.looks + 1)
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
