"""What becomes of a contact when an attempt has ended: done, called again, or called as agreed.

A rule for the disposition of the call comes first, then a follow-up that was agreed in it, then the redial
policy.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.batch import (
    TERMINAL_BATCH,
    Batch,
    BatchOverrides,
    NewBatch,
    calling_hours_in_force,
    disposition_rules_in_force,
    redial_policy_in_force,
    timezone_in_force,
)
from domain.call import OUTCOME_OF, CallRecord, CallStatus, Outcome
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.disposition import AnsweredBy, DispositionRule, Then, rule_for
from domain.identity import ContactId
from domain.redial import Redial, cooldown_before, decide_redial, outcome_under, taken_as
from domain.working_hours import CallingHours, is_open, next_opening


@dataclass(frozen=True)
class EndedAttempt:
    """How and when an attempt ended, and how many retries had been dialled by then."""

    outcome: Outcome
    ended_at: datetime
    retry_count: int
    answered_by: AnsweredBy | None = None
    disposition: str | None = None


@dataclass(frozen=True, kw_only=True)
class WaitingContact:
    """A contact that waits for a retry or a follow-up."""

    contact_id: ContactId
    zone: str | None
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
    is_first: bool = field(default=False, compare=False)
    """Of what stands after a settlement: whether the call had not been settled before, so that it counts."""

    @property
    def due_at(self) -> datetime | None:
        """When the contact is called again, None when it is not."""
        return self.next_retry_at or self.follow_up_at


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What was known of a call when its attempt was settled."""

    call_status: CallStatus
    answered_by: AnsweredBy | None
    disposition: str | None
    ends_as: ContactStatus
    """Where the contact ends when nobody may be called again after all."""

    def is_outdated_by(self, answered_by: AnsweredBy | None, disposition: str | None) -> bool:
        """Tell whether more is known by now, so that the decision is to be made again."""
        return (answered_by, disposition) != (self.answered_by, self.disposition)


@dataclass(frozen=True)
class Terms:
    """The rules in force for the contacts of a batch whose zones are found alike."""

    overrides: BatchOverrides
    ends_at: datetime | None
    """The batch's `scheduled_end`."""
    rules: CampaignRules
    hours: CallingHours
    quiet_after_unknown: timedelta

    @classmethod
    def of(cls, batch: Batch | NewBatch, rules: CampaignRules, zone: str | None, quiet: timedelta) -> "Terms":
        hours = calling_hours_in_force(batch.overrides, rules, zone)
        return cls(batch.overrides, batch.scheduled_end, rules, hours, quiet)

    @classmethod
    def of_contact(
        cls, contact: Contact, batch: Batch, rules: CampaignRules, quiet: timedelta = timedelta()
    ) -> "Terms":
        return cls.of(batch, rules, contact.zone_under(timezone_in_force(batch.overrides, rules)), quiet)

    def opening(self, at: datetime) -> datetime | None:
        """Return the first opening from `at` on, None without one before the batch's end."""
        return next_opening(self.hours, at, before=self.ends_at)

    def rule_for(self, attempt: EndedAttempt) -> DispositionRule | None:
        if attempt.disposition is None:
            return None
        return rule_for(attempt.disposition, disposition_rules_in_force(self.overrides, self.rules))

    def not_before(self, attempt: EndedAttempt, due_at: datetime) -> datetime:
        """A call that nobody can account for may still be under way."""
        quiet = self.quiet_after_unknown if attempt.outcome is Outcome.UNKNOWN else timedelta()
        return max(due_at, attempt.ended_at + quiet)


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
    A rule for the call's disposition comes before both. A contact to be called again waits for the first
    opening of its window; without one before the batch's end the outcome stays.
    Where a campaign retries unknown outcomes, the phone is left alone for `quiet_after_unknown` at least: the
    call may still be under way.
    Raises ValueError when the call has not ended.
    """
    attempt = _attempt_of(record, contact, now)
    terms = Terms.of_contact(contact, batch, campaign.rules, quiet_after_unknown)
    if batch.status in TERMINAL_BATCH or campaign.status is CampaignStatus.CANCELLED:
        return Settlement(status=_ends_as(attempt, terms))
    has_follow_up = contact.follow_up_count < campaign.rules.max_follow_ups
    return settle_under(terms, attempt, record.follow_up_at, now, has_follow_up=has_follow_up)


def settle_under(
    terms: Terms, attempt: EndedAttempt, asked_for: datetime | None, now: datetime, *, has_follow_up: bool
) -> Settlement:
    """Decide the same for a batch that goes on, given when a follow-up was asked for, if it was."""
    if has_follow_up:
        agreed_at = _agreed_at(attempt, terms, asked_for)
        if agreed_at is not None and (at := terms.opening(max(agreed_at, now))) is not None:
            return Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=at)
    return _retried_or_done(attempt, terms)


def basis_of(record: CallRecord, contact: Contact, batch: Batch, campaign: Campaign, now: datetime) -> Basis:
    """Return what a settlement of the attempt rests on. Raises ValueError when the call has not ended."""
    attempt = _attempt_of(record, contact, now)
    terms = Terms.of_contact(contact, batch, campaign.rules)
    return Basis(
        call_status=record.call_status,
        answered_by=record.answered_by,
        disposition=record.disposition,
        ends_as=_ends_as(attempt, terms),
    )


def is_to_be_suppressed(record: CallRecord, batch: Batch, rules: CampaignRules) -> bool:
    """Tell whether a rule for the call's disposition has its number listed, whatever else comes of it."""
    rule = rule_for(record.disposition, disposition_rules_in_force(batch.overrides, rules))
    return rule is not None and rule.then is Then.SUPPRESS


