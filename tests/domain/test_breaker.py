"""When dialling pauses, for how long, and who finds out whether it may go on."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.breaker import (
    ERRORS_THAT_OPEN,
    FIRST_PAUSE,
    PROBE_LIMIT,
    Admission,
    Breaker,
    BreakerState,
    admit,
    cleared,
    failed,
    succeeded,
    unclear_dials,
    undecided,
)
from domain.identity import ExecutionId

BROKE_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BROKE_AT + timedelta(seconds=seconds)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def an_open_breaker() -> Breaker:
    """Five errors opened it; the pause is over at 5."""
    breaker = Breaker()
    for _ in range(ERRORS_THAT_OPEN):
        breaker = failed(breaker, BROKE_AT)
    return breaker


def a_probed_breaker(at: float = 5) -> Breaker:
    """A probe was let through."""
    return admit(an_open_breaker(), after(at)).breaker


def test_calls_flow_while_errors_in_a_row_are_few() -> None:
    breaker = Breaker()
    for _ in range(ERRORS_THAT_OPEN - 1):
        breaker = failed(breaker, BROKE_AT)

    assert admit(breaker, BROKE_AT) == Admission(breaker=Breaker(errors=4, row=(None,) * 4))


def test_fifth_error_in_a_row_stops_the_calls_for_five_seconds() -> None:
    assert an_open_breaker() == Breaker(
        state=BreakerState.OPEN,
        errors=5,
        row=(None,) * 5,
        opened_at=BROKE_AT,
        pause=seconds(5),
        probe_at=after(5),
    )


def test_success_between_errors_makes_them_no_row() -> None:
    breaker = Breaker()
    for _ in range(3 * ERRORS_THAT_OPEN):
        breaker = failed(breaker, BROKE_AT)
        breaker = succeeded() if breaker.errors == ERRORS_THAT_OPEN - 1 else breaker

    assert breaker.state is BreakerState.CLOSED


def test_error_only_a_person_can_mend_stops_the_calls_at_once() -> None:
    assert failed(Breaker(), BROKE_AT, at_once=True) == Breaker(
        state=BreakerState.OPEN,
        errors=1,
        row=(None,),
        opened_at=BROKE_AT,
        pause=seconds(5),
        probe_at=after(5),
    )


@pytest.mark.parametrize(
    ("at", "stay_away"),
    [
        pytest.param(0, 5, id="whole pause"),
        pytest.param(4, 1, id="5 - 4"),
        pytest.param(4.9, 0.1, id="rest"),
    ],
)
def test_whoever_comes_in_the_pause_stays_away_for_the_rest_of_it(at: float, stay_away: float) -> None:
    breaker = an_open_breaker()

    assert admit(breaker, after(at)) == Admission(breaker=breaker, stay_away=seconds(stay_away))


def test_first_to_come_after_the_pause_is_the_probe_and_all_others_stay_away() -> None:
    probe = admit(an_open_breaker(), after(5))
    other = admit(probe.breaker, after(6))

    assert (probe.is_probe, probe.stay_away, probe.breaker.state) == (
        True,
        seconds(0),
        BreakerState.HALF_OPEN,
    )
    assert other == Admission(breaker=probe.breaker, stay_away=FIRST_PAUSE)


def test_success_closes_the_breaker_and_forgets_its_errors() -> None:
    assert succeeded() == Breaker()
    assert admit(succeeded(), after(6)) == Admission(breaker=Breaker())


def test_pauses_double_from_five_seconds_up_to_a_minute() -> None:
    breaker, now, pauses = an_open_breaker(), BROKE_AT, []
    for _ in range(6):
        pauses.append(breaker.pause)
        now += breaker.pause
        breaker = failed(admit(breaker, now).breaker, now, is_probe=True)

    assert pauses == [seconds(each) for each in (5, 10, 20, 40, 60, 60)]
    assert (breaker.errors, breaker.opened_at) == (11, BROKE_AT)


def test_pauses_begin_anew_after_a_success() -> None:
    reopened = failed(a_probed_breaker(), after(5), is_probe=True)
    assert reopened.pause == seconds(10)

    assert failed(succeeded(), after(99), at_once=True).pause == seconds(5)


@pytest.mark.parametrize(
    "breaker", [pytest.param(an_open_breaker(), id="open"), pytest.param(a_probed_breaker(), id="half open")]
)
@pytest.mark.parametrize("at_once", [False, True])
def test_errors_of_dials_that_were_on_their_way_lengthen_no_pause(breaker: Breaker, at_once: bool) -> None:
    assert failed(breaker, after(7), at_once=at_once) == breaker


def test_probe_that_found_nothing_out_lets_the_next_dial_probe() -> None:
    freed = undecided(a_probed_breaker())

    assert admit(freed, after(6)) == Admission(breaker=a_probed_breaker(6), is_probe=True)


def test_probe_nobody_hears_of_frees_its_place_in_time() -> None:
    probed = a_probed_breaker()
    gone = timedelta(seconds=5) + PROBE_LIMIT

    late = admit(probed, BROKE_AT + gone - timedelta(seconds=1))
    assert late == Admission(breaker=probed, stay_away=seconds(1))
    assert admit(probed, BROKE_AT + gone).is_probe


@pytest.mark.parametrize("at", range(0, 300, 7))
def test_never_are_two_probes_under_way(at: int) -> None:
    breaker = an_open_breaker()
    first = admit(breaker, after(at))
    second = admit(first.breaker, after(at))

    assert not (first.is_probe and second.is_probe)
    assert second.stay_away > timedelta()


A, B, C, D, E = (ExecutionId(f"exec_{letter}") for letter in "abcde")


def a_breaker_after(*row: ExecutionId | None) -> Breaker:
    """Return the breaker after errors in a row: unclear dials by their attempts, others as None."""
    breaker = Breaker()
    for unclear in row:
        breaker = failed(breaker, BROKE_AT, unclear=unclear)
    return breaker


@pytest.mark.parametrize(
    ("row", "calls", "rest"),
    [
        pytest.param((A, B, C, D, E), {E}, (), id="the newest was a call"),
        pytest.param((A, B, C, D, E), {A}, (B, C, D, E), id="the oldest was a call"),
        pytest.param((A, None, B, None, C), {A, B}, (None, C), id="of several the newest counts"),
        pytest.param((None, A, None), {A}, (None,), id="before it opens"),
        pytest.param((A,), {A}, (), id="the only one"),
    ],
)
def test_unclear_dial_that_was_a_call_ends_the_row_as_every_call(
    row: tuple[ExecutionId | None, ...], calls: set[ExecutionId], rest: tuple[ExecutionId | None, ...]
) -> None:
    assert cleared(a_breaker_after(*row), calls) == Breaker(errors=len(rest), row=rest)


@pytest.mark.parametrize("calls", [set(), {ExecutionId("exec_of_nobody")}])
def test_other_calls_clear_nothing(calls: set[ExecutionId]) -> None:
    breaker = a_breaker_after(A, None, B, C, None)

    assert cleared(breaker, calls) == breaker
    assert unclear_dials(breaker) == (A, B, C)


def test_dials_before_an_error_for_a_person_say_nothing_of_it() -> None:
    opened = failed(a_breaker_after(A, B), BROKE_AT, at_once=True)

    assert opened.state is BreakerState.OPEN
    assert cleared(opened, {A, B}) == opened


def test_after_a_probe_only_the_probe_counts() -> None:
    probing = admit(a_breaker_after(A, B, C, D, E), after(5)).breaker
    reopened = failed(probing, after(5), is_probe=True)

    assert cleared(reopened, {A, B, C, D, E}) == reopened
    unclear = failed(probing, after(5), is_probe=True, unclear=ExecutionId("exec_probe"))
    assert cleared(unclear, {ExecutionId("exec_probe")}) == Breaker()


def test_row_never_grows_longer_than_what_opens() -> None:
    breaker = a_breaker_after(*[A] * (3 * ERRORS_THAT_OPEN))

    assert len(breaker.row) == ERRORS_THAT_OPEN
