"""The ending of a call completes the activity that placed it; only a real server does that."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from temporalio.api.enums.v1 import EventType

from domain.call import CallStatus, StatusEvent
from domain.contact import Contact, ContactStatus
from temporal.contact_workflows import ContactWorkflows
from tests.workflows.world import ANSWERED, QUICK, SILENCE, World, server_clock, until
from workflows import names

pytestmark = pytest.mark.server

STEP = ["WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED"]
DIAL = ["ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED"]
SETTLED = "MARKER_RECORDED"


async def events_of(world: World, contact: Contact) -> Sequence[str]:
    """Return the kinds of events in the history of a contact's workflow."""
    history = await world.contact_story(contact).fetch_history()
    return [EventType.Name(each.event_type).removeprefix("EVENT_TYPE_") for each in history.events]


def an_ending(status: CallStatus) -> StatusEvent:
    return StatusEvent(status=status, happened_at=server_clock())


async def ends(world: World, status: CallStatus, call: int = 1) -> None:
    """End the latest of so many calls once its dial has been answered."""
    await until(
        lambda: (
            len(world.tables.calls) == call and all(each.awaited_by for each in world.tables.calls.values())
        )
    )
    *_, execution_id = world.tables.calls
    await world.hear(execution_id, an_ending(status))


async def test_answered_call_takes_one_activity_and_neither_timer_nor_signal(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)

    await ends(world, CallStatus.COMPLETED)
    await batch.result()

    [contact] = world.contacts(batch_id)
    assert contact.status is ContactStatus.COMPLETED
    assert await events_of(world, contact) == [
        "WORKFLOW_EXECUTION_STARTED", *STEP, *DIAL, *STEP, SETTLED, "WORKFLOW_EXECUTION_COMPLETED"
    ]  # fmt: skip


async def test_ending_that_is_delivered_again_changes_nothing(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(2, concurrency_limit=1)
    batch = await world.start(batch_id)

    await ends(world, CallStatus.COMPLETED)
    await until(lambda: len(world.telephone.requests) == 2)
    await world.hear(next(iter(world.tables.calls)), an_ending(CallStatus.COMPLETED))
    await ends(world, CallStatus.COMPLETED, call=2)
    await batch.result()

    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    assert len(world.telephone.requests) == 2


async def test_new_worker_that_delivers_an_ending_completes_the_call_as_well(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: any(each.awaited_by for each in world.calls(batch_id)))

    [call] = world.calls(batch_id)
    ended = replace(call, call_status=CallStatus.COMPLETED)
    world.tables.calls[call.execution_id] = ended

    assert await ContactWorkflows(world.client, is_new_worker=True).deliver(ended)
    await batch.result()
    assert await world.has_heard(world.contact_story(world.contacts(batch_id)[0]), names.CALL_EVENT) == 0


async def test_redialled_contact_waits_for_each_call_in_an_activity_of_its_own(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(rules=QUICK)
    batch = await world.start(batch_id)

    await ends(world, CallStatus.BUSY)
    await ends(world, CallStatus.COMPLETED, call=2)
    await batch.result()

    [contact] = world.contacts(batch_id)
    assert [call.call_status for call in world.calls(batch_id)] == [CallStatus.BUSY, CallStatus.COMPLETED]
    assert len(world.telephone.requests) == 2
    assert await world.has_heard(world.contact_story(contact), names.CALL_EVENT) == 0


async def test_ending_that_comes_twice_or_before_the_answer_ends_the_call_once(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: (*ANSWERED, CallStatus.COMPLETED)
    batch_id = await world.a_batch()

    await (await world.start(batch_id)).result()

    [contact] = world.contacts(batch_id)
    assert contact.status is ContactStatus.COMPLETED
    assert (await events_of(world, contact)).count("ACTIVITY_TASK_COMPLETED") == 1
