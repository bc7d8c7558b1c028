"""After a call: what is decided is kept and told to the batch, and told again when somebody died over it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import CheckCall, SettledAttempt
from domain.batch import BatchOverrides, BatchStatus
from domain.call import AttemptKind, CallStatus, Outcome
from domain.contact import Contact, ContactStatus
from domain.errors import DecisionOvertaken, EngineUnavailable
from domain.identity import BatchId
from domain.ports import AttemptReport
from domain.redial import RedialPolicy
from domain.settlement import Settlement
from tests.activities.world import SETTLE, World, a_call_that_ended, a_call_under_way, a_dialled_call
from tests.builders import (
    BATCH_ID,
    CONTACT_ID,
    MONDAY_NOON,
    a_batch,
    a_campaign,
    a_campaign_rules,
    a_contact,
    a_dial_brief,
    a_status_event,
)
from tests.fakes import FakeContactStore

IN_HALF_AN_HOUR = MONDAY_NOON + timedelta(minutes=30)
TOMORROW = MONDAY_NOON + timedelta(days=1)

REDIALLED_ONCE = SettledAttempt(
    status=ContactStatus.RETRYING,
    due_at=IN_HALF_AN_HOUR,
    kind=AttemptKind.RETRY,
    summary="redial 1 of 3 after cooldown",
)


def told(world: World) -> list[tuple[BatchId, int, ContactStatus]]:
    """Return what the batch heard of its one contact."""
    assert {report.contact_id for _, report in world.reports.heard} <= {CONTACT_ID}
    return [(batch_id, report.attempt, report.status) for batch_id, report in world.reports.heard]


def stand(contact: Contact) -> tuple[object, ...]:
    """Return what settling decides about a contact."""
    return contact.status, contact.next_retry_at, contact.follow_up_at


async def test_contact_that_ends_reports_to_no_run_that_hears_its_workflow_end() -> None:
    world = a_call_that_ended(CallStatus.COMPLETED)
    world.tables.dispatched_by[BATCH_ID] = "run-1"

    settled = await world.run(world.of_contacts.settle_attempt, replace(SETTLE, started_by="run-1"))

    assert settled == SettledAttempt(status=ContactStatus.COMPLETED)
    assert told(world) == []


@pytest.mark.parametrize(
    "started_by",
    [
        pytest.param("run-1", id="by a run before the present one"),
        pytest.param(None, id="by nobody that says so"),
    ],
)
async def test_contact_that_the_present_run_did_not_start_reports_its_end(started_by: str | None) -> None:
    world = a_call_that_ended(CallStatus.COMPLETED)
    world.tables.dispatched_by[BATCH_ID] = "run-2"

    await world.run(world.of_contacts.settle_attempt, replace(SETTLE, started_by=started_by))

    assert told(world) == [(BATCH_ID, 1, ContactStatus.COMPLETED)]


async def test_contact_reports_its_end_to_a_run_that_began_while_it_was_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run that started it may not hear of its end any more, and the new one may have looked before."""
    world = a_call_that_ended(CallStatus.COMPLETED)
    world.tables.dispatched_by[BATCH_ID] = "run-1"
    settle = FakeContactStore.settle

    async def settle_late(store: FakeContactStore, *settled: Any, **known: Any) -> Settlement:
        world.tables.dispatched_by[BATCH_ID] = "run-2"
        return await settle(store, *settled, **known)

    monkeypatch.setattr(FakeContactStore, "settle", settle_late)
    await world.run(world.of_contacts.settle_attempt, replace(SETTLE, started_by="run-1"))

    assert told(world) == [(BATCH_ID, 1, ContactStatus.COMPLETED)]


async def test_contact_of_a_batch_whose_runs_hear_nothing_reports_its_end() -> None:
    world = a_call_that_ended(CallStatus.COMPLETED)

    await world.run(world.of_contacts.settle_attempt, replace(SETTLE, started_by="run-1"))
    await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert told(world) == [(BATCH_ID, 1, ContactStatus.COMPLETED)] * 2


