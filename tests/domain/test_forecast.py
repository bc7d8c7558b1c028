"""What a batch would come to, told from batches whose calls go one way only."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallStatus, Outcome
from domain.campaign import CONCURRENCY_KEY
from domain.disposition import AnsweredBy, DispositionRule, Then
from domain.forecast.course import play
from domain.forecast.forecast import MOST_COURSES, Forecast, forecast
from domain.forecast.past_calls import DEFAULT_CALLS, FEWEST_CALLS, PastCalls
from domain.forecast.question import ForecastQuestion, Scale
from domain.frequency import CountedCall, FrequencyCap
from domain.identity import BatchId
from domain.redial import RedialPolicy, RedialStrategy
from domain.slots import SlotDemand
from domain.working_hours import OPENING_SPREAD, Weekday
from tests.builders import MONDAY_NOON
from tests.domain.calling_hours import a_week, utc
from tests.domain.forecasts import (
    ANSWERED,
    BUSY,
    DAY,
    HOUR,
    MINUTE,
    a_question,
    always,
    at_first,
    people,
)

OFFICE: Mapping[str, Any] = {
    "working_hours_enforced": True,
    "timezone": "UTC",
    "working_hours": a_week("09:00-18:00"),
}
TUESDAY_NINE = datetime(2026, 9, 8, 9, tzinfo=UTC)
ONCE_A_DAY: Mapping[str, Any] = {"frequency_caps": (FrequencyCap(1, DAY),)}
RETRIES: Mapping[str, Any] = {"retry_policy": RedialPolicy(max_retries=2, cooldown=30 * MINUTE)}


def expected_of(question: ForecastQuestion) -> Forecast:
    """Return what is expected, chance being the same each time."""
    return forecast(question, lambda course: Random(course).random)


def finishes(question: ForecastQuestion) -> timedelta | None:
    """Return how long after now half of the courses are done."""
    at = expected_of(question).finishes_at_p50
    return None if at is None else at - MONDAY_NOON


@pytest.mark.parametrize(
    ("question", "length", "calls"),
    [
        pytest.param(a_question(10, batch={"concurrency_limit": 5}), 2 * MINUTE, 10, id="two by five"),
        pytest.param(a_question(10, metadata={CONCURRENCY_KEY: 2}), 5 * MINUTE, 10, id="campaign's limit"),
        pytest.param(
            a_question(
                10,
                metadata={CONCURRENCY_KEY: 4},
                other_batches={BatchId("btc_other"): SlotDemand(held=4, wants=9)},
            ),
            5 * MINUTE,
            10,
            id="half of the campaign's limit beside another batch",
        ),
        pytest.param(
            a_question(
                3,
                metadata={CONCURRENCY_KEY: 1},
                other_batches={BatchId("btc_other"): SlotDemand(held=1, wants=1)},
            ),
            3 * MINUTE,
            3,
            id="one slot at least",
        ),
        pytest.param(
            a_question(4, calls_per_second=0.1),
            timedelta(seconds=30) + MINUTE,
            4,
            id="a call each ten seconds",
        ),
        pytest.param(a_question(1, at_first(BUSY), **RETRIES), 31 * MINUTE, 2, id="one retry"),
        pytest.param(a_question(1, always(BUSY), **RETRIES), 60 * MINUTE, 3, id="every retry"),
        pytest.param(
            a_question(
                1, always(BUSY), batch={"overrides": BatchOverrides(max_retries_override=1)}, **RETRIES
            ),
            30 * MINUTE,
            2,
            id="the batch's own number of retries",
        ),
        pytest.param(
            a_question(
                1,
                always(BUSY),
                retry_policy=RedialPolicy(
                    max_retries=3, cooldown=10 * MINUTE, strategy=RedialStrategy.EXPONENTIAL
                ),
            ),
            70 * MINUTE,  # 10 + 20 + 40
            4,
            id="cooldown that doubles",
        ),
        pytest.param(a_question(1, at_first(BUSY), **ONCE_A_DAY), DAY + MINUTE, 2, id="retry that is capped"),
        pytest.param(
            # seven days after the talk, not at the time agreed in it
            a_question(1, at_first(replace(ANSWERED, follow_up_after=2 * HOUR)), presets=("us-reg-f",)),
            7 * DAY + MINUTE,
            2,
            id="follow-up that a preset's cap holds back",
        ),
        pytest.param(
            # noon in UTC is four in the morning where the phone rings
            a_question(1, always(ANSWERED), timezone="Pacific/Pitcairn", presets=("us-tcpa",)),
            4 * HOUR + MINUTE,
            1,
            id="first call that a preset's hours hold back",
        ),
        pytest.param(
            a_question(people(1, calls=(CountedCall(MONDAY_NOON - 20 * HOUR),)), **ONCE_A_DAY),
            4 * HOUR + MINUTE,
            1,
            id="first call that is capped",
        ),
        pytest.param(
            a_question(1, at_first(replace(ANSWERED, follow_up_after=2 * HOUR))),
            2 * HOUR + 2 * MINUTE,
            2,
            id="follow-up that was agreed",
        ),
        pytest.param(
            a_question(1, at_first(replace(ANSWERED, follow_up_after=2 * HOUR)), max_follow_ups=0),
            MINUTE,
            1,
            id="follow-up that is not allowed",
        ),
        pytest.param(
            a_question(
                1,
                at_first(replace(ANSWERED, disposition="later")),
                disposition_rules=(DispositionRule(disposition="later", then=Then.RETRY, after=HOUR),),
            ),
            HOUR + 2 * MINUTE,
            2,
            id="retry by a rule for the disposition",
        ),
        pytest.param(
            a_question(
                1,
                at_first(replace(ANSWERED, answered_by=AnsweredBy.MACHINE)),
                retry_policy=RedialPolicy(retry_on=frozenset({Outcome.VOICEMAIL}), cooldown=HOUR),
            ),
            HOUR + 2 * MINUTE,
            2,
            id="voicemail that is retried",
        ),
        pytest.param(
            a_question(people(1, is_on_the_phone=True)),
            2 * MINUTE,
            1,
            id="number on the phone is free a call later",
        ),
        pytest.param(
            a_question(2, batch={"scheduled_start": MONDAY_NOON + DAY}),
            DAY + MINUTE,
            2,
            id="start that lies ahead",
        ),
        pytest.param(
            a_question(people(1, zone="America/New_York"), **OFFICE),
            HOUR + MINUTE,
            1,
            id="hours of the callee",
        ),
        pytest.param(
            a_question(
                people(1, zone=",America/New_York,America/Denver"),
                timezone="from_number",
                **{key: value for key, value in OFFICE.items() if key != "timezone"},
            ),
            3 * HOUR + MINUTE,
            1,
            id="hours of every zone of a number",
        ),
    ],
)
def test_batch_is_done_when_its_rules_and_limits_let_it_be(
    question: ForecastQuestion, length: timedelta, calls: float
) -> None:
    assert (finishes(question), expected_of(question).calls) == (length, calls)


def test_call_that_is_not_begun_by_closing_time_waits_for_the_next_opening() -> None:
    # At noon 6 hours are left for 360 of 400 people, one after the other.
    expected = expected_of(a_question(400, batch={"concurrency_limit": 1}, **OFFICE))

    assert expected.finishes_at_p50 == TUESDAY_NINE + 40 * MINUTE
    assert [hour for hour, _ in expected.calls_by_hour][5:7] == [utc("2026-09-07T17:00"), TUESDAY_NINE]
    assert [calls for _, calls in expected.calls_by_hour] == [60] * 6 + [40]


def test_redials_are_spread_behind_the_opening_they_wait_for() -> None:
    at_noon: Mapping[str, Any] = {**OFFICE, "retry_policy": RedialPolicy(cooldown=7 * HOUR)}

    expected = expected_of(a_question(50, at_first(BUSY), batch={"concurrency_limit": 50}, **at_noon))

    assert expected.finishes_at_p50 is not None
    assert TUESDAY_NINE + MINUTE < expected.finishes_at_p50 <= TUESDAY_NINE + MINUTE + OPENING_SPREAD


def test_contacts_that_still_wait_at_the_batchs_end_are_told_and_the_forecast_ends_there() -> None:
    end = MONDAY_NOON + 10 * MINUTE

    expected = expected_of(a_question(30, batch={"concurrency_limit": 2, "scheduled_end": end}))

    assert (expected.finishes_at_p50, expected.calls, expected.expired) == (end, 20, 10)


def test_retry_without_an_opening_before_the_end_is_not_waited_for() -> None:
    end = MONDAY_NOON + 10 * MINUTE

    expected = expected_of(a_question(3, always(BUSY), batch={"scheduled_end": end}, **RETRIES))

    assert (expected.finishes_at_p50, expected.calls, expected.expired) == (MONDAY_NOON, 3, 0)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(a_question(0), id="nobody"),
        pytest.param(
            a_question(3, batch={"scheduled_end": MONDAY_NOON + HOUR}, timezone="Nowhere/Land"),
            id="rule that cannot be read",
        ),
        pytest.param(
            a_question(
                3,
                batch={"scheduled_end": MONDAY_NOON + HOUR},
                **{**OFFICE, "working_hours": a_week("09:00-18:00", Weekday.SUNDAY)},
            ),
            id="window behind the end",
        ),
    ],
)
def test_where_nobody_can_be_called_there_are_no_times_and_no_calls(question: ForecastQuestion) -> None:
    expected = expected_of(question)

    assert (expected.first_call_at, expected.finishes_at_p50, expected.finishes_at_p90) == (None, None, None)
    assert (expected.calls, expected.talk, expected.calls_by_hour) == (0, timedelta(), [])


def test_batch_of_which_somebody_can_never_be_called_has_a_beginning_and_no_end() -> None:
    never = people(1, zone="Nowhere/Land")

    expected = expected_of(a_question([*people(2), *never]))

    assert (expected.first_call_at, expected.calls) == (MONDAY_NOON, 2)
    assert (expected.finishes_at_p50, expected.expired) == (None, 0)


def test_talk_and_cost_are_those_of_the_calls_that_are_expected() -> None:
    expected = expected_of(a_question(10))

    assert (expected.talk, expected.cost) == (10 * MINUTE, 2.5)
    assert expected_of(a_question(10, always(BUSY))).cost is None


def test_same_question_has_the_same_answer() -> None:
    question = a_question(40, DEFAULT_CALLS, **OFFICE)

    assert expected_of(question) == expected_of(question)


def test_nine_of_ten_courses_are_done_no_earlier_than_half_of_them() -> None:
    expected = expected_of(a_question(50, DEFAULT_CALLS))

    assert expected.courses == MOST_COURSES
    assert expected.finishes_at_p50 is not None
    assert expected.finishes_at_p90 is not None
    assert expected.finishes_at_p50 < expected.finishes_at_p90


@pytest.mark.parametrize("limit", [pytest.param(7, id="few slots"), pytest.param(400, id="many slots")])
def test_part_of_a_large_batch_stands_for_all_of_it(limit: int) -> None:
    scale = Scale.of(a_question(90_000, batch={"concurrency_limit": limit}))
    assert scale.every == 5

    course = play(a_question(9_000, batch={"concurrency_limit": limit}), scale, Random(0).random)

    assert course.calls == 1_800
    assert course.finished_at is not None
    assert 0.97 < (course.finished_at - MONDAY_NOON) / (9_000 / limit * MINUTE) < 1.03


def test_capped_are_counted_as_of_the_start() -> None:
    called = people(3, calls=(CountedCall(MONDAY_NOON - HOUR),))

    assert a_question(called, **ONCE_A_DAY).capped == 3
    assert a_question(called, batch={"scheduled_start": MONDAY_NOON + DAY}, **ONCE_A_DAY).capped == 0


def test_kind_of_attempt_with_too_few_calls_is_drawn_from_all_of_them() -> None:
    few = PastCalls((ANSWERED, replace(BUSY, kind=AttemptKind.RETRY, calls=FEWEST_CALLS - 1)))
    enough = PastCalls((ANSWERED, replace(BUSY, kind=AttemptKind.RETRY, calls=FEWEST_CALLS)))

    assert len(few.of_kind(AttemptKind.RETRY)) == 2
    assert len(enough.of_kind(AttemptKind.RETRY)) == 1


def test_past_calls_tell_their_shares_and_mean_times() -> None:
    past = PastCalls((replace(ANSWERED, ring=10 * MINUTE / 60), replace(BUSY, calls=300)))

    assert (past.total, past.share_of(CallStatus.COMPLETED)) == (400, 0.25)
    assert past.mean_talk == MINUTE
    assert past.mean_length == timedelta(seconds=17.5)  # (10 + 60) / 4


def test_contacts_are_not_called_before_their_time() -> None:
    contacts = [*people(2), *people(1, not_before=MONDAY_NOON + HOUR)]
    expected = expected_of(a_question(contacts, batch={"concurrency_limit": 3}))
    assert expected.finishes_at_p50 == MONDAY_NOON + HOUR + MINUTE
    assert (expected.first_call_at, expected.calls) == (MONDAY_NOON, 3)


def test_contact_whose_time_comes_with_the_end_of_the_batch_expires_with_it() -> None:
    end = MONDAY_NOON + HOUR
    contacts = [*people(1), *people(1, not_before=end)]
    expected = expected_of(a_question(contacts, batch={"scheduled_end": end}))
    assert (expected.calls, expected.expired) == (1, 1)


@pytest.mark.parametrize(
    ("priority", "expired"),
    [pytest.param(0, 1, id="in upload order"), pytest.param(9, 0, id="the urgent one first")],
)
def test_priority_decides_who_is_called_while_both_may_be(priority: int, expired: int) -> None:
    """One slot; the second one's window closes after a minute, an hour before the first one's."""
    contacts = [*people(1, zone="Atlantic/Cape_Verde"), *people(1, zone="UTC", priority=priority)]
    batch = {"concurrency_limit": 1, "scheduled_end": MONDAY_NOON + 3 * HOUR}
    hours: Mapping[str, Any] = {**OFFICE, "working_hours": a_week("09:00-12:01")}
    assert expected_of(a_question(contacts, batch=batch, **hours)).expired == expired
