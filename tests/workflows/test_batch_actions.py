"""What people do to a running batch: pause, resume, cancel, expire, skip, follow up."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.batch import BatchStatus
from domain.call import CallStatus, StatusEvent
from domain.contact import ContactStatus, SkipReason
from domain.counters import BatchTally
from domain.identity import BatchId
from domain.lifecycle import Action
from tests.fakes import FakeBatchStore, FakeContactStore
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, until
from workflows import names

pytestmark = pytest.mark.server
ARGUMENTS = [
    pytest.param([], id="nothing"),
    pytest.param([None], id="null"),
    pytest.param([{}], id="an empty object"),
    pytest.param([{"reason": "lunch", "unknown": 1}], id="unknown keys"),
    pytest.param(["text"], id="text"),
    pytest.param([[1, 2]], id="a list"),
    pytest.param([{"reason": 5}, "surplus"], id="one argument too many"),
]


def statuses(world: World, batch_id: BatchId) -> list[ContactStatus]:
    return [contact.status for contact in world.contacts(batch_id)]


async def a_ringing_batch(world: World, contacts: int = 3) -> BatchId:
    """The first contact's phone rings, the others wait for the one slot."""
    world.telephone.script = lambda request, call: (
        (CallStatus.RINGING,) if request.to_number.endswith("1") and call == 1 else ANSWERED
    )
    batch_id = await world.a_batch(contacts, concurrency_limit=1)
    await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await world.listening(world.contacts(batch_id)[0])
    return batch_id


async def end_first_call(world: World, status: CallStatus = CallStatus.COMPLETED) -> None:
    first = next(iter(world.tables.calls))
    now = await world.env.get_current_time()
    await world.hear(first, StatusEvent(status=status, happened_at=now))


@pytest.mark.parametrize("arguments", ARGUMENTS)
async def test_pause_lets_the_live_call_end_and_starts_no_other_until_resumed(
    world: World, arguments: list[object]
) -> None:
    batch_id = await a_ringing_batch(world)
    batch = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))

    await batch.signal(names.PAUSE, args=arguments)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)
    await end_first_call(world)
    await until(lambda: statuses(world, batch_id)[0] is ContactStatus.COMPLETED)
    await world.env.sleep(timedelta(hours=1))
    assert len(world.telephone.requests) == 1

    await batch.signal(names.RESUME, args=arguments)
    await batch.result()
    assert statuses(world, batch_id) == [ContactStatus.COMPLETED] * 3
    assert world.tables.batches[batch_id].status is BatchStatus.COMPLETED


async def test_retry_that_falls_due_in_a_pause_waits_and_is_called_after_it(live_world: World) -> None:
    live_world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await live_world.a_batch(rules=QUICK)
    batch = await live_world.start(batch_id)
    await until(lambda: statuses(live_world, batch_id) == [ContactStatus.RETRYING])

    await batch.signal(names.PAUSE)
    await until(lambda: live_world.tables.batches[batch_id].status is BatchStatus.PAUSED)
    await asyncio.sleep(1.5)  # the cooldown is over
    assert await live_world.has_heard(batch, names.SLOT_REQUESTED) == 1
    assert statuses(live_world, batch_id) == [ContactStatus.RETRYING]
    assert live_world.tables.slots_of(batch_id) == []
    assert len(live_world.telephone.requests) == 1

    await batch.signal(names.RESUME)
    await batch.result()
    assert statuses(live_world, batch_id) == [ContactStatus.COMPLETED]


async def cancel_by_signal(world: World, batch_id: BatchId) -> None:
    await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).signal(names.CANCEL)


async def cancel_on_the_server(world: World, batch_id: BatchId) -> None:
    await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).cancel()


async def cancel_as_the_api_does(world: World, batch_id: BatchId) -> None:
    now = await world.env.get_current_time()
    await FakeBatchStore(world.tables).act(batch_id, Action.CANCEL, now)
    await cancel_by_signal(world, batch_id)


@pytest.mark.parametrize("cancel", [cancel_by_signal, cancel_on_the_server, cancel_as_the_api_does])
async def test_cancel_skips_who_waits_and_lets_the_live_call_take_its_outcome(
    world: World, cancel: Callable[[World, BatchId], Awaitable[None]]
) -> None:
    batch_id = await a_ringing_batch(world)

    await cancel(world, batch_id)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.CANCELLED)
    await end_first_call(world, CallStatus.BUSY)
    batch = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))

    assert await batch.result() == "cancelled"
    assert statuses(world, batch_id) == [ContactStatus.BUSY, ContactStatus.SKIPPED, ContactStatus.SKIPPED]
    assert len(world.telephone.requests) == 1
    told = await batch.query(names.COUNTERS, result_type=BatchTally)
    assert told == BatchTally(busy=1, skipped=2)


