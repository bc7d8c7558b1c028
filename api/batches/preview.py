"""A preview on the wire: what a batch would come to, and what that rests on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from api.batches.planning import BatchPlan
from api.http.wire import WireNumber, WireOutput, WireTime
from domain.batch import calling_hours_in_force, redial_policy_in_force
from domain.call import OUTCOME_OF, Outcome
from domain.campaign import CampaignStatus
from domain.contact import NewContact
from domain.forecast.forecast import Forecast
from domain.forecast.past_calls import DEFAULT_CALLS
from domain.forecast.question import ForecastQuestion
from domain.redial import outcome_under
from domain.working_hours import CallingHours, next_opening
from domain.zones import zone_key

Share = Annotated[WireNumber, Field(ge=0, le=1)]


class TimezoneOfContacts(WireOutput):
    """Contacts that share their zones."""

    timezone: str = Field(
        description="IANA name; several that all hold are joined by `+`.", examples=["America/Chicago"]
    )
    contacts: int
    opens_at: WireTime | None = Field(
        description="First instant from the start on at which they may be called; null without one."
    )


class FinishTimes(WireOutput):
    """When everybody is done; null where nobody can be called, or somebody never."""

    p50: WireTime | None = Field(description="As likely earlier as later.")
    p90: WireTime | None = Field(description="Nine times of ten earlier.")


class CallsOfHour(WireOutput):
    """Calls that begin within an hour."""

    hour: WireTime = Field(description="Its beginning.")
    calls: WireNumber


class RatesFrom(StrEnum):
    """Where answer rates and durations come from."""

    LAST_30_DAYS = "last_30_days"
    """The organization's newest calls."""
    DEFAULTS = "defaults"
    """A guess, for the organization has called too little."""


class PreviewAssumptions(WireOutput):
    """What a preview rests on."""

    rates_from: RatesFrom
    calls_seen: int = Field(description="Calls that the rates were counted from; 0 with `defaults`.")
    outcomes: dict[Outcome, Share] = Field(description="How calls end, as shares of all.")
    seconds_per_call: WireNumber = Field(description="From the dial to the end, mean over all calls.")
    minutes_per_answered_call: WireNumber
    slots: int = Field(description="Calls of the batch at once.")
    calls_per_second: WireNumber | None
    courses: int = Field(description="How often the batch was played through.")
    contacts_simulated: int
    notes: list[str] = Field(description="What else was taken for granted, in words.")


class BatchPreview(WireOutput):
    """What would come of an upload; nothing was stored."""

    accepted: int = Field(description="As in the `import_report`, suppressed and capped numbers included.")
    invalid: int
    duplicates: int
    suppressed: int = Field(description="Accepted numbers that must not be called.")
    capped: int = Field(description="Others that frequency caps withhold as of the start.")
    on_another_call: int = Field(description="Others that the organization has on the phone now.")
    by_timezone: list[TimezoneOfContacts]
    first_call_at: WireTime | None
    finishes_at: FinishTimes
    calls_expected: int
    minutes_expected: WireNumber = Field(description="Of talk.")
    cost_expected: WireNumber | None = Field(description="Null where no earlier call told its cost.")
    expired_expected: int = Field(description="Contacts that `scheduled_end` would skip.")
    calls_by_hour: list[CallsOfHour] = Field(description="Without empty hours; the first 1,000.")
    assumptions: PreviewAssumptions


def shown(
    plan: BatchPlan, accepted: Sequence[NewContact], question: ForecastQuestion, expected: Forecast
) -> BatchPreview:
    """Show a forecast beside what was counted."""
    report = plan.upload.report
    return BatchPreview(
        accepted=report.accepted,
        invalid=report.invalid,
        duplicates=report.duplicates,
        suppressed=len(accepted) - len(question.contacts),
        capped=question.capped,
        on_another_call=sum(each.is_on_the_phone for each in question.contacts),
        by_timezone=_by_timezone(plan, accepted, question.starts_at),
        first_call_at=expected.first_call_at,
        finishes_at=FinishTimes(p50=expected.finishes_at_p50, p90=expected.finishes_at_p90),
        calls_expected=round(expected.calls),
        minutes_expected=round(expected.talk.total_seconds() / 60, 1),
        cost_expected=None if expected.cost is None else round(expected.cost, 2),
        expired_expected=round(expected.expired),
        calls_by_hour=[
            CallsOfHour(hour=hour, calls=round(calls, 1)) for hour, calls in expected.calls_by_hour
        ],
        assumptions=_assumptions(plan, question, expected),
    )


def _by_timezone(
    plan: BatchPlan, accepted: Sequence[NewContact], starts_at: datetime
) -> list[TimezoneOfContacts]:
    """Count contacts by their zones; different keys may mean the same."""
    counted: Counter[tuple[str, ...]] = Counter()
    hours_of: dict[tuple[str, ...], CallingHours] = {}
    for key, contacts in Counter(zone_key(each.timezone, each.number_timezones) for each in accepted).items():
        hours = calling_hours_in_force(plan.new.overrides, plan.campaign.rules, key)
        counted[hours.timezones] += contacts
        hours_of[hours.timezones] = hours
    return [
        TimezoneOfContacts(
            timezone="+".join(zones),
            contacts=contacts,
            opens_at=next_opening(hours_of[zones], starts_at, before=plan.new.scheduled_end),
        )
        for zones, contacts in sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    ]


def _assumptions(plan: BatchPlan, question: ForecastQuestion, expected: Forecast) -> PreviewAssumptions:
    past, is_guess = question.past, question.past == DEFAULT_CALLS
    return PreviewAssumptions(
        rates_from=RatesFrom.DEFAULTS if is_guess else RatesFrom.LAST_30_DAYS,
        calls_seen=0 if is_guess else past.total,
        outcomes=_outcomes(question),
        seconds_per_call=round(past.mean_length.total_seconds(), 1),
        minutes_per_answered_call=round(past.mean_talk.total_seconds() / 60, 2),
        slots=question.slots,
        calls_per_second=question.rules.calls_per_second,
        courses=expected.courses,
        contacts_simulated=expected.contacts,
        notes=list(_notes(plan, question)),
    )


def _outcomes(question: ForecastQuestion) -> dict[Outcome, float]:
    """Return the shares in the terms of the redial policy, which may tell voicemails apart."""
    policy, _ = redial_policy_in_force(question.new.overrides, question.rules)
    counted: Counter[Outcome] = Counter()
    for each in question.past.alike:
        counted[outcome_under(policy, OUTCOME_OF[each.call_status], each.answered_by)] += each.calls
    return {outcome: round(calls / counted.total(), 4) for outcome, calls in sorted(counted.items())}


def _notes(plan: BatchPlan, question: ForecastQuestion) -> Iterator[str]:
    if plan.campaign.status is CampaignStatus.PAUSED:
        yield "The campaign is paused: it is taken to be resumed at the start"
    if question.other_batches:
        yield "Other batches of the campaign want as many slots as now, all along"
    if question.new.keep_open:
        yield "The batch is taken to be closed: it finishes when everybody is done"
    if question.new.scheduled_end is not None:
        yield "The forecast ends at scheduled_end"
    yield "The provider and the workers take every call at once; rules and lists stay as they are now"