async def test_contact_that_is_called_again_reports_to_the_run_that_started_it() -> None:
    world = a_call_that_ended(CallStatus.BUSY)
    world.tables.dispatched_by[BATCH_ID] = "run-1"

    await world.run(world.of_contacts.settle_attempt, replace(SETTLE, started_by="run-1"))

    assert told(world) == [(BATCH_ID, 1, ContactStatus.RETRYING)]


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        pytest.param(CallStatus.COMPLETED, ContactStatus.COMPLETED, id="completed"),
        pytest.param(CallStatus.UNKNOWN, ContactStatus.FAILED, id="unknown is never redialled"),
    ],
)
async def test_outcome_that_asks_for_no_other_call_ends_the_contact(
    ended: CallStatus, status: ContactStatus
) -> None:
    world = a_call_that_ended(ended)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=status)
    assert stand(world.contact) == (status, None, None)
    assert told(world) == [(BATCH_ID, 1, status)]


async def test_call_is_counted_once_however_often_its_settlement_is_run_again() -> None:
    world = a_call_that_ended(CallStatus.BUSY)
    world.reports.is_down = True
    with pytest.raises(EngineUnavailable):
        await world.run(world.of_contacts.settle_attempt, SETTLE)
    world.reports.is_down = False

    for _ in range(2):
        await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert world.metrics.settled == [world.call]


async def test_call_whose_ending_was_found_by_asking_is_counted_like_a_reported_one() -> None:
    world = a_call_under_way(a_dialled_call())
    world.provider.standing["call-1"] = a_status_event(CallStatus.COMPLETED)

    await world.run(world.dialling.check_call, CheckCall(contact_id=CONTACT_ID, attempt=1))
    counted_when_it_ended = list(world.metrics.settled)
    await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert counted_when_it_ended == []
    assert [each.call_status for each in world.metrics.settled] == [CallStatus.COMPLETED]


async def test_call_of_a_contact_that_was_skipped_with_its_batch_is_counted_once() -> None:
    world = a_call_that_ended(CallStatus.NO_ANSWER, status=ContactStatus.SKIPPED)

    for _ in range(2):
        await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert world.metrics.settled == [world.call]


@pytest.mark.parametrize("ended", [CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED])
async def test_person_who_was_not_reached_is_redialled_after_the_cooldown(ended: CallStatus) -> None:
    world = a_call_that_ended(ended)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == REDIALLED_ONCE
    assert stand(world.contact) == (ContactStatus.RETRYING, IN_HALF_AN_HOUR, None)
    assert told(world) == [(BATCH_ID, 1, ContactStatus.RETRYING)]


@pytest.mark.parametrize(
    ("retry_count", "overrides", "summary"),
    [
        pytest.param(1, BatchOverrides(), "redial 2 of 3 after cooldown", id="campaign's number"),
        pytest.param(
            0, BatchOverrides(max_retries_override=7), "redial 1 of 7 after cooldown", id="batch's number"
        ),
        pytest.param(
            3,
            BatchOverrides(retry_policy=RedialPolicy(max_retries=5)),
            "redial 4 of 5 after cooldown",
            id="batch's policy",
        ),
    ],
)
async def test_timer_says_which_redial_of_how_many_it_waits_for(
    retry_count: int, overrides: BatchOverrides, summary: str
) -> None:
    world = a_call_that_ended(CallStatus.BUSY, overrides=overrides, retry_count=retry_count)

    assert (await world.run(world.of_contacts.settle_attempt, SETTLE)).summary == summary


async def test_unknown_that_is_retried_leaves_the_phone_alone_for_the_longest_ring_and_call() -> None:
    policy = RedialPolicy(cooldown=timedelta(minutes=1), retry_on=frozenset({Outcome.UNKNOWN}))
    world = a_call_that_ended(CallStatus.UNKNOWN, overrides=BatchOverrides(retry_policy=policy))

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    # 45 seconds of ringing + 20 minutes of talk + 60 seconds of grace
    assert settled.due_at == MONDAY_NOON + timedelta(minutes=21, seconds=45)
    assert stand(world.contact) == (ContactStatus.RETRYING, settled.due_at, None)


async def test_last_retry_that_failed_ends_the_contact() -> None:
    world = a_call_that_ended(CallStatus.BUSY, retry_count=3)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=ContactStatus.MAX_RETRIES_REACHED)


