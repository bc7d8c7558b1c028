"""What becomes of a contact when an attempt has ended: done, called again, or called as agreed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.batch import TERMINAL_BATCH, Batch, calling_hours_in_force, redial_policy_in_force
from domain.call import OUTCOME_OF, CallRecord, Outcome
from domain.campaign import Campaign, CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.redial import Redial, decide_redial, taken_as
from domain.working_hours import next_opening


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
    Whoever would be called again waits for the first opening of their window; without one before the
    batch's end the outcome stays.
    Where a campaign has unknown outcomes retried, the phone is left alone for `quiet_after_unknown` at least,
    for the call may still be under way.
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
    policy, max_retries = redial_policy_in_force(batch.overrides, campaign.rules)
    ended_at = record.ended_at or now
    decision = decide_redial(
        outcome, retry_count=contact.retry_count, max_retries=max_retries, policy=policy, ended_at=ended_at
    )
    if not isinstance(decision, Redial):
        return Settlement(status=decision.status)
    quiet = quiet_after_unknown if outcome is Outcome.UNKNOWN else timedelta()
    not_before = max(decision.due_at, ended_at + quiet)
    due_at = next_opening(hours, not_before, before=batch.scheduled_end)
    if due_at is None:
        return Settlement(status=taken_as(outcome))
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=due_at)
