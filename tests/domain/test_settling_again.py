"""Whoever waits is decided upon again when the rules change, as if these had always held."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain.batch import BatchOverrides
from domain.call import Outcome
from domain.campaign import CONCURRENCY_KEY, CampaignRules
from domain.contact import ContactStatus
from domain.redial import RedialPolicy, RedialStrategy
from domain.settlement import EndedAttempt, Settlement, WaitingContact, is_to_be_followed, settle_again
from domain.working_hours import DEFAULT_WORKING_HOURS, DayHours, WorkingHours
from tests.builders import CONTACT_ID, MONDAY_NOON, a_batch, a_campaign_rules

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOW = MONDAY_NOON + 10 * MINUTE
TOKYO = {"working_hours_enforced": True, "timezone": "Asia/Tokyo"}  # noon UTC is 21:00, opens at +12 h


def _waiting(outcome: Outcome = Outcome.BUSY, retries: int = 0, **changes: Any) -> WaitingContact:
    waiting = WaitingContact(
        contact_id=CONTACT_ID,
        zone=None,
        attempt=EndedAttempt(outcome, MONDAY_NOON, retries),
        next_retry_at=MONDAY_NOON + 30 * MINUTE,
    )
    return replace(waiting, **changes)


def _retry(after: timedelta) -> Settlement:
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + after)


def _rules(**changes: Any) -> CampaignRules:
    return a_campaign_rules(**changes)


def _policy(**changes: Any) -> CampaignRules:
    return _rules(retry_policy=RedialPolicy(**changes))


DOUBLING = {"strategy": RedialStrategy.EXPONENTIAL, "cooldown": 5 * MINUTE}


@pytest.mark.parametrize(
    ("waiting", "rules", "becomes"),
    [
        pytest.param(_waiting(), _rules(), _retry(30 * MINUTE), id="as before"),
        pytest.param(_waiting(), _policy(cooldown=HOUR), _retry(HOUR), id="longer"),
        pytest.param(_waiting(), _policy(cooldown=MINUTE), _retry(MINUTE), id="already due"),
        pytest.param(_waiting(retries=2), _policy(**DOUBLING), _retry(20 * MINUTE), id="third: 5 x 2^2"),
        pytest.param(_waiting(), _rules(**TOKYO), _retry(12 * HOUR), id="first opening"),
        pytest.param(
            _waiting(zone="America/Chicago"),
            _rules(**TOKYO),
            _retry(2 * HOUR),  # 07:00 in Chicago, which opens at 09:00
            id="the contact's own zone",
        ),
        pytest.param(
            _waiting(zone="UTC"),
            _rules(blackout_dates=(date(2026, 9, 7),)),
            _retry(12 * HOUR),
            id="blackout",
        ),
        pytest.param(
            _waiting(), _policy(max_retries=0), Settlement(status=ContactStatus.BUSY), id="none left"
        ),
        pytest.param(
            _waiting(retries=1),
            _policy(max_retries=1),
            Settlement(status=ContactStatus.MAX_RETRIES_REACHED),
            id="all were spent",
        ),
        pytest.param(
            _waiting(Outcome.NO_ANSWER, 1),
            _policy(retry_on=frozenset({Outcome.BUSY})),
            Settlement(status=ContactStatus.NO_ANSWER),
            id="not for this outcome",
        ),
    ],
)
def test_retry_under_changed_rules(
    waiting: WaitingContact, rules: CampaignRules, becomes: Settlement
) -> None:
    assert settle_again(waiting, a_batch(), rules, now=NOW) == becomes


def test_missed_time_moves_to_the_next_opening_where_the_window_has_closed_since() -> None:
    office = _rules(working_hours_enforced=True, retry_policy=RedialPolicy(cooldown=MINUTE))
    evening = MONDAY_NOON + 8 * HOUR
    assert settle_again(_waiting(), a_batch(), office, now=evening) == _retry(21 * HOUR)  # Tuesday, 09:00


@pytest.mark.parametrize("end", [HOUR, 12 * HOUR])
def test_retry_without_an_opening_before_the_end_of_the_batch_ends_as_the_call_did(end: timedelta) -> None:
    batch = a_batch(scheduled_end=MONDAY_NOON + end)
    assert settle_again(_waiting(), batch, _rules(**TOKYO), now=NOW) == Settlement(status=ContactStatus.BUSY)


def test_missed_time_without_a_later_opening_ends_as_the_call_did() -> None:
    batch = a_batch(scheduled_end=MONDAY_NOON + 9 * HOUR)
    office = _rules(working_hours_enforced=True, retry_policy=RedialPolicy(cooldown=MINUTE))
    settled = settle_again(_waiting(), batch, office, now=MONDAY_NOON + 8 * HOUR)
    assert settled == Settlement(status=ContactStatus.BUSY)


def test_unknown_ending_keeps_the_phone_quiet() -> None:
    rules = _policy(cooldown=MINUTE, retry_on=frozenset({Outcome.UNKNOWN}))
    settled = settle_again(_waiting(Outcome.UNKNOWN), a_batch(), rules, now=NOW, quiet_after_unknown=HOUR)
    assert settled == _retry(HOUR)


def test_what_the_batch_overrides_wins() -> None:
    own = BatchOverrides(max_retries_override=2, working_hours_enforced=False)
    rules = _rules(retry_policy=RedialPolicy(max_retries=0), **TOKYO)
    assert settle_again(_waiting(), a_batch(overrides=own), rules, now=NOW) == _retry(30 * MINUTE)


CLOSED = WorkingHours((DayHours(enabled=False, windows=()),) * 7)


@pytest.mark.parametrize(
    ("agreed_at", "rules", "called_at"),
    [
        pytest.param(None, _rules(), 2 * HOUR, id="as planned"),
        pytest.param(HOUR, _rules(), HOUR, id="as agreed, since the window is open"),
        pytest.param(HOUR, _rules(**TOKYO), 12 * HOUR, id="first opening"),
        pytest.param(HOUR, _rules(max_follow_ups=0), HOUR, id="agreed before the limit"),
        pytest.param(
            HOUR, _rules(working_hours_enforced=True, working_hours=CLOSED), 2 * HOUR, id="never opens"
        ),
    ],
)
def test_follow_up_under_changed_rules(
    agreed_at: timedelta | None, rules: CampaignRules, called_at: timedelta
) -> None:
    waiting = _waiting(
        next_retry_at=None,
        follow_up_at=MONDAY_NOON + 2 * HOUR,
        agreed_at=None if agreed_at is None else MONDAY_NOON + agreed_at,
    )
    becomes = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON + called_at)
    assert settle_again(waiting, a_batch(), rules, now=NOW) == becomes


@pytest.mark.parametrize(
    ("change", "follows"),
    [
        pytest.param({"retry_policy": RedialPolicy(max_retries=1)}, True, id="policy"),
        pytest.param({"working_hours_enforced": True}, True, id="enforced"),
        pytest.param({"working_hours": CLOSED}, True, id="hours"),
        pytest.param({"timezone": "Asia/Tokyo"}, True, id="zone"),
        pytest.param({"blackout_dates": (date(2026, 9, 7),)}, True, id="blackout"),
        pytest.param({"metadata": {CONCURRENCY_KEY: 3}}, True, id="limit"),
        pytest.param({"name": "x", "agent_id": "y", "phone_numbers": ("+1",)}, False, id="who calls"),
        pytest.param({"max_follow_ups": 5, "metadata": {"a": 1}}, False, id="what waits is not timed by it"),
        pytest.param({"working_hours": DEFAULT_WORKING_HOURS}, False, id="the same again"),
    ],
)
def test_only_changes_of_times_and_of_the_limit_are_followed(change: dict[str, Any], follows: bool) -> None:
    rules = a_campaign_rules()
    assert is_to_be_followed(rules, replace(rules, **change)) is follows
