"""Values that are kept as one JSON column: retry policies, frequency caps, disposition rules, hours."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import TypedDict

from domain.call import Outcome
from domain.disposition import DispositionRule, Then
from domain.frequency import FrequencyCap
from domain.redial import RedialPolicy, RedialStrategy
from domain.working_hours import DailyWindow, DayHours, WorkingHours


class RetryPolicyShape(TypedDict):
    """A redial policy; lengths are whole microseconds, so that nothing is rounded."""

    max_retries: int
    strategy: str
    cooldown_us: int
    max_cooldown_us: int
    retry_on: list[str]


class FrequencyCapShape(TypedDict):
    """A frequency cap; its window is whole microseconds."""

    max_calls: int
    window_us: int


class DispositionRuleShape(TypedDict):
    """A rule for a disposition; `after_us` is whole microseconds."""

    disposition: str
    then: str
    after_us: int | None


class DayShape(TypedDict):
    """One weekday; each window is its start and end in ISO form."""

    enabled: bool
    windows: list[list[str]]


_MICROSECOND = timedelta(microseconds=1)


def shape_of_retry_policy(policy: RedialPolicy) -> RetryPolicyShape:
    """Return what is kept of a policy."""
    return RetryPolicyShape(
        max_retries=policy.max_retries,
        strategy=policy.strategy.value,
        cooldown_us=policy.cooldown // _MICROSECOND,
        max_cooldown_us=policy.max_cooldown // _MICROSECOND,
        retry_on=sorted(outcome.value for outcome in policy.retry_on),
    )


def retry_policy_of(shape: RetryPolicyShape) -> RedialPolicy:
    """Return the policy that was kept."""
    return RedialPolicy(
        max_retries=shape["max_retries"],
        strategy=RedialStrategy(shape["strategy"]),
        cooldown=shape["cooldown_us"] * _MICROSECOND,
        max_cooldown=shape["max_cooldown_us"] * _MICROSECOND,
        retry_on=frozenset(Outcome(each) for each in shape["retry_on"]),
    )


def shape_of_frequency_cap(cap: FrequencyCap) -> FrequencyCapShape:
    """Return what is kept of a cap."""
    return FrequencyCapShape(max_calls=cap.max_calls, window_us=cap.window // _MICROSECOND)


def frequency_cap_of(shape: FrequencyCapShape) -> FrequencyCap:
    """Return the cap that was kept."""
    return FrequencyCap(max_calls=shape["max_calls"], window=shape["window_us"] * _MICROSECOND)


def shape_of_disposition_rule(rule: DispositionRule) -> DispositionRuleShape:
    """Return what is kept of a rule."""
    after_us = None if rule.after is None else rule.after // _MICROSECOND
    return DispositionRuleShape(disposition=rule.disposition, then=rule.then.value, after_us=after_us)


def disposition_rule_of(shape: DispositionRuleShape) -> DispositionRule:
    """Return the rule that was kept."""
    after_us = shape["after_us"]
    return DispositionRule(
        disposition=shape["disposition"],
        then=Then(shape["then"]),
        after=None if after_us is None else after_us * _MICROSECOND,
    )


def shape_of_working_hours(hours: WorkingHours) -> list[DayShape]:
    """Return what is kept of seven days, Monday first."""
    return [
        DayShape(
            enabled=day.enabled,
            windows=[[window.start.isoformat(), window.end.isoformat()] for window in day.windows],
        )
        for day in hours.days
    ]


def working_hours_of(shape: Sequence[DayShape]) -> WorkingHours:
    """Return the hours that were kept."""
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (_day_of(day) for day in shape)
    return WorkingHours((monday, tuesday, wednesday, thursday, friday, saturday, sunday))


def _day_of(shape: DayShape) -> DayHours:
    windows = (
        DailyWindow(time.fromisoformat(start), time.fromisoformat(end)) for start, end in shape["windows"]
    )
    return DayHours(enabled=shape["enabled"], windows=tuple(windows))
