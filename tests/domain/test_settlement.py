"""What becomes of a contact when its attempt ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.batch import Batch, BatchOverrides, BatchStatus
from domain.call import CallRecord, CallStatus, Outcome
from domain.campaign import CampaignRules, CampaignStatus
from domain.contact import ContactStatus
from domain.redial import RedialPolicy
from domain.settlement import Settlement, settle_attempt
from domain.working_hours import Weekday
from tests.builders import a_batch, a_call_record, a_campaign, a_contact
from tests.domain.calling_hours import a_week, in_zone

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CAMPAIGN = a_campaign()
BATCH = a_batch()
CONTACT = a_contact(status=ContactStatus.IN_PROGRESS)
BUSY = a_call_record(call_status=CallStatus.BUSY, ended_at=NOW)
DELHI = "Asia/Kolkata"
WORKDAYS = (Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.FRIDAY)
OFFICE_HOURS = replace(
    CAMPAIGN.rules,
    working_hours_enforced=True,
    timezone=DELHI,
    working_hours=a_week("09:00-18:00", *WORKDAYS),
)
OFFICE = replace(CAMPAIGN, rules=OFFICE_HOURS)


def delhi(local: str) -> datetime:
    """The instant at which clocks in Delhi show `local` in March 2026, whose 2nd is a Monday."""
    return in_zone(DELHI, f"2026-03-{local}")


def ended(local: str, status: CallStatus = CallStatus.BUSY, *, follow_up: str | None = None) -> CallRecord:
    """A call that ended when clocks in Delhi showed `local`."""
    return replace(
        BUSY,
        call_status=status,
        ended_at=delhi(local),
        follow_up_at=None if follow_up is None else delhi(follow_up),
    )


def until(local: str) -> Batch:
    """The batch with a scheduled end."""
    return replace(BATCH, scheduled_end=delhi(local))


def retry_at(local: str) -> Settlement:
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=delhi(local))


def follow_up_at(local: str) -> Settlement:
    return Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=delhi(local))


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


def test_retry_without_a_known_ending_waits_from_now() -> None:
    assert settle_attempt(replace(BUSY, ended_at=None), CONTACT, BATCH, CAMPAIGN, now=NOW) == Settlement(
        status=ContactStatus.RETRYING, next_retry_at=NOW + timedelta(minutes=30)
    )


@pytest.mark.parametrize(
    ("settlement", "due_at"),
    [
        pytest.param(Settlement(status=ContactStatus.COMPLETED), None, id="done"),
        pytest.param(Settlement(status=ContactStatus.RETRYING, next_retry_at=NOW), NOW, id="retry"),
        pytest.param(
            Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=NOW), NOW, id="follow-up"
        ),
    ],
)
def test_settlement_is_due_at_its_retry_or_follow_up(settlement: Settlement, due_at: datetime | None) -> None:
    assert settlement.due_at == due_at


# The cooldown is 30 minutes.
@pytest.mark.parametrize(
    ("ended_at", "due_at"),
    [
        pytest.param("02T14:00", "02T14:30", id="inside the window: unchanged"),
        pytest.param("02T08:30", "02T09:00", id="at the opening: unchanged"),
        pytest.param("02T17:29:59.999999", "02T17:59:59.999999", id="an instant before closing: unchanged"),
        pytest.param("02T17:30", "03T09:00", id="at closing: next morning"),
        pytest.param("02T17:55", "03T09:00", id="after closing: next morning"),
        pytest.param("02T03:00", "02T09:00", id="before the opening: the same morning"),
        pytest.param("06T17:55", "09T09:00", id="Friday evening: Monday"),
    ],
)
def test_retry_due_outside_the_window_waits_for_its_opening(ended_at: str, due_at: str) -> None:
    call = ended(ended_at)

    assert settle_attempt(call, CONTACT, BATCH, OFFICE, now=delhi(ended_at)) == retry_at(due_at)


def test_retry_on_a_blackout_date_waits_for_the_next_day_also_without_enforced_hours() -> None:
    rules = replace(OFFICE_HOURS, working_hours_enforced=False, blackout_dates=(delhi("02T12:00").date(),))
    campaign = replace(CAMPAIGN, rules=rules)

    assert settle_attempt(BUSY, CONTACT, BATCH, campaign, now=NOW) == retry_at("03T00:00")


def test_retry_waits_for_the_window_of_the_contacts_own_zone() -> None:
    in_tokyo = replace(CONTACT, timezone="Asia/Tokyo")
    call = ended("02T14:30")  # 18:00 in Tokyo

    assert settle_attempt(call, in_tokyo, BATCH, OFFICE, now=NOW) == Settlement(
        status=ContactStatus.RETRYING, next_retry_at=in_zone("Asia/Tokyo", "2026-03-03T09:00")
    )


@pytest.mark.parametrize(
    ("ended_at", "scheduled_end", "due_at"),
    [
        pytest.param("02T14:00", "02T14:30:00.000001", "02T14:30", id="due an instant before the end"),
        pytest.param("02T14:00", "02T14:30", None, id="due at the end"),
        pytest.param("02T14:00", "02T14:10", None, id="due after the end"),
        pytest.param("02T17:55", "03T09:00:00.000001", "03T09:00", id="opens an instant before the end"),
        pytest.param("02T17:55", "03T09:00", None, id="opens at the end"),
        pytest.param("02T17:55", "02T23:00", None, id="opens after the end"),
    ],
)
def test_retry_needs_an_opening_before_the_scheduled_end(
    ended_at: str, scheduled_end: str, due_at: str | None
) -> None:
    taken = Settlement(status=ContactStatus.BUSY)

    settled = settle_attempt(ended(ended_at), CONTACT, until(scheduled_end), OFFICE, now=delhi(ended_at))

    assert settled == (taken if due_at is None else retry_at(due_at))


@pytest.mark.parametrize("retry_count", [0, 1, 2])
@pytest.mark.parametrize("outcome", [CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED])
def test_contact_without_an_opening_left_ends_with_its_last_outcome_however_often_it_was_redialled(
    outcome: CallStatus, retry_count: int
) -> None:
    contact = replace(CONTACT, retry_count=retry_count)
    call = ended("02T17:55", outcome)

    assert settle_attempt(call, contact, until("03T09:00"), OFFICE, now=NOW) == Settlement(
        status=ContactStatus(outcome.value)
    )


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(replace(OFFICE_HOURS, timezone="Mars/Olympus"), id="zone nobody knows"),
        pytest.param(replace(OFFICE_HOURS, working_hours=a_week("")), id="no window at all"),
    ],
)
def test_contact_whose_window_never_opens_ends_with_its_last_outcome(rules: CampaignRules) -> None:
    campaign = replace(CAMPAIGN, rules=rules)

    assert settle_attempt(BUSY, CONTACT, BATCH, campaign, now=NOW) == Settlement(status=ContactStatus.BUSY)


@pytest.mark.parametrize(
    ("agreed", "settled_at", "planned"),
    [
        pytest.param("02T16:00", "02T14:00", "02T16:00", id="inside the window: as agreed"),
        pytest.param("02T18:00", "02T14:00", "03T09:00", id="at closing: next morning"),
        pytest.param("07T12:00", "02T14:00", "09T09:00", id="Saturday: Monday"),
        pytest.param("02T13:00", "02T14:00", "02T14:00", id="past, and open now: at once"),
        pytest.param("02T13:00", "02T19:00", "03T09:00", id="past, and closed now: next morning"),
    ],
)
def test_follow_up_waits_for_the_first_opening_from_the_agreed_time_on(
    agreed: str, settled_at: str, planned: str
) -> None:
    call = ended("02T12:30", CallStatus.COMPLETED, follow_up=agreed)

    assert settle_attempt(call, CONTACT, BATCH, OFFICE, now=delhi(settled_at)) == follow_up_at(planned)


@pytest.mark.parametrize(
    ("call", "retry_count", "scheduled_end", "expected"),
    [
        pytest.param(
            ended("02T14:00", CallStatus.COMPLETED, follow_up="02T18:00"),
            0,
            "03T09:00:00.000001",
            follow_up_at("03T09:00"),
            id="opens an instant before the end: kept",
        ),
        pytest.param(
            ended("02T14:00", CallStatus.COMPLETED, follow_up="02T18:00"),
            0,
            "03T09:00",
            Settlement(status=ContactStatus.COMPLETED),
            id="completed call: completed",
        ),
        pytest.param(
            ended("02T14:00", follow_up="02T18:00"), 0, "03T09:00", retry_at("02T14:30"), id="busy: retried"
        ),
        pytest.param(
            ended("02T17:55", follow_up="02T18:00"),
            2,
            "03T09:00",
            Settlement(status=ContactStatus.BUSY),
            id="busy without an opening for the retry either: busy",
        ),
        pytest.param(
            ended("02T14:00", follow_up="02T18:00"),
            3,
            "03T09:00",
            Settlement(status=ContactStatus.MAX_RETRIES_REACHED),
            id="busy with all retries spent: max retries",
        ),
    ],
)
def test_follow_up_without_an_opening_before_the_end_is_as_if_nobody_had_agreed_on_it(
    call: CallRecord, retry_count: int, scheduled_end: str, expected: Settlement
) -> None:
    contact = replace(CONTACT, retry_count=retry_count)

    assert settle_attempt(call, contact, until(scheduled_end), OFFICE, now=NOW) == expected


@pytest.mark.parametrize(
    ("cooldown", "waits"),
    [
        pytest.param(10, 31, id="as long as the call may last, where the cooldown is shorter"),
        pytest.param(31, 31, id="the same"),
        pytest.param(45, 45, id="the cooldown, where it is longer"),
    ],
)
def test_person_whose_call_may_be_under_way_is_left_alone_until_it_must_be_over(
    cooldown: int, waits: int
) -> None:
    policy = RedialPolicy(cooldown=timedelta(minutes=cooldown), retry_on=frozenset({Outcome.UNKNOWN}))
    batch = replace(BATCH, overrides=BatchOverrides(retry_policy=policy))
    unknown = replace(BUSY, call_status=CallStatus.UNKNOWN)

    settled = settle_attempt(
        unknown, CONTACT, batch, CAMPAIGN, now=NOW, quiet_after_unknown=timedelta(minutes=31)
    )

    assert settled == Settlement(status=ContactStatus.RETRYING, next_retry_at=NOW + timedelta(minutes=waits))


def test_outcome_that_is_clear_waits_for_its_cooldown_only() -> None:
    settled = settle_attempt(BUSY, CONTACT, BATCH, CAMPAIGN, now=NOW, quiet_after_unknown=timedelta(hours=9))

    assert settled == Settlement(status=ContactStatus.RETRYING, next_retry_at=NOW + timedelta(minutes=30))
