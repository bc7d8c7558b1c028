"""Rules that change under a running batch: whoever waits is timed by them, signalled or not."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from domain.batch import BatchOverrides, BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignRules
from domain.contact import ContactStatus
from domain.identity import BatchId
from domain.redial import RedialPolicy
from tests.builders import ORGANIZATION
from tests.fakes import FakeBatchStore, FakeCampaignStore
from tests.workflows.world import ANSWERED, BUSY, SILENCE, World, until
from workflows import names
from workflows.batch import limits
from workflows.batch.workflow import BatchWorkflow

pytestmark = pytest.mark.server
Batch = WorkflowHandle[BatchWorkflow, str]
AN_HOUR = timedelta(hours=1)
SOON = timedelta(seconds=10)


async def asleep(world: World, people: int = 1) -> tuple[BatchId, Batch]:
    """Return a batch whose contacts were busy and sleep for an hour; they answer the next call."""
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(people, rules={"retry_policy": RedialPolicy(cooldown=AN_HOUR)})
    batch = await world.start(batch_id)
    await until(lambda: {each.status for each in world.contacts(batch_id)} == {ContactStatus.RETRYING})
    for contact in world.contacts(batch_id):
        await world.listening(contact)
    return batch_id, batch


async def change(world: World, batch_id: BatchId, *, signalled: bool = True, **rules: Any) -> datetime:
    """Change the batch's campaign as the API does; returns when."""

    def amend(before: CampaignRules) -> CampaignRules:
        return replace(before, **rules)

    now = await world.env.get_current_time()
    campaign_id = world.tables.batches[batch_id].campaign_id
    await FakeCampaignStore(world.tables).change(ORGANIZATION, campaign_id, amend, now)
    if signalled:
        handle = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
        await handle.signal(names.POLICY_CHANGED)
    return now


@pytest.mark.parametrize(
    ("cooldown", "comes_after"),
    [
        pytest.param(timedelta(seconds=1), timedelta(), id="due already"),
        pytest.param(timedelta(minutes=10), timedelta(minutes=10), id="earlier"),
        pytest.param(timedelta(hours=3), timedelta(hours=3), id="later"),
    ],
)
async def test_contact_that_waits_is_called_by_the_changed_rules(
    world: World, cooldown: timedelta, comes_after: timedelta
) -> None:
    batch_id, batch = await asleep(world)

    await change(world, batch_id, retry_policy=RedialPolicy(cooldown=cooldown))

    assert await batch.result() == BatchStatus.COMPLETED
    first, second = world.calls(batch_id)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert comes_after <= second.started_at - first.ended_at <= comes_after + SOON


@pytest.mark.parametrize("signalled", [True, False], ids=["signalled", "signal lost"])
async def test_contact_that_waits_is_called_by_its_changed_batch(world: World, signalled: bool) -> None:
    batch_id, batch = await asleep(world)
    overrides = BatchOverrides(retry_policy=RedialPolicy(cooldown=timedelta(minutes=10)))

    await FakeBatchStore(world.tables).change(
        ORGANIZATION,
        batch_id,
        lambda before, _: replace(before, overrides=overrides),
        await world.env.get_current_time(),
        bears_on_calls=True,
    )
    if signalled:
        await batch.signal(names.POLICY_CHANGED)

    assert await batch.result() == BatchStatus.COMPLETED
    first, second = world.calls(batch_id)
    assert first.ended_at is not None
    assert second.started_at is not None
    waited = second.started_at - first.ended_at
    assert timedelta(minutes=10) <= waited <= (timedelta(minutes=10) + SOON if signalled else AN_HOUR / 2)


async def test_contact_that_may_not_be_called_again_ends_and_so_does_its_workflow(world: World) -> None:
    batch_id, batch = await asleep(world)
    [contact] = world.contacts(batch_id)

    changed_at = await change(world, batch_id, retry_policy=RedialPolicy(max_retries=0))

    assert await batch.result() == BatchStatus.COMPLETED
    assert world.contacts(batch_id)[0].status is ContactStatus.BUSY
    await world.contact_story(contact).result()
    closed_at = (await world.contact_story(contact).describe()).close_time
    assert closed_at is not None
    assert closed_at - changed_at < SOON
    assert len(world.telephone.requests) == 1


async def test_change_whose_signal_was_lost_is_followed_at_the_next_look_at_the_rows(world: World) -> None:
    batch_id, batch = await asleep(world)

    await change(world, batch_id, signalled=False, retry_policy=RedialPolicy(cooldown=timedelta(minutes=1)))

    assert await batch.result() == BatchStatus.COMPLETED
    first, second = world.calls(batch_id)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert second.started_at - first.ended_at < limits.LOOK_IDLE_EVERY


async def test_many_contacts_are_timed_page_by_page_between_two_looks(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TIMED_AT_ONCE", 2)
    batch_id, batch = await asleep(live_world, 5)

    await change(live_world, batch_id, retry_policy=RedialPolicy(cooldown=timedelta(seconds=1)))

    assert await batch.result() == BatchStatus.COMPLETED
    assert len(live_world.telephone.requests) == 10


async def test_contact_settled_by_the_old_rules_meanwhile_is_timed_a_while_later(world: World) -> None:
    batch_id, batch = await asleep(world, 2)
    late, _ = world.contacts(batch_id)
    await change(world, batch_id, retry_policy=RedialPolicy(cooldown=timedelta(minutes=20)))
    await until(lambda: world.contacts(batch_id)[0].next_retry_at != late.next_retry_at)
    moved = world.tables.contacts[late.contact_id]
    world.tables.contacts[late.contact_id] = replace(moved, next_retry_at=late.next_retry_at)

    assert await batch.result() == BatchStatus.COMPLETED
    assert late.next_retry_at is not None
    for call in world.calls(batch_id):
        if call.attempt == 2:
            assert call.started_at is not None
            assert call.started_at < late.next_retry_at - timedelta(minutes=30)


async def test_change_while_a_change_is_followed_is_followed_after_it(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TIMED_AT_ONCE", 1)
    batch_id, batch = await asleep(live_world, 4)

    await change(live_world, batch_id, retry_policy=RedialPolicy(cooldown=timedelta(hours=2)))
    await change(live_world, batch_id, retry_policy=RedialPolicy(cooldown=timedelta(hours=3)))
    await change(live_world, batch_id, retry_policy=RedialPolicy(cooldown=timedelta(seconds=1)))

    assert await batch.result() == BatchStatus.COMPLETED
    assert len(live_world.telephone.requests) == 8


async def test_batch_that_is_started_again_finds_what_changed_meanwhile(live_world: World) -> None:
    world = live_world
    batch_id, batch = await asleep(world)
    await batch.terminate("by hand")
    await change(world, batch_id, signalled=False, retry_policy=RedialPolicy(cooldown=timedelta(seconds=1)))

    again = await world.start(batch_id)

    assert await again.result() == BatchStatus.COMPLETED
    assert [each.call_status for each in world.calls(batch_id)] == [CallStatus.BUSY, CallStatus.COMPLETED]


async def test_batch_whose_rules_stay_times_nobody(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(2, concurrency_limit=1)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await change(world, batch_id, signalled=False)
    world.tables.policy_versions.clear()
    await batch.signal(names.POLICY_CHANGED)
    await batch.signal(names.CANCEL)
    history = await batch.fetch_history()

    asked = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert "reschedule_contacts" not in asked
