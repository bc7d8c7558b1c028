"""Who answered and what came of it, as the store keeps it."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from domain.batch import Batch
from domain.call import AttemptKind, CallRecord, CallStatus, DialState, Outcome
from domain.campaign import CampaignRules
from domain.contact import Contact, ContactStatus, NewContact
from domain.disposition import AnsweredBy, DispositionRule, OnMachine, ReportedCounts, ReportedFilter, Then
from domain.disposition_report import DispositionReport, ReportEffect
from domain.errors import DecisionOvertaken, DispositionFinal, ExecutionNotFound
from domain.identity import OrganizationId
from domain.lifecycle import Action
from domain.ports import LateEffect, ReportedDisposition, Window
from domain.redial import DEFAULT_RETRY_ON, RedialPolicy
from domain.settlement import Settlement, basis_of, settle_attempt
from domain.suppression import SkippedContact
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_status_event
from tests.store.scenes import EVERYTHING, LATER, Stores

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(seconds=20)
DONE = Settlement(status=ContactStatus.COMPLETED)


async def test_what_an_event_tells_of_answerer_and_talk_is_kept(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(
        CallStatus.COMPLETED,
        answered_by=AnsweredBy.FAX,
        disposition="left_message",
        disposition_note="after\x00 the beep",
        disposition_data={"ta\x00gs": ["a\x00", None, 1.5]},
    )
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="a", body=None)
    kept = await stores.call(record)
    assert kept == recorded.record
    assert (kept.answered_by, kept.disposition) == (AnsweredBy.FAX, "left_message")
    assert kept.disposition_note == "after the beep"
    assert kept.disposition_data == {"tags": ["a", None, 1.5]}


async def test_call_that_nobody_told_about_has_nulls(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    await stores.hears(record, CallStatus.IN_PROGRESS, CallStatus.COMPLETED)
    kept = await stores.call(record)
    told = (kept.answered_by, kept.disposition, kept.disposition_note, kept.disposition_data)
    assert told == (None, None, None, None)


async def some_told_calls(stores: Stores) -> tuple[Batch, list[Contact]]:
    """Four people: told to be a machine, a human who refused, nobody told, never called."""
    batch = await stores.a_kept_batch(4)
    people = list(await stores.people_of(batch))
    told = [
        {"answered_by": AnsweredBy.MACHINE, "disposition": "left_message"},
        {"answered_by": AnsweredBy.HUMAN, "disposition": "refused"},
        {},
    ]
    for person, what in zip(people, told, strict=False):
        record = await stores.claimed(person)
        event = a_status_event(CallStatus.COMPLETED, **what)
        await stores.calls.record_event(record.execution_id, event, event_key="end", body=None)
        await stores.contacts.settle(person.contact_id, 1, DONE, MONDAY_NOON)
    return batch, people


@pytest.mark.parametrize(
    ("told", "found"),
    [
        pytest.param(ReportedFilter(), [0, 1, 2, 3], id="anything"),
        pytest.param(ReportedFilter(answered_by=frozenset({AnsweredBy.MACHINE})), [0], id="machine"),
        pytest.param(ReportedFilter(answered_by=frozenset(AnsweredBy)), [0, 1], id="anybody"),
        pytest.param(ReportedFilter(dispositions=frozenset({"refused", "other"})), [1], id="disposition"),
        pytest.param(
            ReportedFilter(answered_by=frozenset({AnsweredBy.MACHINE}), dispositions=frozenset({"refused"})),
            [],
            id="both",
        ),
    ],
)
async def test_contacts_are_found_by_what_was_told_of_their_newest_call(
    stores: Stores, told: ReportedFilter, found: list[int]
) -> None:
    batch, people = await some_told_calls(stores)
    page = await stores.contacts.list_contacts(batch.batch_id, [], EVERYTHING, told)
    assert [each.contact_id for each in page.items] == [people[index].contact_id for index in found]
    assert page.total == len(found)
    one = await stores.contacts.list_contacts(
        batch.batch_id, [ContactStatus.COMPLETED], Window(skip=1, limit=1), told
    )
    called = [index for index in found if index != 3]
    assert [each.contact_id for each in one.items] == [people[index].contact_id for index in called[1:2]]


async def test_only_the_newest_call_counts_for_the_filter(stores: Stores) -> None:
    batch, people = await some_told_calls(stores)
    agreed = people[0]
    await stores.contacts.schedule_follow_up(batch.batch_id, agreed.contact_id, SOON, SOON)
    await stores.claimed(agreed, 2, AttemptKind.FOLLOW_UP)
    told = ReportedFilter(answered_by=frozenset({AnsweredBy.MACHINE}))
    assert (await stores.contacts.list_contacts(batch.batch_id, [], EVERYTHING, told)).total == 0


async def test_calls_are_counted_by_what_was_told_of_them(stores: Stores) -> None:
    batch, _ = await some_told_calls(stores)
    counts = ReportedCounts(
        answered_by={AnsweredBy.HUMAN: 1, AnsweredBy.MACHINE: 1},
        dispositions={"left_message": 1, "refused": 1},
    )
    stats = await stores.campaigns.stats(ORGANIZATION, batch.campaign_id)
    debug = await stores.diagnostics.ended_calls(batch.batch_id, "UTC")
    assert (stats.reported, debug.reported) == (counts, counts)
    assert list(stats.reported.dispositions) == ["left_message", "refused"]
    assert await stores.dispositions.most_frequent(1) == ["left_message"]


def a_report(disposition: str = "callback", **told: Any) -> DispositionReport:
    return DispositionReport(disposition=disposition, **told)


def some_rules(then: Then, minutes: float | None = 30, **changes: Any) -> CampaignRules:
    after = None if minutes is None else timedelta(minutes=minutes)
    rule = DispositionRule(disposition="callback", then=then, after=after)
    return a_campaign_rules(**{"disposition_rules": (rule,), **changes})


async def a_call_under(stores: Stores, rules: CampaignRules) -> CallRecord:
    """A first call that is answered, of a batch with two people."""
    campaign = await stores.a_kept_campaign(rules)
    person, _ = await stores.people_of(await stores.a_kept_batch(2, campaign=campaign))
    record = await stores.claimed(person)
    await stores.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await stores.hears(record, CallStatus.IN_PROGRESS)
    return record


async def a_settled_call(stores: Stores, rules: CampaignRules) -> CallRecord:
    record = await a_call_under(stores, rules)
    await stores.hears(record, CallStatus.COMPLETED)
    await stores.contacts.settle(record.contact_id, 1, DONE, MONDAY_NOON)
    return record


async def report(stores: Stores, record: CallRecord, told: DispositionReport) -> ReportedDisposition:
    return await stores.dispositions.report(ORGANIZATION, record.execution_id, told, SOON)


async def stands(stores: Stores, record: CallRecord) -> Contact:
    return await stores.contacts.get_contact(record.batch_id, record.contact_id)


async def listed(stores: Stores) -> list[tuple[str, str | None, str | None]]:
    page = await stores.suppressions.list_suppressions(ORGANIZATION, phone_number=None, window=EVERYTHING)
    return [(each.phone_number, each.reason, each.execution_id) for each in page.items]


async def test_report_on_a_live_call_leaves_the_rest_to_the_settlement(stores: Stores) -> None:
    record = await a_call_under(stores, some_rules(Then.SUPPRESS))
    told = await report(stores, record, a_report(note="now", data={"a": ["b"]}))
    assert (told.effect, told.late) == (ReportEffect.ACCEPTED, LateEffect())
    kept = await stores.call(record)
    assert (kept.disposition, kept.disposition_note, kept.disposition_data) == (
        "callback",
        "now",
        {"a": ["b"]},
    )
    assert (await stands(stores, record)).status is ContactStatus.IN_PROGRESS
    assert await listed(stores) == []


async def test_report_between_end_and_settlement_is_seen_by_the_settlement(stores: Stores) -> None:
    record = await a_call_under(stores, some_rules(Then.RETRY))
    await stores.hears(record, CallStatus.COMPLETED)
    brief = await stores.calls.dial_brief(record.contact_id, 1)
    assert brief is not None
    assert brief.record is not None
    basis = basis_of(brief.record, brief.contact, brief.batch, brief.campaign, SOON)

    told = await report(stores, record, a_report())

    assert told.late == LateEffect()
    with pytest.raises(DecisionOvertaken):
        await stores.contacts.settle(record.contact_id, 1, DONE, SOON, basis=basis)
    assert (await stands(stores, record)).status is ContactStatus.IN_PROGRESS


async def test_settlement_that_knows_all_stands_and_is_not_made_twice(stores: Stores) -> None:
    record = await a_call_under(stores, some_rules(Then.RETRY))
    await stores.hears(record, CallStatus.COMPLETED)
    brief = await stores.calls.dial_brief(record.contact_id, 1)
    assert brief is not None
    assert brief.record is not None
    basis = basis_of(brief.record, brief.contact, brief.batch, brief.campaign, SOON)
    assert await stores.contacts.settle(record.contact_id, 1, DONE, SOON, basis=basis) == DONE
    await report(stores, record, a_report())
    again = await stores.contacts.settle(record.contact_id, 1, DONE, SOON, basis=basis)
    assert again.status is ContactStatus.RETRYING


@pytest.mark.parametrize(
    ("rules", "told", "settled"),
    [
        pytest.param(
            some_rules(Then.RETRY),
            a_report(),
            Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + timedelta(minutes=30)),
            id="retry",
        ),
        pytest.param(
            some_rules(Then.FOLLOW_UP, None),
            a_report(follow_up_at=LATER),
            Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=LATER),
            id="follow-up",
        ),
        pytest.param(
            a_campaign_rules(),
            a_report(follow_up_at=LATER),
            Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=LATER),
            id="agreement without a rule",
        ),
        pytest.param(some_rules(Then.COMPLETE), a_report(follow_up_at=LATER), None, id="complete"),
        pytest.param(some_rules(Then.RETRY), a_report("refused"), None, id="no rule"),
    ],
)
async def test_late_report_moves_a_settled_contact_once(
    stores: Stores, rules: CampaignRules, told: DispositionReport, settled: Settlement | None
) -> None:
    record = await a_settled_call(stores, rules)
    assert (await report(stores, record, told)).late == LateEffect(settlement=settled)
    contact = await stands(stores, record)
    if settled is None:
        assert contact.status is ContactStatus.COMPLETED
    else:
        assert (contact.status, contact.next_retry_at, contact.follow_up_at) == (
            settled.status,
            settled.next_retry_at,
            settled.follow_up_at,
        )
    again = await report(stores, record, told)
    assert (again.effect, again.late) == (ReportEffect.DUPLICATE, LateEffect())
    assert await stands(stores, record) == contact


async def test_redial_by_a_late_report_is_granted_its_slot_by_the_rows(stores: Stores) -> None:
    record = await a_settled_call(stores, some_rules(Then.RETRY))
    await report(stores, record, a_report())
    due = await stores.due(record.batch_id, MONDAY_NOON + timedelta(minutes=31))
    assert [(each.contact_id, each.attempt, each.kind) for each in due] == [
        (record.contact_id, 2, AttemptKind.RETRY)
    ]


async def test_late_report_lists_the_number_even_when_the_batch_is_over(stores: Stores) -> None:
    record = await a_settled_call(stores, some_rules(Then.SUPPRESS))
    await stores.batches.act(record.batch_id, Action.CANCEL, SOON)
    await report(stores, record, a_report())
    assert await listed(stores) == [(record.to_number, "disposition:callback", record.execution_id)]


async def test_number_listed_by_a_late_report_is_not_called_in_other_batches(stores: Stores) -> None:
    record = await a_settled_call(stores, some_rules(Then.SUPPRESS))
    (sleeper,) = await stores.people_of(
        await stores.a_kept_batch([NewContact(phone_number=record.to_number)])
    )
    retry = Settlement(status=ContactStatus.RETRYING, next_retry_at=LATER)
    await stores.ended(sleeper, CallStatus.BUSY, retry)

    told = await report(stores, record, a_report())

    skipped = SkippedContact(
        batch_id=sleeper.batch_id, contact_id=sleeper.contact_id, was=ContactStatus.RETRYING
    )
    assert told.late.skipped == [skipped]
    assert await stores.status(sleeper) is ContactStatus.SKIPPED


async def test_report_on_an_older_attempt_lists_the_number_and_moves_nobody(stores: Stores) -> None:
    record = await a_call_under(stores, some_rules(Then.RETRY))
    await stores.hears(record, CallStatus.BUSY)
    retry = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    await stores.contacts.settle(record.contact_id, 1, retry, MONDAY_NOON)
    await stores.claimed(await stands(stores, record), 2, AttemptKind.RETRY)
    assert (await report(stores, record, a_report())).late == LateEffect()
    assert (await stands(stores, record)).status is ContactStatus.DISPATCHED


async def test_another_organizations_call_is_not_found(stores: Stores) -> None:
    record = await a_call_under(stores, a_campaign_rules())
    with pytest.raises(ExecutionNotFound):
        await stores.dispositions.report(OrganizationId("org_x"), record.execution_id, a_report(), SOON)
    assert (await stores.call(record)).disposition is None


async def test_reports_at_the_same_moment_leave_one_disposition(stores: Stores) -> None:
    record = await a_settled_call(stores, some_rules(Then.RETRY))
    told = [a_report(each) for each in ("callback", "refused", "callback", "promised")]
    answers = await asyncio.gather(*(report(stores, record, each) for each in told), return_exceptions=True)
    accepted = [each for each in answers if getattr(each, "effect", None) is ReportEffect.ACCEPTED]
    assert len(accepted) == 1
    kept = (await stores.call(record)).disposition
    for each, answer in zip(told, answers, strict=True):
        is_final = isinstance(answer, DispositionFinal)
        assert is_final is (each.disposition != kept)


async def test_report_and_settlement_at_the_same_moment_never_lose_the_rule(stores: Stores) -> None:
    for _ in range(10):
        record = await a_call_under(stores, some_rules(Then.RETRY))
        await stores.hears(record, CallStatus.COMPLETED)
        await asyncio.gather(_settled(stores, record), report(stores, record, a_report()))
        assert (await stands(stores, record)).status is ContactStatus.RETRYING


async def _settled(stores: Stores, record: CallRecord) -> None:
    """Settle as the activity does: decide again when more is known by now."""
    while True:
        brief = await stores.calls.dial_brief(record.contact_id, 1)
        assert brief is not None
        assert brief.record is not None
        facts = (brief.record, brief.contact, brief.batch, brief.campaign)
        decided = settle_attempt(*facts, now=SOON)
        with suppress(DecisionOvertaken):
            await stores.contacts.settle(record.contact_id, 1, decided, SOON, basis=basis_of(*facts, SOON))
            return


async def test_late_webhook_that_tells_more_is_seen_or_followed(stores: Stores) -> None:
    record = await a_settled_call(stores, some_rules(Then.RETRY))
    event = a_status_event(CallStatus.COMPLETED, disposition="callback")
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="late", body=None)
    assert (recorded.is_late, recorded.record.disposition) == (True, "callback")
    late = await stores.dispositions.follow(record.execution_id, SOON)
    assert late.settlement is not None
    assert (await stands(stores, record)).status is ContactStatus.RETRYING
    assert await stores.dispositions.follow(record.execution_id, SOON) == LateEffect()


@pytest.mark.parametrize("on_machine", list(OnMachine))
async def test_machine_is_told_to_its_workflow_where_it_is_to_hang_up(
    stores: Stores, on_machine: OnMachine
) -> None:
    record = await a_call_under(stores, a_campaign_rules(on_machine=on_machine))
    machine = a_status_event(CallStatus.IN_PROGRESS, answered_by=AnsweredBy.MACHINE)
    for key in ("amd", "again"):
        await stores.calls.record_event(record.execution_id, machine, event_key=key, body=None)
    waiting = await stores.endings.undelivered(after=0, limit=10)
    told = [(each.record.call_status, each.record.answered_by) for each in waiting]
    is_reported = on_machine is OnMachine.HANG_UP
    assert told == ([(CallStatus.IN_PROGRESS, AnsweredBy.MACHINE)] if is_reported else [])


async def test_machine_that_the_agent_reports_is_told_to_its_workflow_too(stores: Stores) -> None:
    record = await a_call_under(stores, a_campaign_rules(on_machine=OnMachine.HANG_UP))
    await report(stores, record, a_report(answered_by=AnsweredBy.MACHINE))
    [waiting] = await stores.endings.undelivered(after=0, limit=10)
    assert waiting.record.answered_by is AnsweredBy.MACHINE


async def test_voicemail_that_finds_no_opening_any_more_ends_as_its_policy_says(stores: Stores) -> None:
    policy = RedialPolicy(retry_on=DEFAULT_RETRY_ON | {Outcome.VOICEMAIL})
    record = await a_call_under(stores, a_campaign_rules(retry_policy=policy))
    event = a_status_event(CallStatus.COMPLETED, answered_by=AnsweredBy.MACHINE)
    await stores.calls.record_event(record.execution_id, event, event_key="end", body=None)
    await _settled(stores, record)
    again = await stores.claimed(await stands(stores, record), 2, AttemptKind.RETRY)
    await stores.calls.record_dial(again.execution_id, DialState.READY)
    given_back = await stores.contacts.give_back(record.contact_id, 2, SOON, ends=True)
    assert given_back is ContactStatus.NO_ANSWER


@pytest.mark.parametrize(
    ("retry_on", "ends_as"),
    [
        pytest.param(DEFAULT_RETRY_ON | {Outcome.VOICEMAIL}, ContactStatus.NO_ANSWER, id="a voicemail"),
        pytest.param(DEFAULT_RETRY_ON, ContactStatus.COMPLETED, id="an answered call"),
    ],
)
async def test_machine_that_is_told_after_an_unknown_ending_corrects_as_its_policy_says(
    stores: Stores, retry_on: frozenset[Outcome], ends_as: ContactStatus
) -> None:
    rules = a_campaign_rules(retry_policy=RedialPolicy(retry_on=retry_on))
    record = await a_call_under(stores, rules)
    await stores.hears(record, CallStatus.UNKNOWN)
    await stores.contacts.settle(record.contact_id, 1, Settlement(status=ContactStatus.FAILED), MONDAY_NOON)
    event = a_status_event(CallStatus.COMPLETED, answered_by=AnsweredBy.MACHINE)
    await stores.calls.record_event(record.execution_id, event, event_key="end", body=None)
    assert (await stands(stores, record)).status is ends_as