async def test_follow_up_agreed_in_the_call_is_kept_and_named() -> None:
    agreed = a_dialled_call(call_status=CallStatus.COMPLETED, ended_at=MONDAY_NOON, follow_up_at=TOMORROW)
    rules = a_campaign_rules(max_follow_ups=2)
    world = World(
        a_dial_brief(
            contact=a_contact(status=ContactStatus.IN_PROGRESS, follow_up_count=1),
            campaign=a_campaign(rules=rules),
            record=agreed,
        )
    )

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(
        status=ContactStatus.FOLLOWUP_SCHEDULED,
        due_at=TOMORROW,
        kind=AttemptKind.FOLLOW_UP,
        summary="follow-up 2 as agreed in the call",
    )
    assert stand(world.contact) == (ContactStatus.FOLLOWUP_SCHEDULED, None, TOMORROW)


async def test_rerun_reports_once_more_and_decides_nothing_new() -> None:
    world = a_call_that_ended(CallStatus.BUSY)
    first = await world.run(world.of_contacts.settle_attempt, SETTLE)
    world.clock.pass_time(timedelta(hours=1))
    world.tables.batches[BATCH_ID] = a_batch(status=BatchStatus.CANCELLED)
    before = world.rows()

    again = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert (first, again) == (REDIALLED_ONCE, REDIALLED_ONCE)
    assert world.rows() == before
    assert told(world) == [(BATCH_ID, 1, ContactStatus.RETRYING)] * 2


async def test_decision_is_kept_while_the_batch_cannot_be_told_and_told_by_the_rerun() -> None:
    world = a_call_that_ended(CallStatus.COMPLETED)
    world.reports.is_down = True
    with pytest.raises(EngineUnavailable):
        await world.run(world.of_contacts.settle_attempt, SETTLE)
    assert world.contact.status is ContactStatus.COMPLETED
    world.reports.is_down = False

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=ContactStatus.COMPLETED)
    assert world.reports.heard == [
        (BATCH_ID, AttemptReport(contact_id=CONTACT_ID, attempt=1, status=ContactStatus.COMPLETED))
    ]


@pytest.mark.parametrize("ended_as", [BatchStatus.CANCELLED, BatchStatus.EXPIRED])
async def test_batch_that_ended_between_the_look_and_the_decision_takes_the_outcome(
    ended_as: BatchStatus,
) -> None:
    world = a_call_that_ended(CallStatus.BUSY)
    over = a_batch(status=ended_as)
    world.calls.meanwhile = lambda: world.tables.batches.update({BATCH_ID: over})

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=ContactStatus.BUSY)
    assert stand(world.contact) == (ContactStatus.BUSY, None, None)
    assert told(world) == [(BATCH_ID, 1, ContactStatus.BUSY)]


@pytest.mark.parametrize("live", [ContactStatus.DISPATCHED, ContactStatus.IN_PROGRESS])
async def test_attempt_that_left_its_contact_live_is_decided_again_and_not_reported(
    live: ContactStatus,
) -> None:
    world = a_call_that_ended(CallStatus.BUSY, status=live)
    world.add_call(world.contact, attempt=2, call_status=CallStatus.RINGING)
    before = world.rows()

    with pytest.raises(DecisionOvertaken):
        await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert (world.rows(), world.reports.heard) == (before, [])


async def test_contact_learns_that_its_batch_is_gone() -> None:
    world = a_call_that_ended(CallStatus.COMPLETED)
    world.reports.is_gone = True

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=ContactStatus.COMPLETED, batch_is_gone=True)
    assert world.contact.status is ContactStatus.COMPLETED


async def test_contact_that_has_moved_on_is_reported_where_it_stands() -> None:
    world = a_call_that_ended(CallStatus.BUSY, status=ContactStatus.SKIPPED)

    settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert settled == SettledAttempt(status=ContactStatus.SKIPPED)
    assert told(world) == [(BATCH_ID, 1, ContactStatus.SKIPPED)]


async def test_call_that_lives_is_not_settled() -> None:
    world = a_call_under_way(a_dialled_call(call_status=CallStatus.RINGING), ContactStatus.IN_PROGRESS)
    before = world.rows()

    with pytest.raises(ApplicationError) as failure:
        await world.run(world.of_contacts.settle_attempt, SETTLE)
    assert failure.value.type == "ValueError"

    assert (world.rows(), world.reports.heard) == (before, [])
