"""Dials that must wait: the provider is broken, the number is busy, or somebody stops the wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.batch import BatchStatus
from domain.call import CallRecord, CallStatus, DialState, StatusEvent
from domain.contact import ContactStatus
from domain.identity import BatchId, ContactId, ExecutionId
from domain.telephony import Misconfigured, Throttled, Unavailable
from tests.builders import a_call_record
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, a_real_server, a_world, until
from workflows import names

pytestmark = pytest.mark.server
ELSEWHERE = ExecutionId("exec_elsewhere")
DOWN = Unavailable("provider not reached")


@pytest.fixture
async def forgetful_world() -> AsyncIterator[World]:
    """A real server that finds histories of 25 events too long."""
    async with a_world(await a_real_server(longest_history=25)) as opened:
        yield opened


def a_call_elsewhere(world: World, batch_id: BatchId, position: int = 1) -> CallRecord:
    """Another batch talks to the number of one of the contacts."""
    talking = a_call_record(
        execution_id=ELSEWHERE,
        batch_id=BatchId("btc_elsewhere"),
        contact_id=ContactId("con_elsewhere"),
        dial_state=DialState.ACCEPTED,
        call_status=CallStatus.IN_PROGRESS,
        to_number=world.contacts(batch_id)[position - 1].phone_number,
    )
    world.tables.calls[ELSEWHERE] = talking
    return talking


def hang_up(world: World) -> None:
    """End the call of the other batch."""
    call = world.tables.calls[ELSEWHERE]
    world.tables.calls[ELSEWHERE] = replace(call, call_status=CallStatus.COMPLETED)


def has_dialled(world: World, count: int) -> bool:
    return len(world.telephone.requests) == count


def statuses(world: World, batch_id: BatchId) -> list[ContactStatus]:
    return [contact.status for contact in world.contacts(batch_id)]


async def test_outage_costs_nobody_an_attempt_and_all_are_called_once_it_is_over(world: World) -> None:
    world.telephone.is_down = True
    world.telephone.dial_results = [Misconfigured("provider answered 401")]
    world.telephone.script = lambda request, call: SILENCE if len(world.telephone.requests) == 0 else ANSWERED
    batch_id = await world.a_batch(4, concurrency_limit=2)
    batch = await world.start(batch_id)
    await until(lambda: world.telephone.probed >= 1)
    await world.env.sleep(timedelta(minutes=10))
    assert len(world.telephone.requests) == 1
    assert 9 <= world.telephone.probed <= 16  # 5 + 10 + 20 + 40 seconds, then once a minute

    world.telephone.is_down = False
    await batch.result()

    assert statuses(world, batch_id) == [ContactStatus.COMPLETED] * 4
    assert {contact.retry_count for contact in world.contacts(batch_id)} == {0}
    assert [call.attempt for call in world.calls(batch_id)] == [1] * 4


async def test_cancel_ends_a_wait_for_the_provider_at_once(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    world.telephone.dial_results = [Throttled(timedelta(days=1))]
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await world.listening(world.contacts(batch_id)[0])

    await batch.signal(names.CANCEL)

    assert await batch.result() == "cancelled"
    assert await world.length(batch_id) < timedelta(minutes=5)
    assert statuses(world, batch_id) == [ContactStatus.SKIPPED]
    assert len(world.telephone.requests) == 1


async def test_stop_by_hand_gives_the_slot_back_and_the_contact_is_called_later(live_world: World) -> None:
    live_world.telephone.script = lambda _, call: SILENCE if call == 1 else ANSWERED
    live_world.telephone.dial_results = [Throttled(timedelta(days=1))]
    batch_id = await live_world.a_batch()
    batch = await live_world.start(batch_id)
    await until(lambda: len(live_world.telephone.requests) == 1)
    [contact] = live_world.contacts(batch_id)
    await live_world.listening(contact)

    await live_world.contact_story(contact).signal(names.STOP)
    await batch.result()

    assert statuses(live_world, batch_id) == [ContactStatus.COMPLETED]
    assert len({request.execution_id for request in live_world.telephone.requests}) == 1


async def test_contact_whose_number_is_busy_elsewhere_waits_as_a_row_and_is_called_when_it_is_free(
    world: World,
) -> None:
    batch_id = await world.a_batch(3, concurrency_limit=3)
    a_call_elsewhere(world, batch_id)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 2)
    await world.env.sleep(timedelta(minutes=10))
    assert statuses(world, batch_id)[0] is ContactStatus.PENDING
    waited = await batch.describe()
    assert waited.history_length < 10 * 12 * 20  # one look in five seconds, no hot loop

    hang_up(world)
    await batch.result()

    assert statuses(world, batch_id) == [ContactStatus.COMPLETED] * 3
    assert set(Counter(request.contact_id for request in world.telephone.requests).values()) == {1}


async def test_contacts_who_share_a_number_are_called_one_after_the_other(world: World) -> None:
    batch_id = await world.a_batch(3, concurrency_limit=3)
    first, *others = world.contacts(batch_id)
    for each in others:
        shared = replace(each, phone_number=first.phone_number)
        world.tables.contacts[each.contact_id] = shared
    world.telephone.script = lambda _request, _call: (CallStatus.RINGING,)
    batch = await world.start(batch_id)

    for dialled in (1, 2, 3):
        await until(partial(has_dialled, world, dialled))
        await world.env.sleep(timedelta(seconds=20))
        assert len(world.telephone.requests) == dialled
        ringing = world.telephone.requests[-1].execution_id
        now = await world.env.get_current_time()
        await world.hear(ringing, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))
        if dialled < 3:
            await world.env.sleep(timedelta(seconds=15))
    await batch.result()

    assert statuses(world, batch_id) == [ContactStatus.COMPLETED] * 3


async def test_redial_of_a_number_that_is_busy_elsewhere_waits_without_a_slot(world: World) -> None:
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(1, concurrency_limit=1, rules=QUICK)
    batch = await world.start(batch_id)
    await until(lambda: statuses(world, batch_id) == [ContactStatus.RETRYING])
    a_call_elsewhere(world, batch_id)

    await world.env.sleep(timedelta(minutes=5))
    assert len(world.telephone.requests) == 1

    hang_up(world)
    await batch.result()
    assert statuses(world, batch_id) == [ContactStatus.COMPLETED]
    assert world.contacts(batch_id)[0].retry_count == 1


async def test_long_outage_fills_no_history_and_keeps_the_slot(forgetful_world: World) -> None:
    world = forgetful_world
    world.telephone.script = lambda _, call: ANSWERED if call == 6 else SILENCE
    world.telephone.dial_results = [Throttled(timedelta(milliseconds=10))] * 5
    batch_id = await world.a_batch(2, concurrency_limit=1)
    batch = await world.start(batch_id)
    [first, second] = world.contacts(batch_id)
    await until(lambda: len(world.telephone.requests) >= 4)
    assert await batch.query(names.IN_FLIGHT) == {first.contact_id: 1}

    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.COMPLETED)
    described = await world.contact_story(first).describe()
    history = await world.contact_story(first).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.first_execution_run_id != described.run_id
    assert described.history_length < 40
    assert len({each.execution_id for each in world.telephone.requests[:6]}) == 1
    assert {each.contact_id for each in world.telephone.requests[:6]} == {first.contact_id}
    assert second.status is ContactStatus.PENDING


async def test_number_that_is_busy_for_long_fills_no_history_and_takes_no_slot(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(rules=QUICK)
    batch = await world.start(batch_id)
    await until(lambda: statuses(world, batch_id) == [ContactStatus.RETRYING])
    a_call_elsewhere(world, batch_id)
    [contact] = world.contacts(batch_id)
    await asyncio.sleep(8)  # the cooldown is over, and the contact overdue

    story = await world.contact_story(contact).describe()
    assert story.history_length < 40  # its first call, its sleep, and one request for a slot
    assert (statuses(world, batch_id), world.tables.slots_of(batch_id)) == ([ContactStatus.RETRYING], [])
    assert len(world.telephone.requests) == 1

    hang_up(world)
    async with asyncio.timeout(10):  # one look in five seconds
        await batch.result()
    assert (await world.contact_story(contact).describe()).status is WorkflowExecutionStatus.COMPLETED
    assert statuses(world, batch_id) == [ContactStatus.COMPLETED]
    assert world.tables.batches[batch_id].status is BatchStatus.COMPLETED
    assert len(world.telephone.requests) == 2
