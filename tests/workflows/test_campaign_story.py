"""Batches that share a campaign's slots: together they never pass its limit, whatever ends or restarts."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.call import CallStatus, StatusEvent
from domain.campaign import CONCURRENCY_KEY
from domain.contact import ContactStatus
from domain.identity import BatchId, CampaignId
from tests.workflows.world import ANSWERED, SILENCE, World, a_real_server, a_world, until
from workflows import names

pytestmark = pytest.mark.server


@pytest.fixture
async def forgetful_world() -> AsyncIterator[World]:
    """A real server that suggests to continue as new after few events."""
    async with a_world(await a_real_server(longest_history=25)) as opened:
        yield opened


async def a_campaign_of(world: World, limit: int | None) -> CampaignId:
    """Store a campaign whose batches share so many slots."""
    return await world.a_campaign(metadata={CONCURRENCY_KEY: limit} if limit else {})


def set_limit(world: World, campaign_id: CampaignId, limit: int | None) -> None:
    """Change the campaign's limit in the database."""
    campaign = world.tables.campaigns[campaign_id]
    metadata = {CONCURRENCY_KEY: limit} if limit else {}
    world.tables.campaigns[campaign_id] = replace(campaign, rules=replace(campaign.rules, metadata=metadata))


async def end_calls(world: World, batch_id: BatchId, count: int = 100) -> None:
    """Let so many live calls of a batch come to their end."""
    live = [each for each in world.calls(batch_id) if each.call_status is CallStatus.QUEUED]
    for record in live[:count]:
        happened_at = await world.env.get_current_time()
        ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=happened_at)
        await world.hear(record.execution_id, ended)


def dialled(world: World, batch_id: BatchId) -> int:
    """Return how many calls of a batch were placed."""
    return len(world.calls(batch_id))


def slots_of(world: World, *batches: BatchId) -> list[int]:
    """Return how many slots each batch holds."""
    return [len(world.tables.slots_of(each)) for each in batches]


async def test_batches_under_one_limit_call_everybody_and_never_pass_it(world: World) -> None:
    campaign_id = await a_campaign_of(world, 3)
    batches = [
        await world.another_batch(campaign_id, 6, first=first, concurrency_limit=2) for first in (1, 11, 21)
    ]

    stories = [await world.start(each) for each in batches]

    assert [await each.result() for each in stories] == ["completed"] * 3
    assert world.telephone.peak_live <= 3
    assert all(contact.status is ContactStatus.COMPLETED for contact in world.tables.contacts.values())


async def test_of_two_batches_under_a_cap_of_ten_never_more_than_ten_are_live(live_world: World) -> None:
    world = live_world
    campaign_id = await a_campaign_of(world, 10)
    batches = [
        await world.another_batch(campaign_id, 20, first=first, concurrency_limit=10) for first in (1, 101)
    ]

    stories = [await world.start(each) for each in batches]

    assert [await each.result() for each in stories] == ["completed"] * 2
    assert world.telephone.peak_live <= 10
    assert {len(world.calls(each)) for each in batches} == {20}


