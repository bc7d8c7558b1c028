"""A batch goes on in run after run: each is short, and ends in a moment when nothing else happens."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NoReturn

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory

from domain.contact import ContactStatus
from tests.workflows.world import World
from workflows import names
from workflows.batch import limits

pytestmark = pytest.mark.server


async def run_of(world: World, contacts: int) -> Sequence[WorkflowHistory]:
    """Call so many people and return the histories of the batch's runs."""
    batch_id = await world.a_batch(contacts, concurrency_limit=5)
    batch = await world.start(batch_id)
    await batch.result()
    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    assert set(Counter(each.contact_id for each in world.telephone.requests).values()) == {1}
    return await world.histories(batch)


def last_task_of(run: WorkflowHistory) -> tuple[Sequence[EventType.ValueType], Sequence[EventType.ValueType]]:
    """Return what happened since the task before it, and what it did."""
    kinds = [event.event_type for event in run.events]
    *_, before, last = (
        at for at, kind in enumerate(kinds) if kind == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    )
    return kinds[before + 1 : last], kinds[last + 1 :]


async def test_run_is_short_enough_to_replay_within_a_task(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENTS_PER_RUN", 60)

    runs = await run_of(live_world, 24)

    assert len(runs) > 1
    assert max(len(run.events) for run in runs) < 2 * 60 + 60


async def test_run_ends_with_a_short_task_that_follows_no_refused_one(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENTS_PER_RUN", 60)

    *ended, _ = await run_of(live_world, 24)

    assert ended
    for run in ended:
        happened, done = last_task_of(run)
        assert happened.count(EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED) == 1
        assert EventType.EVENT_TYPE_MARKER_RECORDED not in done  # it did not look at the rows


async def test_refused_step_to_the_next_run_is_made_with_a_later_task(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the very moment something happens: the server refuses, and the run is replayed with a long task."""
    live_world.contacts_per_run = 1
    batch_id = await live_world.a_batch(2, concurrency_limit=2)
    loop = asyncio.get_running_loop()
    is_disturbed = False

    def meanwhile(goes_on: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
        def disturbed(*args: object, **options: object) -> NoReturn:
            nonlocal is_disturbed
            if not is_disturbed:
                batch = live_world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
                asyncio.run_coroutine_threadsafe(batch.signal(names.RECOUNT), loop).result(1)
                is_disturbed = True
            goes_on(*args, **options)

        return disturbed

    monkeypatch.setattr(workflow, "continue_as_new", meanwhile(workflow.continue_as_new))
    batch = await live_world.start(batch_id)
    await batch.result()
    first, *_ = await live_world.histories(batch)

    refused, *_ = [event for event in first.events if event.HasField("workflow_task_failed_event_attributes")]
    cause = refused.workflow_task_failed_event_attributes.cause
    assert cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    after = [event.event_type for event in first.events if event.event_id > refused.event_id]
    assert after.count(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED) > 1


async def test_batch_that_is_never_quiet_goes_on_in_a_new_run_all_the_same(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TASKS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(limits, "EVENTS_PER_RUN", 40)
    monkeypatch.setattr(limits, "EVENTS_WITHOUT_LULL", 80)

    runs = await run_of(live_world, 24)

    assert len(runs) > 1
    assert all(80 <= len(run.events) < 80 + 100 for run in runs[:-1])
