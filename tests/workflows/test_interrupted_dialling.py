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
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, Stage, a_real_server, a_stage, until
from workflows import names

pytestmark = pytest.mark.server
ELSEWHERE = ExecutionId("exec_elsewhere")
DOWN = Unavailable("provider not reached")


@pytest.fixture
async def forgetful_stage() -> AsyncIterator[Stage]:
    """A real server that finds histories of 25 events too long."""
    async with a_stage(await a_real_server(longest_history=25)) as opened:
        yield opened


def a_call_elsewhere(stage: Stage, batch_id: BatchId, position: int = 1) -> CallRecord:
    """Another batch talks to the number of one of the contacts."""
    talking = a_call_record(
        execution_id=ELSEWHERE,
        batch_id=BatchId("btc_elsewhere"),
        contact_id=ContactId("con_elsewhere"),
        dial_state=DialState.ACCEPTED,
        call_status=CallStatus.IN_PROGRESS,
        to_number=stage.contacts(batch_id)[position - 1].phone_number,
    )
    stage.tables.calls[ELSEWHERE] = talking
    return talking


def hang_up(stage: Stage) -> None:
    """End the call of the other batch."""
    call = stage.tables.calls[ELSEWHERE]
    stage.tables.calls[ELSEWHERE] = replace(call, call_status=CallStatus.COMPLETED)


def has_dialled(stage: Stage, count: int) -> bool:
    return len(stage.telephone.requests) == count


def statuses(stage: Stage, batch_id: BatchId) -> list[ContactStatus]:
    return [contact.status for contact in stage.contacts(batch_id)]


async def test_outage_costs_nobody_an_attempt_and_all_are_called_once_it_is_over(stage: Stage) -> None:
    stage.telephone.is_down = True
    stage.telephone.dial_results = [Misconfigured("provider answered 401")]
    stage.telephone.script = lambda request, call: SILENCE if len(stage.telephone.requests) == 0 else ANSWERED
    batch_id = await stage.a_batch(8, concurrency_limit=4)
    batch = await stage.start(batch_id)
    await until(lambda: stage.telephone.probed >= 1)
    await stage.env.sleep(timedelta(minutes=20))
    assert len(stage.telephone.requests) == 1
    assert 18 <= stage.telephone.probed <= 28  # 5 + 10 + 20 + 40 seconds, then once a minute

    stage.telephone.is_down = False
    await batch.result()

    assert statuses(stage, batch_id) == [ContactStatus.COMPLETED] * 8
    assert {contact.retry_count for contact in stage.contacts(batch_id)} == {0}
    assert [call.attempt for call in stage.calls(batch_id)] == [1] * 8


async def test_cancel_ends_a_wait_for_the_provider_at_once(stage: Stage) -> None:
    stage.telephone.script = lambda _request, _call: SILENCE
    stage.telephone.dial_results = [Throttled(timedelta(days=1))]
    batch_id = await stage.a_batch()
    batch = await stage.start(batch_id)
    await until(lambda: len(stage.telephone.requests) == 1)
    await stage.listening(stage.contacts(batch_id)[0])

    await batch.signal(names.CANCEL)

    assert await batch.result() == "cancelled"
    assert await stage.length(batch_id) < timedelta(minutes=5)
    assert statuses(stage, batch_id) == [ContactStatus.SKIPPED]
    assert len(stage.telephone.requests) == 1


async def test_stop_by_hand_gives_the_slot_back_and_the_contact_is_called_later(live_stage: Stage) -> None:
    live_stage.telephone.script = lambda _, call: SILENCE if call == 1 else ANSWERED
    live_stage.telephone.dial_results = [Throttled(timedelta(days=1))]
    batch_id = await live_stage.a_batch()
    batch = await live_stage.start(batch_id)
    await until(lambda: len(live_stage.telephone.requests) == 1)
    [contact] = live_stage.contacts(batch_id)
    await live_stage.listening(contact)

    await live_stage.contact_story(contact).signal(names.STOP)
    await batch.result()

    assert statuses(live_stage, batch_id) == [ContactStatus.COMPLETED]
    assert len({request.execution_id for request in live_stage.telephone.requests}) == 1