def settle_late(
    record: CallRecord, contact: Contact, batch: Batch, campaign: Campaign, now: datetime
) -> Settlement | None:
    """Decide what a disposition changes that came after its attempt was settled; None when it is nothing.

    Only a completed contact of a batch that goes on is called again, as by the follow-up endpoint.
    Whether the attempt is the contact's newest, and whether its number may be called, is for the caller.
    """
    if contact.status is not ContactStatus.COMPLETED or contact.erased_at is not None:
        return None
    if batch.status in TERMINAL_BATCH or campaign.status is CampaignStatus.CANCELLED:
        return None
    attempt = _attempt_of(record, contact, now)
    terms = Terms.of_contact(contact, batch, campaign.rules)
    agreed_at = _agreed_at(attempt, terms, record.follow_up_at)
    if agreed_at is not None:
        has_room = contact.follow_up_count < campaign.rules.max_follow_ups
        at = terms.opening(max(agreed_at, now)) if has_room else None
        if at is None:
            return None
        return Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=at)
    rule = terms.rule_for(attempt)
    if rule is None or rule.then is not Then.RETRY:
        return None
    retry_at = _retried_by(rule, attempt, terms).next_retry_at
    due_at = None if retry_at is None else terms.opening(max(retry_at, now))
    return None if due_at is None else Settlement(status=ContactStatus.RETRYING, next_retry_at=due_at)


def settle_again(
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
    terms = Terms.of(batch, rules, waiting.zone, quiet_after_unknown)
    if waiting.follow_up_at is not None:
        agreed_at = waiting.agreed_at or _agreed_at(waiting.attempt, terms, None)
        planned = next_opening(terms.hours, agreed_at or waiting.follow_up_at)
        follow_up_at = planned and _not_missed(terms.hours, planned, now, before=None)
        return Settlement(
            status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=follow_up_at or waiting.follow_up_at
        )
    settled = _retried_or_done(waiting.attempt, terms)
    if settled.next_retry_at is None:
        return settled
    retry_at = _not_missed(terms.hours, settled.next_retry_at, now, before=batch.scheduled_end)
    if retry_at is None:
        return Settlement(status=_ends_as(waiting.attempt, terms))
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=retry_at)


