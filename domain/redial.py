"""Whether and when a person is called again after an attempt that did not reach them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.call import Outcome
from domain.contact import ContactStatus
from domain.disposition import MACHINES, AnsweredBy

DEFAULT_RETRY_ON = frozenset({Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED})


class RedialStrategy(StrEnum):
    """How the cooldown grows from one retry to the next."""

    FIXED = "fixed"
    EXPONENTIAL = "exponential"
    """Doubles each time, up to `max_cooldown`."""


@dataclass(frozen=True, kw_only=True)
class RedialPolicy:
    """The rules for retries; the wire calls it `retry_policy`."""

    max_retries: int = 3
    """0..20; the first attempt is not a retry."""
    strategy: RedialStrategy = RedialStrategy.FIXED
    cooldown: timedelta = timedelta(minutes=30)
    max_cooldown: timedelta = timedelta(minutes=1440)
    retry_on: frozenset[Outcome] = DEFAULT_RETRY_ON
    """May hold `unknown` and `voicemail`, which are retried only where a campaign asks for it."""


@dataclass(frozen=True)
class Redial:
    """Call again, as retry number `retry` (from 1), not before `due_at`."""

    retry: int
    due_at: datetime


@dataclass(frozen=True)
class Finish:
    """Do not call again; the contact ends in `status`."""

    status: ContactStatus


RedialDecision = Redial | Finish

_ENDS_AS = {
    Outcome.COMPLETED: ContactStatus.COMPLETED,
    Outcome.BUSY: ContactStatus.BUSY,
    Outcome.NO_ANSWER: ContactStatus.NO_ANSWER,
    Outcome.FAILED: ContactStatus.FAILED,
    Outcome.UNKNOWN: ContactStatus.FAILED,
    Outcome.VOICEMAIL: ContactStatus.NO_ANSWER,
}


def outcome_under(policy: RedialPolicy, outcome: Outcome, answered_by: AnsweredBy | None) -> Outcome:
    """Return how an attempt ended in the eyes of a policy: one that names voicemails tells them apart."""
    is_voicemail = outcome is Outcome.COMPLETED and answered_by in MACHINES
    return Outcome.VOICEMAIL if is_voicemail and Outcome.VOICEMAIL in policy.retry_on else outcome


def taken_as(outcome: Outcome) -> ContactStatus:
    """Return the status of a contact that ends with `outcome` and no further retry."""
    return _ENDS_AS[outcome]


def corrected(status: ContactStatus, outcome: Outcome) -> ContactStatus:
    """Return the status of a contact that an unknown outcome left in `status`, once the real one is known.

    Only a status that said too little is corrected, and no contact is called again by it.
    """
    knew_too_little = status is taken_as(Outcome.UNKNOWN)
    was_reached = status is ContactStatus.MAX_RETRIES_REACHED and outcome is Outcome.COMPLETED
    return taken_as(outcome) if knew_too_little or was_reached else status


def corrected_late(status: ContactStatus, outcome: Outcome) -> ContactStatus:
    """Return the same for an ending that comes after the contact was settled.

    A contact that waits for a redial and was reached after all is not called again.
    """
    if status is ContactStatus.RETRYING and outcome is Outcome.COMPLETED:
        return ContactStatus.COMPLETED
    return corrected(status, outcome)


def cooldown_before(retry: int, policy: RedialPolicy) -> timedelta:
    """Return the wait between an attempt's end and retry number `retry` (from 1)."""
    if policy.strategy is RedialStrategy.FIXED:
        return policy.cooldown
    growth: int = 2 ** (retry - 1)
    return min(policy.cooldown * growth, policy.max_cooldown)


def decide_redial(
    outcome: Outcome, *, retry_count: int, max_retries: int, policy: RedialPolicy, ended_at: datetime
) -> RedialDecision:
    """Return whether a contact with `retry_count` retries dialled so far is called again, and when.

    `max_retries` is the number in force, which a batch may have overridden.
    """
    if outcome not in policy.retry_on:
        return Finish(taken_as(outcome))
    if retry_count < max_retries:
        retry = retry_count + 1
        return Redial(retry=retry, due_at=ended_at + cooldown_before(retry, policy))
    return Finish(taken_as(outcome) if retry_count == 0 else ContactStatus.MAX_RETRIES_REACHED)
