"""What a batch would probably come to: several courses of it, and what they have in common."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.forecast.course import Course, play
from domain.forecast.past_calls import Chance
from domain.forecast.question import ForecastQuestion, Scale

FEWEST_COURSES, MOST_COURSES = 2, 40
MOST_CALLS = 30_000
"""Of all courses together, where the fewest have not more."""
MOST_HOURS = 1000
"""With calls, listed one by one."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is expected of a batch; numbers are means over the courses, of the whole batch."""

    first_call_at: datetime | None
    """None where nobody can be called."""
    finishes_at_p50: datetime | None
    finishes_at_p90: datetime | None
    """In half and in nine of ten courses it is done by then; None where it never is."""
    calls: float
    talk: timedelta
    cost: float | None
    """None where no call has a known cost."""
    expired: float
    """Contacts that `scheduled_end` skips."""
    calls_by_hour: Sequence[tuple[datetime, float]]
    """Calls that begin in the hour from each of these instants, without empty hours."""
    courses: int
    contacts: int
    """How many were simulated."""


def forecast(question: ForecastQuestion, chance_of: Callable[[int], Chance]) -> Forecast:
    """Play through a batch as often as time allows.

    `chance_of` returns the chance of each course by its number, from 0; where that is always the same, so is
    the answer to the same question.
    """
    scale = Scale.of(question)
    courses = [play(question, scale, chance_of(0))]
    for course in range(1, _courses(courses[0])):
        courses.append(play(question, scale, chance_of(course)))
    return _summed_up(question, scale, courses)


def _courses(first: Course) -> int:
    return min(MOST_COURSES, max(FEWEST_COURSES, MOST_CALLS // max(1, first.calls)))


def _summed_up(question: ForecastQuestion, scale: Scale, courses: Sequence[Course]) -> Forecast:
    simulated = len(question.contacts[:: scale.every])
    whole = len(question.contacts) / max(1, simulated) / len(courses)
    has_costs = any(each.cost is not None for each in question.past.alike)
    is_callable = any(each.calls for each in courses)
    has_end = question.new.scheduled_end is not None
    return Forecast(
        first_call_at=min((each.first_call_at for each in courses if each.first_call_at), default=None),
        finishes_at_p50=_percentile(courses, 50) if is_callable else None,
        finishes_at_p90=_percentile(courses, 90) if is_callable else None,
        calls=sum(each.calls for each in courses) * whole,
        talk=sum((each.talk for each in courses), timedelta()) * whole,
        cost=sum(each.cost for each in courses) * whole if has_costs else None,
        expired=sum(each.left for each in courses) * whole if has_end else 0.0,
        calls_by_hour=_by_hour(courses, whole),
        courses=len(courses),
        contacts=simulated,
    )


def _percentile(courses: Sequence[Course], percent: int) -> datetime | None:
    """Return the instant by which so many of the courses are done; those that never are come last."""
    ends = sorted(each.finished_at for each in courses if each.finished_at is not None)
    place = -(-len(courses) * percent // 100)
    return ends[place - 1] if place <= len(ends) else None


def _by_hour(courses: Sequence[Course], whole: float) -> Sequence[tuple[datetime, float]]:
    calls: Counter[datetime] = Counter()
    for each in courses:
        calls.update(each.calls_by_hour)
    return [(hour, number * whole) for hour, number in sorted(calls.items())[:MOST_HOURS]]