def is_to_be_followed(before: CampaignRules, after: CampaignRules) -> bool:
    """Tell whether a change of rules must reach every batch: it may move the times of contacts, or end them.

    A batch reads a new limit when it is notified; all other rules are read with every dial.
    """

    def followed(rules: CampaignRules) -> tuple[object, ...]:
        return (
            rules.retry_policy,
            frozenset(rules.disposition_rules),
            rules.working_hours_enforced,
            rules.working_hours,
            rules.timezone,
            rules.fallback_timezone,
            frozenset(rules.blackout_dates),
            rules.holidays,
            frozenset(rules.presets),
            rules.concurrency_limit,
        )

    return followed(before) != followed(after)


def _attempt_of(record: CallRecord, contact: Contact, now: datetime) -> EndedAttempt:
    outcome = OUTCOME_OF.get(record.call_status)
    if outcome is None:
        raise ValueError("the call has not ended")
    return EndedAttempt(
        outcome, record.ended_at or now, contact.retry_count, record.answered_by, record.disposition
    )


def _ends_as(attempt: EndedAttempt, terms: Terms) -> ContactStatus:
    """Where a contact ends without a further call: done where a rule says what came of the talk."""
    rule = terms.rule_for(attempt)
    if rule is not None and rule.then is not Then.FOLLOW_UP:
        return ContactStatus.COMPLETED
    policy, _ = redial_policy_in_force(terms.overrides, terms.rules)
    return taken_as(outcome_under(policy, attempt.outcome, attempt.answered_by))


def _agreed_at(attempt: EndedAttempt, terms: Terms, asked_for: datetime | None) -> datetime | None:
    """When a follow-up was agreed for; None without one, or where a rule leads elsewhere."""
    rule = terms.rule_for(attempt)
    if rule is None:
        return asked_for
    if rule.then is not Then.FOLLOW_UP:
        return None
    return asked_for or (None if rule.after is None else attempt.ended_at + rule.after)


def _retried_or_done(attempt: EndedAttempt, terms: Terms) -> Settlement:
    rule = terms.rule_for(attempt)
    match None if rule is None else rule.then:
        case Then.RETRY if rule is not None:
            return _retried_by(rule, attempt, terms)
        case Then.COMPLETE | Then.SUPPRESS:
            return Settlement(status=ContactStatus.COMPLETED)
    return _redialled_or_done(attempt, terms)


def _retried_by(rule: DispositionRule, attempt: EndedAttempt, terms: Terms) -> Settlement:
    policy, max_retries = redial_policy_in_force(terms.overrides, terms.rules)
    if attempt.retry_count >= max_retries:
        return Settlement(status=ContactStatus.COMPLETED)
    after = rule.after or cooldown_before(attempt.retry_count + 1, policy)
    due_at = terms.opening(terms.not_before(attempt, attempt.ended_at + after))
    if due_at is None:
        return Settlement(status=ContactStatus.COMPLETED)
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=due_at)


def _redialled_or_done(attempt: EndedAttempt, terms: Terms) -> Settlement:
    policy, max_retries = redial_policy_in_force(terms.overrides, terms.rules)
    outcome = outcome_under(policy, attempt.outcome, attempt.answered_by)
    decision = decide_redial(
        outcome,
        retry_count=attempt.retry_count,
        max_retries=max_retries,
        policy=policy,
        ended_at=attempt.ended_at,
    )
    if not isinstance(decision, Redial):
        return Settlement(status=decision.status)
    due_at = terms.opening(terms.not_before(attempt, decision.due_at))
    if due_at is None:
        return Settlement(status=taken_as(outcome))
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=due_at)


def _not_missed(
    hours: CallingHours, due_at: datetime, now: datetime, *, before: datetime | None
) -> datetime | None:
    """Return the time itself, or the next opening where it has passed and the window is closed by now."""
    if due_at >= now or is_open(hours, now):
        return due_at
    return next_opening(hours, now, before=before)
