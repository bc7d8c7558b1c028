"""The numbers of a campaign on the wire."""

from pydantic import Field

from api.http.wire import WireOutput
from api.policy.disposition_rules import AnsweredByCounts
from domain.batch import BatchStatus
from domain.campaign_stats import CampaignStats
from domain.contact import ContactStatus
from domain.identity import CampaignId


class ContactCounts(WireOutput):
    """Contacts of all batches by status."""

    pending: int
    dispatched: int
    in_progress: int
    retrying: int
    followup_scheduled: int
    completed: int
    failed: int
    busy: int
    no_answer: int
    skipped: int
    max_retries_reached: int


class BatchCounts(WireOutput):
    """Batches by status."""

    pending: int
    in_progress: int
    paused: int
    completed: int
    cancelled: int
    expired: int


class CallCountersOut(WireOutput):
    """Calls that ended with each outcome, every attempt counted once, and follow-ups dialled."""

    completed_calls: int
    failed_calls: int
    busy_calls: int
    no_answer_calls: int
    follow_up_calls: int


class CampaignStatsOut(WireOutput):
    """How the people, batches and calls of a campaign stand."""

    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    contact_counts: ContactCounts
    batch_counts: BatchCounts
    call_counters: CallCountersOut
    retry_breakdown: dict[str, int] = Field(
        description="Contacts that wait for a retry, by the number of that retry, up to the most in force.",
        examples=[{"retry_1": 3, "retry_2": 1, "retry_3": 0}],
    )
    in_flight_contacts: int = Field(description="Called, and not done.")
    total_call_attempts: int
    follow_up_attempts: int
    answered_by_counts: AnsweredByCounts
    disposition_counts: dict[str, int] = Field(
        description="Calls by disposition, the most frequent first.", examples=[{"promised": 4}]
    )

    @classmethod
    def of(cls, campaign_id: CampaignId, stats: CampaignStats) -> "CampaignStatsOut":
        calls, waiting = stats.calls, stats.waiting_for_retry
        return cls(
            campaign_id=campaign_id,
            contact_counts=ContactCounts(**{each: stats.contacts.get(each, 0) for each in ContactStatus}),
            batch_counts=BatchCounts(**{each: stats.batches.get(each, 0) for each in BatchStatus}),
            call_counters=CallCountersOut(
                completed_calls=calls.completed_calls,
                failed_calls=calls.failed_calls,
                busy_calls=calls.busy_calls,
                no_answer_calls=calls.no_answer_calls,
                follow_up_calls=calls.follow_up_calls,
            ),
            retry_breakdown={
                f"retry_{retry}": waiting.get(retry, 0) for retry in range(1, stats.most_retries + 1)
            },
            in_flight_contacts=stats.in_flight,
            total_call_attempts=stats.attempts,
            follow_up_attempts=stats.follow_ups,
            answered_by_counts=AnsweredByCounts.of(stats.reported),
            disposition_counts=dict(stats.reported.dispositions),
        )
