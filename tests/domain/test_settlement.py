"""What becomes of a contact when its attempt ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.batch import Batch, BatchOverrides, BatchStatus
from domain.call import AttemptKind, CallRecord, CallStatus
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.counters import Counters
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId, OrganizationId
from domain.settlement import Settlement, settle_attempt

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id=CampaignId("cmp_1"),
    organization_id=OrganizationId("org_1"),
    status=CampaignStatus.ACTIVE,
    rules=CampaignRules(name="Check-ups", agent_id="a", phone_numbers=("+14155550180",)),
    created_at=NOW,
    updated_at=NOW,
)
BATCH = Batch(
    batch_id=BatchId("btc_1"),
    campaign_id=CampaignId("cmp_1"),
    organization_id=OrganizationId("org_1"),
    status=BatchStatus.IN_PROGRESS,
    total_contacts=1,
    counters=Counters(in_flight=1),
    created_at=NOW,
    updated_at=NOW,
)
CONTACT = Contact(
    contact_id=ContactId("con_1"),
    batch_id=BatchId("btc_1"),
    campaign_id=CampaignId("cmp_1"),
    position=1,
    phone_number="+14155550104",
    status=ContactStatus.IN_PROGRESS,
    created_at=NOW,
    updated_at=NOW,
)
BUSY = CallRecord(
    execution_id=ExecutionId("exec_1"),
    contact_id=ContactId("con_1"),
    batch_id=BatchId("btc_1"),
    campaign_id=CampaignId("cmp_1"),
    attempt=1,
    kind=AttemptKind.INITIAL,
    call_status=CallStatus.BUSY,
    to_number="+14155550104",
    ended_at=NOW,
)


def test_busy_contact_waits_for_its_retry_from_the_end_of_the_call() -> None:
    later = NOW + timedelta(seconds=40)

    assert settle_attempt(BUSY, CONTACT, BATCH, CAMPAIGN, now=later) == Settlement(
        status=ContactStatus.RETRYING, next_retry_at=NOW + timedelta(minutes=30)
    )


def test_agreed_follow_up_comes_before_any_retry() -> None:
    agreed = NOW + timedelta(hours=2)

    assert settle_attempt(
        replace(BUSY, follow_up_at=agreed), CONTACT, BATCH, CAMPAIGN, now=NOW
    ) == Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=agreed)


def test_follow_up_over_the_limit_is_ignored() -> None:
    once = replace(CONTACT, follow_up_count=1)
    asked = replace(BUSY, call_status=CallStatus.COMPLETED, follow_up_at=NOW + timedelta(hours=2))

    assert settle_attempt(asked, once, BATCH, CAMPAIGN, now=NOW) == Settlement(status=ContactStatus.COMPLETED)


@pytest.mark.parametrize("status", [BatchStatus.CANCELLED, BatchStatus.EXPIRED])
def test_contact_of_a_batch_that_is_over_takes_its_outcome_without_retry_or_follow_up(
    status: BatchStatus,
) -> None:
    over = replace(BATCH, status=status)
    asked = replace(BUSY, follow_up_at=NOW + timedelta(hours=2))

    assert settle_attempt(asked, CONTACT, over, CAMPAIGN, now=NOW) == Settlement(status=ContactStatus.BUSY)


def test_contact_of_a_cancelled_campaign_takes_its_outcome() -> None:
    cancelled = replace(CAMPAIGN, status=CampaignStatus.CANCELLED)

    assert settle_attempt(BUSY, CONTACT, BATCH, cancelled, now=NOW) == Settlement(status=ContactStatus.BUSY)


def test_batch_override_of_retries_is_obeyed() -> None:
    no_retry = replace(BATCH, overrides=BatchOverrides(max_retries_override=0))

    assert settle_attempt(BUSY, CONTACT, no_retry, CAMPAIGN, now=NOW) == Settlement(status=ContactStatus.BUSY)


def test_live_call_cannot_be_settled() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        settle_attempt(replace(BUSY, call_status=CallStatus.RINGING), CONTACT, BATCH, CAMPAIGN, now=NOW)
