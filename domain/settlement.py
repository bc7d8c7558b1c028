"""What becomes of a contact when an attempt has ended: done, called again, or called as agreed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.batch import TERMINAL_BATCH, Batch, calling_hours_in_force, redial_policy_in_force
from domain.call import OUTCOME_OF, CallRecord, Outcome
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.identity import ContactId
from domain.redial import Redial, decide_redial, taken_as
from domain.working_hours import CallingHours, is_open, next_opening


@dataclass(frozen=True)
class EndedAttempt:
    """How and when an attempt ended, and how many retries had been dialled by then."""

    outcome: Outcome
    ended_at: datetime
    retry_count: int


@dataclass(frozen=True, kw_only=True)
class WaitingContact:
    """A contact that waits for a retry or a follow-up."""

    contact_id: ContactId
    timezone: str | None
    attempt: EndedAttempt
    """The newest that ended."""
    next_retry_at: datetime | None = None
    follow_up_at: datetime | None = None
    """The planned time; one of the two is set."""
    agreed_at: datetime | None = None
    """The time agreed for a follow-up, whether a window is open then or not."""


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """Where a contact stands after an attempt ended. All instants are aware."""

    status: ContactStatus
    next_retry_at: datetime | None = None
    """Only with `retrying`."""
    follow_up_at: datetime | None = None
    """Only with `followup_scheduled`."""

    @property
    def due_at(self) -> datetime | None:
        """When the contact is called again, None when it is not."""
        return self.next_retry_at or self.follow_up_at


def settle_attempt(  # noqa: PLR0913 - all that bears on one attempt
    record: CallRecord,
    contact: Contact,
    batch: Batch,
    campaign: Campaign,
    *,
    now: datetime,
    quiet_after_unknown: timedelta = timedelta(),
) -> Settlement:
    """Decide what follows an attempt whose call has ended.

    A batch that is over takes the outcome as it is; a follow-up agreed in the call comes before any retry.
    A contact to be called again waits for the first opening of its window; without one before the batch's
    end the outcome stays.
    Where a campaign retries unknown outcomes, the phone is left alone for `quiet_after_unknown` at least: the
    call may still be under way.
    Raises ValueError when the call has not ended.
    """
    outcome = OUTCOME_OF.get(record.call_status)
    if outcome is None:
        raise ValueError("the call has not ended")
    if batch.status in TERMINAL_BATCH or campaign.status is CampaignStatus.CANCELLED:
        return Settlement(status=taken_as(outcome))
    hours = calling_hours_in_force(batch.overrides, campaign.rules, contact.timezone)
    if record.follow_up_at is not None and contact.follow_up_count < campaign.rules.max_follow_ups:
        agreed_at = next_opening(hours, max(record.follow_up_at, now), before=batch.scheduled_end)
        if agreed_at is not None:
            return Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=agreed_at)
    attempt = EndedAttempt(outcome, record.ended_at or now, contact.retry_count)
    return _retried_or_done(attempt, batch, campaign.rules, hours, quiet_after_unknown)


def settle_anew(
    waiting: WaitingContact,
    batch: Batch,
    rules: CampaignRules,
    *,
    now: datetime,
    quiet_after_unknown: timedelta = timedelta(),
) -> Settlement:
    """Decide again about a waiting contact, under rules that have changed since.

    A retry is due as if the rules had always been these, or the contact is done where they allow none.
    A follow-up that was agreed stays, at the first opening; where none comes its time stays too, for it
    ends with the batch.
    """
    hours = calling_hours_in_force(batch.overrides, rules, waiting.timezone)
    if waiting.follow_up_at is not None:
        planned = next_opening(hours, waiting.agreed_at or waiting.follow_up_at)
        follow_up_at = planned and _not_missed(hours, planned, now, before=None)
        return Settlement(
            status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=follow_up_at or waiting.follow_up_at
        )
    settled = _retried_or_done(waiting.attempt, batch, rules, hours, quiet_after_unknown)
    if settled.next_retry_at is None:
        return settled
    retry_at = _not_missed(hours, settled.next_retry_at, now, before=batch.scheduled_end)
    if retry_at is None:
        return Settlement(status=taken_as(waiting.attempt.outcome))
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=retry_at)


def is_to_be_followed(before: CampaignRules, after: CampaignRules) -> bool:
    """Tell whether a change of rules must reach every batch: it may move the times of contacts, or end them.

    A batch reads a new limit when it is notified; all other rules are read with every dial.
    """

    def followed(rules: CampaignRules) -> tuple[object, ...]:
        return (
            rules.retry_policy,
            rules.working_hours_enforced,
            rules.working_hours,
            rules.timezone,
            frozenset(rules.blackout_dates),
            rules.concurrency_limit,
        )

    return followed(before) != followed(after)


def _retried_or_done(
    attempt: EndedAttempt,
    batch: Batch,
    rules: CampaignRules,
    hours: CallingHours,
    quiet_after_unknown: timedelta,
) -> Settlement:
    policy, max_retries = redial_policy_in_force(batch.overrides, rules)
    decision = decide_redial(
        attempt.outcome,
        retry_count=attempt.retry_count,
        max_retries=max_retries,
        policy=policy,
        ended_at=attempt.ended_at,
    )
    if not isinstance(decision, Redial):
        return Settlement(status=decision.status)
    quiet = quiet_after_unknown if attempt.outcome is Outcome.UNKNOWN else timedelta()
    not_before = max(decision.due_at, attempt.ended_at + quiet)
    due_at = next_opening(hours, not_before, before=batch.scheduled_end)
    if due_at is None:
        return Settlement(status=taken_as(attempt.outcome))
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=due_at)


def _not_missed(
    hours: CallingHours, due_at: datetime, now: datetime, *, before: datetime | None
) -> datetime | None:
    """Return the time itself, or the next opening where it has passed and the window is closed by now."""
    if due_at >= now or is_open(hours, now):
        return due_at
    return next_opening(hours, now, before=before)
