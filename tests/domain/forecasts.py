"""Questions to forecast, whose calls go one way only so that every time can be told beforehand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.call import AttemptKind, CallStatus
from domain.forecast.past_calls import CallsAlike, PastCalls
from domain.forecast.question import ForecastQuestion, PlannedContact
from tests.builders import MONDAY_NOON, a_campaign_rules, a_new_batch

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ANSWERED = CallsAlike(
    kind=AttemptKind.INITIAL, call_status=CallStatus.COMPLETED, calls=100, talks=(MINUTE,), cost=0.25
)
BUSY = CallsAlike(kind=AttemptKind.INITIAL, call_status=CallStatus.BUSY, calls=100)


def at_first(*alike: CallsAlike, then: CallsAlike = ANSWERED) -> PastCalls:
    """First calls that went so, and later ones that all went like another."""
    later = [replace(then, kind=kind) for kind in (AttemptKind.RETRY, AttemptKind.FOLLOW_UP)]
    return PastCalls((*alike, *later))


def always(alike: CallsAlike) -> PastCalls:
    """Calls that all went alike."""
    return at_first(alike, then=alike)


def people(number: int, **each: Any) -> Sequence[PlannedContact]:
    """So many contacts of one kind."""
    return [PlannedContact(**{"zone": None, **each}) for _ in range(number)]


def a_question(
    contacts: Sequence[PlannedContact] | int = 10, past: PastCalls | None = None, **changes: Any
) -> ForecastQuestion:
    """A batch of so many people, all of whom answer for a minute; other changes are the campaign's rules."""
    listed = people(contacts) if isinstance(contacts, int) else contacts
    batch = changes.pop("batch", {})
    others = changes.pop("other_batches", {})
    return ForecastQuestion(
        new=a_new_batch(**batch),
        rules=a_campaign_rules(**changes),
        contacts=listed,
        past=past or always(ANSWERED),
        other_batches=others,
        now=MONDAY_NOON,
    )
