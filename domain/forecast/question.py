"""What a forecast is asked: a batch as it would be stored, its contacts, and what stands around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.batch import (
    NewBatch,
    concurrency_in_force,
    disposition_rules_in_force,
    redial_policy_in_force,
)
from domain.call import OUTCOME_OF
from domain.campaign import CampaignRules
from domain.disposition import Then, rule_for
from domain.forecast.past_calls import CallsAlike, PastCalls
from domain.frequency import CapsAt, CountedCall, capped_by
from domain.identity import BatchId
from domain.redial import outcome_under
from domain.slots import SlotDemand, fair_shares

MOST_CALLS_OF_COURSE = 20_000
"""Of more calls a part is simulated, under limits that are as much smaller."""

_THIS_BATCH = BatchId("")


@dataclass(frozen=True, kw_only=True)
class PlannedContact:
    """A contact that would be called; in the order of the upload."""

    zone: str | None
    """Its key, see `zones_in_force`."""
    calls: tuple[CountedCall, ...] = ()
    """Earlier attempts at its number that caps may count, newest first."""
    is_on_the_phone: bool = False
    not_before: datetime | None = None
    priority: int = 0


@dataclass(frozen=True, kw_only=True)
class ForecastQuestion:
    """A batch that may be started, paused ones as if they were resumed. All instants are aware."""

    new: NewBatch
    rules: CampaignRules
    contacts: Sequence[PlannedContact]
    """Without those that would be skipped at the upload."""
    past: PastCalls
    other_batches: Mapping[BatchId, SlotDemand]
    """Of the campaign, as they stand now."""
    now: datetime
    quiet_after_unknown: timedelta = timedelta()

    @property
    def starts_at(self) -> datetime:
        return max(self.now, self.new.scheduled_start or self.now)

    @property
    def slots(self) -> int:
        """Return how many contacts of the batch may be live, at least one: its fair share."""
        limit = concurrency_in_force(self.new.concurrency_limit, self.rules)
        cap = self.rules.concurrency_limit
        if cap is None:
            return limit
        wants = {batch_id: each.wants for batch_id, each in self.other_batches.items()}
        return max(1, min(limit, fair_shares({**wants, _THIS_BATCH: limit}, cap)[_THIS_BATCH]))

    @property
    def capped(self) -> int:
        """Return how many numbers the caps withhold as of the start."""
        caps = CapsAt(self.rules.caps_in_force, self.starts_at)
        return sum(capped_by(caps, each.calls) is not None for each in self.contacts)

    def without_texts(self) -> "ForecastQuestion":
        """Return the same question without what has no bearing on it, which may be large."""
        new = replace(self.new, call_context={}, metadata={})
        return replace(self, new=new, rules=replace(self.rules, default_call_variables={}))


@dataclass(frozen=True)
class Scale:
    """How a part of the contacts stands for all of them."""

    every: int
    """Each so manieth contact is simulated."""
    slots: int
    """Of the part."""
    stretch: float
    """A call holds its slot so many times as long, at least once: slots cannot be divided further."""

    @classmethod
    def of(cls, question: ForecastQuestion) -> "Scale":
        every = max(1, -(-_calls_expected(question) // MOST_CALLS_OF_COURSE))
        slots = -(-question.slots // every)
        return cls(every, slots, slots * every / question.slots)


def _calls_expected(question: ForecastQuestion) -> int:
    """Return about how many calls there will be, rather too many than too few."""
    _, max_retries = redial_policy_in_force(question.new.overrides, question.rules)
    further = sum(each.calls for each in question.past.alike if _leads_to_a_call(question, each))
    share = further / question.past.total
    most = max_retries + question.rules.max_follow_ups
    return round(len(question.contacts) * sum(share**after for after in range(most + 1)))


def _leads_to_a_call(question: ForecastQuestion, alike: CallsAlike) -> bool:
    overrides, rules = question.new.overrides, question.rules
    rule = rule_for(alike.disposition, disposition_rules_in_force(overrides, rules))
    if rule is not None:
        return rule.then in (Then.RETRY, Then.FOLLOW_UP)
    policy, _ = redial_policy_in_force(overrides, rules)
    outcome = outcome_under(policy, OUTCOME_OF[alike.call_status], alike.answered_by)
    return outcome in policy.retry_on or alike.follow_up_after is not None