async def test_newcomer_gets_its_share_as_calls_of_the_first_batch_end(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    campaign_id = await a_campaign_of(world, 4)
    large = await world.another_batch(campaign_id, 20, concurrency_limit=4)
    await world.start(large)
    await until(lambda: dialled(world, large) == 4)
    small = await world.another_batch(campaign_id, 5, first=101, concurrency_limit=4)
    await world.start(small)
    await until(lambda: small in world.tables.slot_demands)
    assert slots_of(world, large, small) == [4, 0]

    await end_calls(world, large, 3)

    await until(lambda: dialled(world, small) == 2)
    await until(lambda: dialled(world, large) == 5)
    assert slots_of(world, large, small) == [2, 2]


async def test_batch_that_leaves_slots_wakes_the_one_that_waits(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    campaign_id = await a_campaign_of(world, 2)
    first = await world.another_batch(campaign_id, 2, concurrency_limit=2)
    await world.start(first)
    await until(lambda: dialled(world, first) == 2)
    second = await world.another_batch(campaign_id, 2, first=101, concurrency_limit=2)
    waiting = await world.start(second)
    await until(lambda: second in world.tables.slot_demands)

    await end_calls(world, first)

    await until(lambda: dialled(world, second) == 2)
    assert await world.has_heard(waiting, names.SLOTS_FREED) >= 1


async def test_limit_holds_over_many_runs_of_its_batches(forgetful_world: World) -> None:
    world = forgetful_world
    campaign_id = await a_campaign_of(world, 3)
    batches = [
        await world.another_batch(campaign_id, 15, first=first, concurrency_limit=2) for first in (1, 101)
    ]
    stories = [await world.start(each) for each in batches]
    assert [await each.result() for each in stories] == ["completed"] * 2
    assert world.telephone.peak_live <= 3
    described = await world.client.get_workflow_handle(stories[0].id).describe()
    first = await world.client.get_workflow_handle(
        described.id, run_id=described.raw_description.workflow_execution_info.first_run_id
    ).describe()
    assert first.status is WorkflowExecutionStatus.CONTINUED_AS_NEW


async def test_limit_that_changes_while_batches_run_holds_from_then_on(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    campaign_id = await a_campaign_of(world, None)
    batch_id = await world.another_batch(campaign_id, 20, concurrency_limit=4)
    batch = await world.start(batch_id)
    await until(lambda: dialled(world, batch_id) == 4)

    set_limit(world, campaign_id, 2)
    await batch.signal(names.POLICY_CHANGED)
    await end_calls(world, batch_id, 3)  # as long as more are live than may be, nobody is called
    await until(lambda: dialled(world, batch_id) == 5)
    assert slots_of(world, batch_id) == [2]

    set_limit(world, campaign_id, 3)
    await batch.signal(names.POLICY_CHANGED)
    await until(lambda: dialled(world, batch_id) == 6)

    set_limit(world, campaign_id, None)
    await batch.signal(names.POLICY_CHANGED)
    await until(lambda: dialled(world, batch_id) == 7)
    assert slots_of(world, batch_id) == [4]


async def test_batch_started_anew_after_it_was_terminated_goes_on_within_the_limit(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    campaign_id = await a_campaign_of(world, 3)
    batch_id = await world.another_batch(campaign_id, 6, concurrency_limit=3)
    batch = await world.start(batch_id)
    await until(lambda: dialled(world, batch_id) == 3)
    for contact in world.contacts(batch_id)[:3]:
        await world.listening(contact)
    await batch.terminate("by hand")

    world.telephone.script = lambda _request, _call: ANSWERED
    again = await world.start(batch_id)
    await end_calls(world, batch_id)

    assert await again.result() == "completed"
    assert world.telephone.peak_live <= 3


@pytest.mark.parametrize("garbage", ["words", 7, [1], {"batch_id": 3}, {"serial": "x"}])
async def test_signal_that_cannot_be_read_changes_nothing(world: World, garbage: object) -> None:
    campaign_id = await a_campaign_of(world, 2)
    batch_id = await world.another_batch(campaign_id, 3, concurrency_limit=2)
    batch = await world.start(batch_id)
    await batch.signal(names.SLOTS_FREED, args=[garbage, "surplus"])
    await batch.signal(names.RECOUNT, garbage)
    assert await batch.result() == "completed"
    assert world.telephone.peak_live <= 2


async def test_paused_batch_leaves_its_slots_to_the_others(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    campaign_id = await a_campaign_of(world, 4)
    one = await world.another_batch(campaign_id, 10, concurrency_limit=4)
    other = await world.another_batch(campaign_id, 10, first=101, concurrency_limit=4)
    first = await world.start(one)
    await until(lambda: dialled(world, one) == 4)
    await first.signal(names.PAUSE)
    await world.start(other)
    await until(lambda: other in world.tables.slot_demands)
    assert slots_of(world, one, other) == [4, 0]

    await end_calls(world, one)

    await until(lambda: dialled(world, other) == 4)
    assert dialled(world, one) == 4
