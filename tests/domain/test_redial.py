"""When a person is called again: the contract's rules 6.5 as tables."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.call import Outcome
from domain.contact import ContactStatus
from domain.redial import (
    Finish,
    Redial,
    RedialPolicy,
    RedialStrategy,
    cooldown_before,
    corrected,
    corrected_late,
    decide_redial,
)

S = ContactStatus
ENDED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        pytest.param(1, minutes(20), id="20 x 2^0"),
        pytest.param(2, minutes(40), id="20 x 2^1"),
        pytest.param(3, minutes(80), id="20 x 2^2"),
        pytest.param(4, minutes(100), id="20 x 2^3 = 160, held at the maximum"),
        pytest.param(20, minutes(100), id="the last retry allowed does not overflow"),
    ],
)
def test_exponential_cooldown_doubles_up_to_its_maximum(retry: int, expected: timedelta) -> None:
    policy = RedialPolicy(
        strategy=RedialStrategy.EXPONENTIAL, cooldown=minutes(20), max_cooldown=minutes(100)
    )

    assert cooldown_before(retry, policy) == expected


@pytest.mark.parametrize("retry", [1, 2, 20])
def test_fixed_cooldown_is_the_same_every_time_and_ignores_the_maximum(retry: int) -> None:
    policy = RedialPolicy(cooldown=minutes(30), max_cooldown=minutes(1))

    assert cooldown_before(retry, policy) == minutes(30)


@pytest.mark.parametrize(
    ("outcome", "retry_count", "max_retries", "expected"),
    [
        pytest.param(
            Outcome.BUSY, 0, 3, Redial(1, ENDED_AT + minutes(30)), id="busy is redialled after the cooldown"
        ),
        pytest.param(
            Outcome.NO_ANSWER, 2, 3, Redial(3, ENDED_AT + minutes(30)), id="the last retry is still given"
        ),
        pytest.param(Outcome.FAILED, 0, 1, Redial(1, ENDED_AT + minutes(30)), id="failed is redialled"),
        pytest.param(Outcome.COMPLETED, 0, 3, Finish(ContactStatus.COMPLETED), id="answered ends it"),
        pytest.param(
            Outcome.COMPLETED, 2, 3, Finish(ContactStatus.COMPLETED), id="answered at a retry ends it too"
        ),
        pytest.param(
            Outcome.BUSY, 3, 3, Finish(ContactStatus.MAX_RETRIES_REACHED), id="all retries were spent"
        ),
        pytest.param(Outcome.BUSY, 0, 0, Finish(ContactStatus.BUSY), id="without retries the outcome stays"),
        pytest.param(
            Outcome.NO_ANSWER, 0, 0, Finish(ContactStatus.NO_ANSWER), id="without retries no answer stays"
        ),
        pytest.param(
            Outcome.UNKNOWN, 0, 3, Finish(ContactStatus.FAILED), id="unknown is never redialled by itself"
        ),
        pytest.param(
            Outcome.BUSY,
            2,
            1,
            Finish(ContactStatus.MAX_RETRIES_REACHED),
            id="the limit was lowered",
        ),
    ],
)
def test_redial_decision(
    outcome: Outcome, retry_count: int, max_retries: int, expected: Redial | Finish
) -> None:
    decision = decide_redial(
        outcome,
        retry_count=retry_count,
        max_retries=max_retries,
        policy=RedialPolicy(),
        ended_at=ENDED_AT,
    )

    assert decision == expected


def test_outcome_missing_from_retry_on_ends_the_contact_with_it() -> None:
    only_busy = RedialPolicy(retry_on=frozenset({Outcome.BUSY}))

    decision = decide_redial(
        Outcome.NO_ANSWER, retry_count=1, max_retries=3, policy=only_busy, ended_at=ENDED_AT
    )

    assert decision == Finish(ContactStatus.NO_ANSWER)


@pytest.mark.parametrize(
    ("status", "outcome", "expected"),
    [
        pytest.param(S.FAILED, Outcome.COMPLETED, S.COMPLETED, id="failed, was reached"),
        pytest.param(S.FAILED, Outcome.BUSY, S.BUSY, id="failed, was busy"),
        pytest.param(S.FAILED, Outcome.NO_ANSWER, S.NO_ANSWER, id="failed, did not answer"),
        pytest.param(S.FAILED, Outcome.FAILED, S.FAILED, id="failed indeed"),
        pytest.param(S.MAX_RETRIES_REACHED, Outcome.COMPLETED, S.COMPLETED, id="reached by the last retry"),
        pytest.param(S.MAX_RETRIES_REACHED, Outcome.BUSY, S.MAX_RETRIES_REACHED, id="never reached"),
        pytest.param(S.RETRYING, Outcome.COMPLETED, S.RETRYING, id="waits for another call"),
        pytest.param(S.SKIPPED, Outcome.COMPLETED, S.SKIPPED, id="skipped"),
    ],
)
def test_outcome_that_is_known_late_corrects_only_an_ending_that_says_too_little(
    status: ContactStatus, outcome: Outcome, expected: ContactStatus
) -> None:
    assert corrected(status, outcome) is expected


@pytest.mark.parametrize(
    ("status", "outcome", "expected"),
    [
        pytest.param(S.RETRYING, Outcome.COMPLETED, S.COMPLETED, id="waits, and was reached"),
        pytest.param(S.RETRYING, Outcome.BUSY, S.RETRYING, id="waits, and was not"),
        pytest.param(S.FOLLOWUP_SCHEDULED, Outcome.COMPLETED, S.FOLLOWUP_SCHEDULED, id="has an agreement"),
        pytest.param(S.FAILED, Outcome.COMPLETED, S.COMPLETED, id="ended knowing too little"),
    ],
)
def test_whoever_was_reached_after_all_does_not_wait_for_a_redial(
    status: ContactStatus, outcome: Outcome, expected: ContactStatus
) -> None:
    assert corrected_late(status, outcome) is expected


def test_unknown_is_redialled_only_where_it_is_asked_for() -> None:
    asked_for = RedialPolicy(retry_on=frozenset({Outcome.UNKNOWN}))

    decision = decide_redial(
        Outcome.UNKNOWN, retry_count=0, max_retries=1, policy=asked_for, ended_at=ENDED_AT
    )

    assert decision == Redial(1, ENDED_AT + minutes(30))
    assert Outcome.UNKNOWN not in RedialPolicy().retry_on
