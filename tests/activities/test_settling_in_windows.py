"""After a call under calling hours: when the next one is due, and how many may be due in the same instant."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from activities.messages import SettledAttempt
from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus
from domain.working_hours import OPENING_SPREAD
from tests.activities.world import SETTLE, a_call_that_ended
from tests.builders import (
    BATCH_ID,
    CAMPAIGN_ID,
    EXECUTION_ID,
    MONDAY_NOON,
    a_batch,
    a_campaign,
    a_campaign_rules,
)
from tests.domain.calling_hours import a_week, in_zone

IN_HALF_AN_HOUR = MONDAY_NOON + timedelta(minutes=30)
TOMORROW = MONDAY_NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("follow_up_at", "status", "kind", "summary"),
    [
        pytest.param(
            None, ContactStatus.RETRYING, AttemptKind.RETRY, "redial 1 of 3 after cooldown", id="retry"
        ),
        pytest.param(
            IN_HALF_AN_HOUR,
            ContactStatus.FOLLOWUP_SCHEDULED,
            AttemptKind.FOLLOW_UP,
            "follow-up 1 as agreed in the call",
            id="follow-up",
        ),
    ],
)
@pytest.mark.parametrize(
    ("windows", "due_at", "spread"),
    [
        pytest.param("09:00-18:00", IN_HALF_AN_HOUR, timedelta(), id="inside the window"),
        pytest.param("12:30-18:00", IN_HALF_AN_HOUR, OPENING_SPREAD, id="just when the window opens"),
        pytest.param("13:00-18:00", MONDAY_NOON + timedelta(hours=1), OPENING_SPREAD, id="moved to today"),
        pytest.param("09:00-12:30", TOMORROW - timedelta(hours=3), OPENING_SPREAD, id="moved to tomorrow"),
    ],
)
async def test_next_call_is_due_in_its_window_and_spread_only_when_that_opens_just_then(
    follow_up_at: datetime | None,
    status: ContactStatus,
    kind: AttemptKind,
    summary: str,
    windows: str,
    due_at: datetime,
    spread: timedelta,
) -> None:
    world = a_call_that_ended(CallStatus.BUSY)
    rules = a_campaign_rules(working_hours_enforced=True, working_hours=a_week(windows))
    world.tables.campaigns[CAMPAIGN_ID] = a_campaign(rules=rules)
    world.tables.calls[EXECUTION_ID] = replace(world.call, follow_up_at=follow_up_at)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=status, due_at=due_at, kind=kind, spread=spread, summary=summary)
    assert world.contact.status is status
    assert (world.contact.next_retry_at or world.contact.follow_up_at) == due_at


@pytest.mark.parametrize(
    ("contact_zone", "batch_zone", "campaign_zone"),
    [
        pytest.param("Asia/Kolkata", "Asia/Tokyo", "Asia/Tokyo", id="contact's"),
        pytest.param(None, "Asia/Kolkata", "Asia/Tokyo", id="batch's"),
        pytest.param(None, None, "Asia/Kolkata", id="campaign's"),
    ],
)
async def test_opening_is_that_of_the_zone_in_force(
    contact_zone: str | None, batch_zone: str | None, campaign_zone: str
) -> None:
    world = a_call_that_ended(
        CallStatus.BUSY, overrides=BatchOverrides(timezone=batch_zone), timezone=contact_zone
    )
    # Noon UTC is 17:30 in Kolkata, so the retry is due when the window there closes.
    rules = a_campaign_rules(
        working_hours_enforced=True, working_hours=a_week("09:00-18:00"), timezone=campaign_zone
    )
    world.tables.campaigns[CAMPAIGN_ID] = a_campaign(rules=rules)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    opens_at = in_zone("Asia/Kolkata", "2026-09-08T09:00")
    assert settled == SettledAttempt(
        status=ContactStatus.RETRYING,
        due_at=opens_at,
        kind=AttemptKind.RETRY,
        spread=OPENING_SPREAD,
        summary="redial 1 of 3 after cooldown",
    )


async def test_retry_without_an_opening_before_the_end_ends_the_contact_with_its_outcome() -> None:
    world = a_call_that_ended(CallStatus.NO_ANSWER, retry_count=2)
    world.tables.batches[BATCH_ID] = a_batch(scheduled_end=IN_HALF_AN_HOUR)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=ContactStatus.NO_ANSWER)
    assert [report.status for _, report in world.reports.heard] == [ContactStatus.NO_ANSWER]
