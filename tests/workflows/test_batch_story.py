"""A batch on a clock that skips: slots, pages, continue-as-new, and contacts whose workflows die."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.batch import BatchStatus
from domain.call import CallStatus, EventSource, StatusEvent
from domain.contact import ContactStatus, SkipReason
from domain.counters import BatchTally
from domain.identity import BatchId
from domain.redial import RedialPolicy
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, heard, server_clock, until
from workflows import names
from workflows.batch import limits

pytestmark = pytest.mark.server


def calls_per_contact(world: World) -> set[int]:
    return set(Counter(request.contact_id for request in world.telephone.requests).values())


async def test_every_contact_is_called_once_and_the_batch_completes(world: World) -> None:
    batch_id = await world.a_batch(25, concurrency_limit=4)

    await (await world.start(batch_id)).result()

    assert calls_per_contact(world) == {1}
    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    assert world.tables.batches[batch_id].status is BatchStatus.COMPLETED
    assert len(world.telephone.requests) == 25


async def test_live_contacts_never_exceed_the_limit(world: World) -> None:
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(
        20, concurrency_limit=3, rules={"retry_policy": RedialPolicy(cooldown=timedelta(seconds=1))}
    )

    await (await world.start(batch_id)).result()

    assert world.telephone.peak_live <= 3
    assert len(world.telephone.requests) == 40


async def test_first_calls_start_in_position_order(world: World) -> None:
    batch_id = await world.a_batch(12, concurrency_limit=1)

    await (await world.start(batch_id)).result()

    dialled = [request.contact_id for request in world.telephone.requests]
    assert dialled == [contact.contact_id for contact in world.contacts(batch_id)]


async def test_continue_as_new_loses_nobody_and_calls_nobody_twice(live_world: World) -> None:
    live_world.contacts_per_run = 4
    live_world.telephone.script = lambda request, call: (
        BUSY if call == 1 and int(request.to_number[-1]) % 3 == 0 else ANSWERED
    )
    batch_id = await live_world.a_batch(17, concurrency_limit=5, rules=QUICK)

    batch = await live_world.start(batch_id)
    await batch.result()

    assert {contact.status for contact in live_world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    redialled = sum(number % 10 in (0, 3, 6, 9) for number in range(1, 18))
    assert len(live_world.telephone.requests) == 17 + redialled
    assert max(call.attempt for call in live_world.calls(batch_id)) == 2
    last_run = live_world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    assert (await last_run.query(names.DEBUG))["run"] >= 3


async def test_batch_goes_on_when_its_contacts_end_and_none_of_them_reports(world: World) -> None:
    batch_id = await world.a_batch(7, concurrency_limit=2)

    batch = await world.start(batch_id)
    await batch.result()

    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    assert await world.has_heard(batch, names.ATTEMPT_REPORTED) == 0
    assert await world.length(batch_id) < limits.LOOK_EVERY


async def test_contact_started_by_an_earlier_run_reports_its_end_to_the_present_one(
    live_world: World,
) -> None:
    live_world.contacts_per_run = 1
    live_world.telephone.script = lambda request, _: SILENCE if request.to_number.endswith("1") else ANSWERED
    batch_id = await live_world.a_batch(2, concurrency_limit=2)
    batch = await live_world.start(batch_id)
    await until(lambda: live_world.contacts(batch_id)[1].status is ContactStatus.COMPLETED)
    first = next(call for call in live_world.calls(batch_id) if call.to_number.endswith("1"))
    await until(lambda: live_world.tables.calls[first.execution_id].awaited_by is not None)

    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=server_clock())
    await live_world.hear(first.execution_id, ended)
    await batch.result()

    by_run = [heard(history, names.ATTEMPT_REPORTED) for history in await live_world.histories(batch)]
    reports_by_run = [sum(first.contact_id in report for report in reports) for reports in by_run]
    assert reports_by_run[0] == 0
    assert sum(reports_by_run) == 1


async def test_counters_of_workflow_and_database_agree_when_quiet(world: World) -> None:
    world.telephone.script = lambda request, _: BUSY if request.to_number.endswith("1") else ANSWERED
    batch_id = await world.a_batch(12, rules={"retry_policy": RedialPolicy(max_retries=0)})

    batch = await world.start(batch_id)
    await batch.result()

    told = await batch.query(names.COUNTERS, result_type=BatchTally)
    assert told.split(0) == world.tables.counters_of(batch_id)
    assert told == BatchTally(busy=2, completed=10)


async def test_terminated_contact_gives_its_slot_back_and_the_batch_goes_on(world: World) -> None:
    world.telephone.script = lambda request, _: SILENCE if request.to_number.endswith("1") else ANSWERED
    batch_id = await world.a_batch(3, concurrency_limit=1)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [first, *_] = world.contacts(batch_id)

    await world.listening(first)
    await world.contact_story(first).terminate("by hand")
    await batch.result()

    assert [contact.status for contact in world.contacts(batch_id)] == [
        ContactStatus.FAILED,
        ContactStatus.COMPLETED,
        ContactStatus.COMPLETED,
    ]
    assert world.calls(batch_id)[0].call_status is CallStatus.UNKNOWN
    assert calls_per_contact(world) == {1}


async def test_terminated_contact_keeps_its_slot_while_its_call_lives(world: World) -> None:
    world.telephone.script = lambda request, _: ANSWERED[:2] if request.to_number.endswith("1") else ANSWERED
    batch_id = await world.a_batch(2, concurrency_limit=1)
    now = await world.env.get_current_time()
    talking = StatusEvent(status=CallStatus.IN_PROGRESS, happened_at=now, source=EventSource.POLL)
    world.telephone.standing["call-1"] = talking
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [first, _] = world.contacts(batch_id)
    await world.listening(first)
    await world.contact_story(first).terminate("by hand")

    await world.env.sleep(timedelta(minutes=2))
    assert len(world.telephone.requests) == 1

    world.telephone.standing["call-1"] = replace(talking, status=CallStatus.COMPLETED)
    await batch.result()

    assert [contact.status for contact in world.contacts(batch_id)] == [ContactStatus.COMPLETED] * 2


async def test_contact_terminated_while_it_sleeps_is_skipped(world: World) -> None:
    world.telephone.script = lambda _request, _call: BUSY
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)

    await world.listening(world.contacts(batch_id)[0])
    await world.contact_story(world.contacts(batch_id)[0]).terminate("by hand")
    await batch.result()

    [contact] = world.contacts(batch_id)
    assert (contact.status, contact.skip_reason) == (ContactStatus.SKIPPED, SkipReason.MANUAL)
    assert len(world.telephone.requests) == 1


async def test_contact_that_died_in_an_earlier_run_is_found_by_its_slot(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_ALL_EVERY", timedelta(seconds=2))
    monkeypatch.setattr(limits, "LOOK_EVERY", timedelta(seconds=1))
    live_world.contacts_per_run = 1
    live_world.telephone.script = lambda request, _: SILENCE if request.to_number.endswith("1") else ANSWERED
    batch_id = await live_world.a_batch(2, concurrency_limit=2)
    batch = await live_world.start(batch_id)
    await until(lambda: live_world.contacts(batch_id)[1].status is ContactStatus.COMPLETED)
    [first, _] = live_world.contacts(batch_id)
    await live_world.listening(first)
    await live_world.contact_story(first).terminate("by hand")

    await batch.result()

    assert live_world.contacts(batch_id)[0].status is ContactStatus.FAILED
    assert calls_per_contact(live_world) == {1}


async def test_contacts_whose_request_was_not_remembered_are_found_among_the_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ASKED_AT_MOST", 0)
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(12, concurrency_limit=1)

    await (await world.start(batch_id)).result()

    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    assert calls_per_contact(world) == {2}


async def test_scheduled_batch_dials_nobody_before_its_start(world: World) -> None:
    start_at = await world.env.get_current_time() + timedelta(hours=5)
    batch_id = await world.a_batch(scheduled_start=start_at)

    await (await world.start(batch_id)).result()

    [call] = world.calls(batch_id)
    assert call.started_at is not None
    assert timedelta() <= call.started_at - start_at < timedelta(seconds=10)


async def test_batch_that_was_taken_back_ends_without_a_call(world: World) -> None:
    batch = await world.start(BatchId("btc_gone"))

    assert await batch.result() == "nothing to call"
    assert world.telephone.requests == []


async def test_contact_stops_when_its_batch_is_gone(live_world: World) -> None:
    live_world.telephone.script = lambda _request, _call: BUSY
    batch_id = await live_world.a_batch(rules=QUICK)
    batch = await live_world.start(batch_id)
    await until(lambda: live_world.contacts(batch_id)[0].status is ContactStatus.RETRYING)

    await batch.terminate("by hand")
    ended_as = await live_world.contact_story(live_world.contacts(batch_id)[0]).result()

    assert ended_as == "nobody_grants_a_slot"
    assert len(live_world.telephone.requests) == 1


async def test_contact_withheld_while_its_batch_is_held_is_dialled_once_it_runs_again(world: World) -> None:
    batch_id = await world.a_batch()
    running = world.tables.batches[batch_id]
    world.tables.batches[batch_id] = replace(running, status=BatchStatus.PAUSED)
    batch = await world.start(batch_id)
    await world.env.sleep(timedelta(seconds=10))
    assert world.telephone.requests == []

    world.tables.batches[batch_id] = running
    await batch.result()

    assert calls_per_contact(world) == {1}