async def test_contact_whose_number_is_busy_elsewhere_waits_as_a_row_and_is_called_when_it_is_free(
    stage: Stage,
) -> None:
    batch_id = await stage.a_batch(3, concurrency_limit=3)
    a_call_elsewhere(stage, batch_id)
    batch = await stage.start(batch_id)
    await until(lambda: len(stage.telephone.requests) == 2)
    await stage.env.sleep(timedelta(minutes=10))
    assert statuses(stage, batch_id)[0] is ContactStatus.PENDING
    waited = await batch.describe()
    assert waited.history_length < 10 * 12 * 20  # one look in five seconds, no hot loop

    hang_up(stage)
    await batch.result()

    assert statuses(stage, batch_id) == [ContactStatus.COMPLETED] * 3
    assert set(Counter(request.contact_id for request in stage.telephone.requests).values()) == {1}


async def test_contacts_who_share_a_number_are_called_one_after_the_other(stage: Stage) -> None:
    batch_id = await stage.a_batch(3, concurrency_limit=3)
    first, *others = stage.contacts(batch_id)
    for each in others:
        shared = replace(each, phone_number=first.phone_number)
        stage.tables.contacts[each.contact_id] = shared
    stage.telephone.script = lambda _request, _call: (CallStatus.RINGING,)
    batch = await stage.start(batch_id)

    for dialled in (1, 2, 3):
        await until(partial(has_dialled, stage, dialled))
        await stage.env.sleep(timedelta(seconds=20))
        assert len(stage.telephone.requests) == dialled
        ringing = stage.telephone.requests[-1].execution_id
        now = await stage.env.get_current_time()
        await stage.hear(ringing, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))
        if dialled < 3:
            await stage.env.sleep(timedelta(seconds=15))
    await batch.result()

    assert statuses(stage, batch_id) == [ContactStatus.COMPLETED] * 3


async def test_redial_of_a_number_that_is_busy_elsewhere_waits_without_a_slot(stage: Stage) -> None:
    stage.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await stage.a_batch(1, concurrency_limit=1, rules=QUICK)
    batch = await stage.start(batch_id)
    await until(lambda: statuses(stage, batch_id) == [ContactStatus.RETRYING])
    a_call_elsewhere(stage, batch_id)

    await stage.env.sleep(timedelta(minutes=5))
    assert len(stage.telephone.requests) == 1

    hang_up(stage)
    await batch.result()
    assert statuses(stage, batch_id) == [ContactStatus.COMPLETED]
    assert stage.contacts(batch_id)[0].retry_count == 1


async def test_long_outage_fills_no_history_and_keeps_the_slot(forgetful_stage: Stage) -> None:
    stage = forgetful_stage
    stage.telephone.script = lambda _, call: ANSWERED if call == 6 else SILENCE
    stage.telephone.dial_results = [Throttled(timedelta(milliseconds=10))] * 5
    batch_id = await stage.a_batch(2, concurrency_limit=1)
    batch = await stage.start(batch_id)
    [first, second] = stage.contacts(batch_id)
    await until(lambda: len(stage.telephone.requests) >= 4)
    assert await batch.query(names.IN_FLIGHT) == {first.contact_id: 1}

    await until(lambda: stage.contacts(batch_id)[0].status is ContactStatus.COMPLETED)
    described = await stage.contact_story(first).describe()
    history = await stage.contact_story(first).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.first_execution_run_id != described.run_id
    assert described.history_length < 40
    assert len({each.execution_id for each in stage.telephone.requests[:6]}) == 1
    assert {each.contact_id for each in stage.telephone.requests[:6]} == {first.contact_id}
    assert second.status is ContactStatus.PENDING


async def test_number_that_is_busy_for_long_fills_no_history_and_takes_no_slot(live_stage: Stage) -> None:
    stage = live_stage
    stage.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await stage.a_batch(rules=QUICK)
    batch = await stage.start(batch_id)
    await until(lambda: statuses(stage, batch_id) == [ContactStatus.RETRYING])
    a_call_elsewhere(stage, batch_id)
    [contact] = stage.contacts(batch_id)
    await asyncio.sleep(8)  # the cooldown is over, and the contact overdue

    story = await stage.contact_story(contact).describe()
    assert story.history_length < 40  # its first call, its sleep, and one request for a slot
    assert (statuses(stage, batch_id), stage.tables.slots_of(batch_id)) == ([ContactStatus.RETRYING], [])
    assert len(stage.telephone.requests) == 1

    hang_up(stage)
    async with asyncio.timeout(10):  # one look in five seconds
        await batch.result()
    assert (await stage.contact_story(contact).describe()).status is WorkflowExecutionStatus.COMPLETED
    assert statuses(stage, batch_id) == [ContactStatus.COMPLETED]
    assert stage.tables.batches[batch_id].status is BatchStatus.COMPLETED
    assert len(stage.telephone.requests) == 2