async def test_cancel_closes_the_workflows_of_sleeping_contacts(world: World) -> None:
    world.telephone.script = lambda _request, _call: BUSY
    batch_id = await world.a_batch(4)
    batch = await world.start(batch_id)
    await until(lambda: statuses(world, batch_id) == [ContactStatus.RETRYING] * 4)

    await batch.signal(names.CANCEL)
    await batch.result()

    assert statuses(world, batch_id) == [ContactStatus.SKIPPED] * 4
    for contact in world.contacts(batch_id):
        story = world.contact_story(contact)
        await story.result()
        assert (await story.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert {contact.skip_reason for contact in world.contacts(batch_id)} == {SkipReason.BATCH_CANCELLED}


async def test_call_being_set_up_is_hung_up_when_its_batch_is_cancelled(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await world.listening(world.contacts(batch_id)[0])

    await batch.signal(names.CANCEL)
    await batch.result()

    assert world.telephone.hung_up == ["call-1"]
    assert statuses(world, batch_id) == [ContactStatus.SKIPPED]


async def test_cancelled_batch_that_never_started_calls_nobody(world: World) -> None:
    start_at = await world.env.get_current_time() + timedelta(hours=5)
    batch_id = await world.a_batch(3, scheduled_start=start_at)
    batch = await world.start(batch_id)

    await batch.signal(names.CANCEL)

    assert await batch.result() == "cancelled"
    assert world.telephone.requests == []
    assert statuses(world, batch_id) == [ContactStatus.SKIPPED] * 3


async def test_batch_paused_before_its_start_begins_when_it_is_resumed_after_it(world: World) -> None:
    start_at = await world.env.get_current_time() + timedelta(hours=1)
    batch_id = await world.a_batch(scheduled_start=start_at)
    batch = await world.start(batch_id)
    await batch.signal(names.PAUSE)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)

    await world.env.sleep(timedelta(hours=2))
    assert world.telephone.requests == []

    await batch.signal(names.RESUME)
    assert await batch.result() == "completed"


async def test_redial_that_would_come_after_the_end_finishes_at_once_with_the_last_outcome(
    world: World,
) -> None:
    end_at = await world.env.get_current_time() + timedelta(hours=1)
    world.telephone.script = lambda _request, _call: BUSY
    batch_id = await world.a_batch(2, scheduled_end=end_at, concurrency_limit=1)

    assert await (await world.start(batch_id)).result() == "completed"

    # 30 minutes of cooldown fit once before the end, a second time they do not.
    assert [call.attempt for call in world.calls(batch_id)] == [1, 2, 1, 2]
    assert statuses(world, batch_id) == [ContactStatus.BUSY] * 2


async def test_contact_still_waiting_at_the_end_is_skipped(live_world: World) -> None:
    batch_id = await a_ringing_batch(live_world, contacts=2)
    end_at = await live_world.env.get_current_time() + timedelta(seconds=1)
    running = live_world.tables.batches[batch_id]
    live_world.tables.batches[batch_id] = replace(running, scheduled_end=end_at)
    batch = live_world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    await batch.signal(names.POLICY_CHANGED)

    await until(lambda: live_world.tables.batches[batch_id].status is BatchStatus.EXPIRED)
    await end_first_call(live_world)

    assert await batch.result() == "expired"
    first, second = live_world.contacts(batch_id)
    assert first.status is ContactStatus.COMPLETED
    assert (second.status, second.skip_reason) == (ContactStatus.SKIPPED, SkipReason.BATCH_EXPIRED)


async def test_sleeping_contact_that_is_skipped_is_never_called_again(world: World) -> None:
    world.telephone.script = lambda _request, _call: BUSY
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: statuses(world, batch_id) == [ContactStatus.RETRYING])
    [contact] = world.contacts(batch_id)

    now = await world.env.get_current_time()
    await FakeContactStore(world.tables).skip_by_hand(batch_id, contact.contact_id, now)
    await batch.signal(names.CONTACT_SKIPPED, {"contact_id": contact.contact_id, "was": "retrying"})

    assert await batch.result() == "completed"
    assert len(world.telephone.requests) == 1
    assert await world.contact_story(contact).result() == "nobody_grants_a_slot"


async def test_completed_contact_is_called_again_as_agreed_by_request(live_world: World) -> None:
    live_world.telephone.script = lambda request, call: (
        (CallStatus.RINGING,) if request.to_number.endswith("2") and call == 1 else ANSWERED
    )
    batch_id = await live_world.a_batch(2)
    batch = await live_world.start(batch_id)
    await until(lambda: statuses(live_world, batch_id)[0] is ContactStatus.COMPLETED)
    first, _ = live_world.contacts(batch_id)

    now = await live_world.env.get_current_time()
    at = now + timedelta(seconds=1)
    await FakeContactStore(live_world.tables).schedule_follow_up(batch_id, first.contact_id, at, now)
    agreed = {"contact_id": first.contact_id, "attempt": 2, "at": at.isoformat()}
    await batch.signal(names.FOLLOW_UP_SCHEDULED, agreed)
    await until(lambda: len(live_world.calls(batch_id)) == 3)
    ringing = next(each for each in live_world.tables.calls.values() if each.contact_id != first.contact_id)
    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=at)
    await live_world.hear(ringing.execution_id, ended)

    await batch.result()
    [second] = [call for call in live_world.calls(batch_id) if call.attempt == 2]
    assert second.started_at is not None
    assert second.started_at >= at
    assert live_world.contacts(batch_id)[0].follow_up_count == 1


@pytest.mark.parametrize("signal", [names.PAUSE, names.RESUME, names.CANCEL, names.DISPATCH])
async def test_signal_to_a_batch_that_is_over_changes_nothing(world: World, signal: str) -> None:
    batch_id = await a_ringing_batch(world)
    batch = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    await batch.signal(names.CANCEL)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.CANCELLED)

    await batch.signal(signal)
    await end_first_call(world)

    assert await batch.result() == "cancelled"
    assert world.tables.batches[batch_id].status is BatchStatus.CANCELLED
