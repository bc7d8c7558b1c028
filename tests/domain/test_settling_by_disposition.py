"""What follows an attempt of which somebody told who answered or what came of it: contract 6.5 and 6.10."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.batch import Batch, BatchOverrides, BatchStatus
from domain.call import CallRecord, CallStatus, Outcome
from domain.campaign import CampaignRules, CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.disposition import AnsweredBy, DispositionRule, Then
from domain.redial import DEFAULT_RETRY_ON, RedialPolicy
from domain.settlement import (
    EndedAttempt,
    Settlement,
    WaitingContact,
    basis_of,
    is_to_be_followed,
    is_to_be_suppressed,
    settle_again,
    settle_attempt,
    settle_late,
)
from tests.builders import CONTACT_ID, a_batch, a_call_record, a_campaign, a_campaign_rules, a_contact

ENDED = datetime(2026, 9, 7, 12, tzinfo=UTC)
NOW = ENDED + timedelta(seconds=2)
CALLBACK = ENDED + timedelta(hours=5)
VOICEMAILS = RedialPolicy(
    max_retries=2, cooldown=timedelta(minutes=30), retry_on=DEFAULT_RETRY_ON | {Outcome.VOICEMAIL}
)
MACHINE, FAX, HUMAN, UNKNOWN = AnsweredBy.MACHINE, AnsweredBy.FAX, AnsweredBy.HUMAN, AnsweredBy.UNKNOWN
DONE = Settlement(status=ContactStatus.COMPLETED)


def a_rule(then: Then, minutes: float | None = None, disposition: str = "callback") -> DispositionRule:
    after = None if minutes is None else timedelta(minutes=minutes)
    return DispositionRule(disposition=disposition, then=then, after=after)


def some_rules(*rules: DispositionRule, **changes: Any) -> CampaignRules:
    return a_campaign_rules(
        **{"retry_policy": VOICEMAILS, "max_follow_ups": 1, "disposition_rules": rules, **changes}
    )


def a_call(status: CallStatus = CallStatus.COMPLETED, **told: Any) -> CallRecord:
    return a_call_record(call_status=status, ended_at=ENDED, **told)


def retried(after: timedelta) -> Settlement:
    return Settlement(status=ContactStatus.RETRYING, next_retry_at=ENDED + after)


def followed_up(at: datetime) -> Settlement:
    return Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=at)


def settled(
    call: CallRecord,
    rules: CampaignRules,
    *,
    contact: Contact | None = None,
    batch: Batch | None = None,
    now: datetime = NOW,
    quiet: timedelta = timedelta(),
) -> Settlement:
    return settle_attempt(
        call,
        contact or a_contact(),
        batch or a_batch(),
        a_campaign(rules=rules),
        now=now,
        quiet_after_unknown=quiet,
    )


@pytest.mark.parametrize(
    ("answered_by", "retry_count", "expected"),
    [
        pytest.param(None, 0, DONE, id="nobody told"),
        pytest.param(HUMAN, 0, DONE, id="human"),
        pytest.param(UNKNOWN, 0, DONE, id="nobody can tell"),
        pytest.param(MACHINE, 0, retried(timedelta(minutes=30)), id="machine"),
        pytest.param(FAX, 1, retried(timedelta(minutes=30)), id="fax, after a retry"),
        pytest.param(
            MACHINE, 2, Settlement(status=ContactStatus.MAX_RETRIES_REACHED), id="machine, retries spent"
        ),
    ],
)
def test_voicemail_is_redialled_where_the_policy_says_so(
    answered_by: AnsweredBy | None, retry_count: int, expected: Settlement
) -> None:
    contact = a_contact(retry_count=retry_count)
    assert settled(a_call(answered_by=answered_by), some_rules(), contact=contact) == expected


def test_voicemail_without_a_retry_ends_as_no_answer() -> None:
    batch = a_batch(overrides=BatchOverrides(max_retries_override=0))
    call = a_call(answered_by=MACHINE)
    assert settled(call, some_rules(), batch=batch) == Settlement(status=ContactStatus.NO_ANSWER)


@pytest.mark.parametrize("answered_by", [None, *AnsweredBy])
def test_voicemail_is_an_answered_call_at_the_shipped_defaults(answered_by: AnsweredBy | None) -> None:
    assert settled(a_call(answered_by=answered_by), a_campaign_rules()) == DONE


@pytest.mark.parametrize(
    "status", [CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.UNKNOWN]
)
def test_only_an_answered_call_is_a_voicemail(status: CallStatus) -> None:
    rules = some_rules(retry_policy=replace(VOICEMAILS, retry_on=frozenset({Outcome.VOICEMAIL})))
    told = settled(a_call(status, answered_by=MACHINE), rules)
    assert told == settled(a_call(status), rules)
    assert told.due_at is None


@pytest.mark.parametrize(
    ("rule", "call", "expected"),
    [
        pytest.param(a_rule(Then.COMPLETE), {}, DONE, id="complete"),
        pytest.param(a_rule(Then.COMPLETE), {"answered_by": MACHINE}, DONE, id="complete beats voicemail"),
        pytest.param(a_rule(Then.COMPLETE), {"follow_up_at": CALLBACK}, DONE, id="complete beats agreement"),
        pytest.param(
            a_rule(Then.COMPLETE), {"status": CallStatus.BUSY}, DONE, id="complete beats the redial policy"
        ),
        pytest.param(a_rule(Then.SUPPRESS), {"answered_by": MACHINE}, DONE, id="suppress"),
        pytest.param(a_rule(Then.RETRY), {}, retried(timedelta(minutes=30)), id="retry after cooldown"),
        pytest.param(a_rule(Then.RETRY, 0.5), {}, retried(timedelta(seconds=30)), id="retry after minutes"),
        pytest.param(
            a_rule(Then.RETRY, 7),
            {"follow_up_at": CALLBACK},
            retried(timedelta(minutes=7)),
            id="retry beats agreement",
        ),
        pytest.param(
            a_rule(Then.FOLLOW_UP), {"follow_up_at": CALLBACK}, followed_up(CALLBACK), id="follow-up, agreed"
        ),
        pytest.param(
            a_rule(Then.FOLLOW_UP, 60),
            {"follow_up_at": CALLBACK},
            followed_up(CALLBACK),
            id="follow-up, agreement beats minutes",
        ),
        pytest.param(
            a_rule(Then.FOLLOW_UP, 60),
            {},
            followed_up(ENDED + timedelta(hours=1)),
            id="follow-up after minutes",
        ),
        pytest.param(a_rule(Then.FOLLOW_UP), {}, DONE, id="follow-up, no time"),
        pytest.param(
            a_rule(Then.FOLLOW_UP),
            {"answered_by": MACHINE},
            retried(timedelta(minutes=30)),
            id="follow-up, no time, machine",
        ),
        pytest.param(
            a_rule(Then.COMPLETE, disposition="other"),
            {"follow_up_at": CALLBACK},
            followed_up(CALLBACK),
            id="no rule for it: agreement as ever",
        ),
    ],
)
def test_rule_for_a_disposition_comes_first(
    rule: DispositionRule, call: dict[str, Any], expected: Settlement
) -> None:
    assert settled(a_call(**{"disposition": "callback", **call}), some_rules(rule)) == expected


def test_disposition_without_rules_changes_nothing() -> None:
    assert settled(a_call(disposition="refused"), a_campaign_rules()) == DONE


def test_retry_by_a_rule_spends_a_retry_and_completes_without_one() -> None:
    rules = some_rules(a_rule(Then.RETRY, 1))
    call = a_call(disposition="callback", answered_by=MACHINE)
    assert settled(call, rules, contact=a_contact(retry_count=1)) == retried(timedelta(minutes=1))
    assert settled(call, rules, contact=a_contact(retry_count=2)) == DONE


def test_follow_up_by_a_rule_keeps_within_the_limit() -> None:
    rules = some_rules(a_rule(Then.FOLLOW_UP, 60))
    spent = a_contact(follow_up_count=1)
    assert settled(a_call(disposition="callback"), rules, contact=spent) == DONE
    machine = a_call(disposition="callback", answered_by=MACHINE)
    assert settled(machine, rules, contact=spent) == retried(timedelta(minutes=30))


def test_rule_finds_no_opening_before_the_batch_ends() -> None:
    batch = a_batch(scheduled_end=ENDED + timedelta(minutes=10))
    call = a_call(disposition="callback")
    assert settled(call, some_rules(a_rule(Then.RETRY, 20)), batch=batch) == DONE
    assert settled(call, some_rules(a_rule(Then.FOLLOW_UP, 20)), batch=batch) == DONE
    assert settled(call, some_rules(a_rule(Then.RETRY, 5)), batch=batch) == retried(timedelta(minutes=5))


def test_batch_has_rules_of_its_own() -> None:
    own = BatchOverrides(disposition_rules=(a_rule(Then.RETRY, 1),))
    none = BatchOverrides(disposition_rules=())
    rules, call = some_rules(a_rule(Then.COMPLETE)), a_call(disposition="callback", follow_up_at=CALLBACK)
    assert settled(call, rules, batch=a_batch(overrides=own)) == retried(timedelta(minutes=1))
    assert settled(call, rules, batch=a_batch(overrides=none)) == followed_up(CALLBACK)


def test_call_nobody_can_account_for_is_left_alone_by_a_rule_too() -> None:
    call = a_call(CallStatus.UNKNOWN, disposition="callback")
    quiet = timedelta(hours=1)
    assert settled(call, some_rules(a_rule(Then.RETRY, 1)), quiet=quiet) == retried(quiet)


@pytest.mark.parametrize(
    ("call", "rules", "ends_as"),
    [
        pytest.param(a_call(answered_by=MACHINE), some_rules(), ContactStatus.NO_ANSWER, id="voicemail"),
        pytest.param(
            a_call(answered_by=MACHINE), a_campaign_rules(), ContactStatus.COMPLETED, id="shipped defaults"
        ),
        pytest.param(a_call(CallStatus.BUSY), some_rules(), ContactStatus.BUSY, id="busy"),
        *(
            pytest.param(
                a_call(disposition="callback", answered_by=MACHINE),
                some_rules(a_rule(then, 1)),
                ContactStatus.COMPLETED,
                id=f"rule {then}",
            )
            for then in (Then.COMPLETE, Then.RETRY, Then.SUPPRESS)
        ),
    ],
)
@pytest.mark.parametrize("over", [BatchStatus.CANCELLED, BatchStatus.EXPIRED, None])
def test_nobody_is_called_again_once_the_batch_is_over(
    call: CallRecord, rules: CampaignRules, ends_as: ContactStatus, over: BatchStatus | None
) -> None:
    batch = a_batch(status=over or BatchStatus.IN_PROGRESS)
    campaign = a_campaign(rules=rules, status=CampaignStatus.ACTIVE if over else CampaignStatus.CANCELLED)
    assert settle_attempt(call, a_contact(), batch, campaign, now=NOW) == Settlement(status=ends_as)
    assert basis_of(call, a_contact(), batch, campaign, NOW).ends_as is ends_as


def test_pause_changes_nothing_in_what_follows() -> None:
    rules, call = some_rules(a_rule(Then.RETRY, 1)), a_call(disposition="callback")
    assert settled(call, rules, batch=a_batch(status=BatchStatus.PAUSED)) == retried(timedelta(minutes=1))


@pytest.mark.parametrize(
    ("rules", "disposition", "is_listed"),
    [
        pytest.param([a_rule(Then.SUPPRESS)], "callback", True, id="rule"),
        pytest.param([a_rule(Then.SUPPRESS)], "refused", False, id="another disposition"),
        pytest.param([a_rule(Then.SUPPRESS)], None, False, id="none"),
        pytest.param([a_rule(Then.COMPLETE)], "callback", False, id="another rule"),
    ],
)
@pytest.mark.parametrize("status", list(BatchStatus))
def test_number_is_listed_by_its_rule_whatever_becomes_of_the_batch(
    rules: list[DispositionRule], disposition: str | None, is_listed: bool, status: BatchStatus
) -> None:
    call = a_call(disposition=disposition)
    assert is_to_be_suppressed(call, a_batch(status=status), some_rules(*rules)) is is_listed


def late(
    call: CallRecord,
    rules: CampaignRules,
    *,
    contact: Contact | None = None,
    batch: Batch | None = None,
    now: datetime = NOW,
) -> Settlement | None:
    contact = contact or a_contact(status=ContactStatus.COMPLETED)
    return settle_late(call, contact, batch or a_batch(), a_campaign(rules=rules), now)


@pytest.mark.parametrize(
    ("rules", "call", "expected"),
    [
        pytest.param([], {}, None, id="no rule"),
        pytest.param([], {"follow_up_at": CALLBACK}, followed_up(CALLBACK), id="agreement without a rule"),
        pytest.param([a_rule(Then.COMPLETE)], {"follow_up_at": CALLBACK}, None, id="complete"),
        pytest.param([a_rule(Then.SUPPRESS)], {"follow_up_at": CALLBACK}, None, id="suppress"),
        pytest.param([a_rule(Then.RETRY, 30)], {}, retried(timedelta(minutes=30)), id="retry"),
        pytest.param(
            [a_rule(Then.FOLLOW_UP, 60)], {}, followed_up(ENDED + timedelta(hours=1)), id="follow-up"
        ),
        pytest.param([a_rule(Then.FOLLOW_UP)], {}, None, id="follow-up without a time"),
    ],
)
def test_late_disposition(
    rules: list[DispositionRule], call: dict[str, Any], expected: Settlement | None
) -> None:
    assert late(a_call(disposition="callback", **call), some_rules(*rules)) == expected


def test_late_disposition_of_long_ago_is_due_at_once() -> None:
    now = ENDED + timedelta(days=2)
    call = a_call(disposition="callback")
    assert late(call, some_rules(a_rule(Then.RETRY)), now=now) == retried(timedelta(days=2))
    assert late(call, some_rules(a_rule(Then.FOLLOW_UP, 1)), now=now) == followed_up(now)


@pytest.mark.parametrize("then", [Then.RETRY, Then.FOLLOW_UP])
@pytest.mark.parametrize(
    "stands",
    [
        *(
            pytest.param({"contact": a_contact(status=status)}, id=status)
            for status in ContactStatus
            if status is not ContactStatus.COMPLETED
        ),
        *(
            pytest.param({"batch": a_batch(status=status)}, id=f"batch {status}")
            for status in (BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED)
        ),
        pytest.param(
            {"contact": a_contact(status=ContactStatus.COMPLETED, retry_count=2, follow_up_count=1)},
            id="nothing left",
        ),
        pytest.param({"batch": a_batch(scheduled_end=ENDED + timedelta(seconds=20))}, id="no opening left"),
    ],
)
def test_late_disposition_without_effect(then: Then, stands: dict[str, Any]) -> None:
    assert late(a_call(disposition="callback"), some_rules(a_rule(then, 1)), **stands) is None


@pytest.mark.parametrize("status", [BatchStatus.IN_PROGRESS, BatchStatus.PAUSED, BatchStatus.PENDING])
def test_late_disposition_acts_in_a_batch_that_goes_on(status: BatchStatus) -> None:
    call, rules = a_call(disposition="callback"), some_rules(a_rule(Then.RETRY, 1))
    assert late(call, rules, batch=a_batch(status=status)) == retried(timedelta(minutes=1))


def waiting(**told: Any) -> WaitingContact:
    attempt = EndedAttempt(Outcome.COMPLETED, ENDED, 0, **told)
    return WaitingContact(
        contact_id=CONTACT_ID, zone=None, attempt=attempt, next_retry_at=ENDED + timedelta(minutes=30)
    )


@pytest.mark.parametrize(
    ("told", "rules", "expected"),
    [
        pytest.param({"answered_by": MACHINE}, some_rules(), retried(timedelta(minutes=30)), id="voicemail"),
        pytest.param({"answered_by": MACHINE}, a_campaign_rules(), DONE, id="voicemails no longer"),
        pytest.param(
            {"disposition": "callback"},
            some_rules(a_rule(Then.RETRY, 5)),
            retried(timedelta(minutes=5)),
            id="other minutes",
        ),
        pytest.param({"disposition": "callback"}, some_rules(), DONE, id="rule taken away"),
        pytest.param(
            {"disposition": "callback", "answered_by": MACHINE},
            some_rules(),
            retried(timedelta(minutes=30)),
            id="rule taken away, machine",
        ),
    ],
)
def test_waiting_contact_follows_changed_rules(
    told: dict[str, Any], rules: CampaignRules, expected: Settlement
) -> None:
    assert settle_again(waiting(**told), a_batch(), rules, now=NOW) == expected


def test_change_of_disposition_rules_reaches_every_batch() -> None:
    before, after = a_campaign_rules(), some_rules(a_rule(Then.RETRY), retry_policy=RedialPolicy())
    assert is_to_be_followed(before, after)
