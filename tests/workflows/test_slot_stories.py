"""Slots when things happen at the same moment: skips, kills, restarts, news during a look, long waits."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from temporalio.client import WorkflowHandle

from domain.batch import Batch, BatchStatus
from domain.call import CallStatus, StatusEvent
from domain.contact import Contact, ContactStatus
from domain.counters import BatchTally
from domain.errors import StoreUnavailable
from domain.identity import BatchId
from domain.slots import GrantedSlots
from domain.telephony import Throttled
from tests.fakes import FakeBatchStore, FakeCallStore, FakeContactStore
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, until
from workflows import names
from workflows.batch import limits
from workflows.batch.workflow import BatchWorkflow

pytestmark = pytest.mark.server

Story = WorkflowHandle[BatchWorkflow, str]
SOON = timedelta(seconds=1)


@pytest.fixture
def quick_checks(live_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The real server, where lost slots are looked for every second."""
    monkeypatch.setattr(limits, "CHECK_EVERY", SOON)
    monkeypatch.setattr(limits, "LOOK_EVERY", SOON)
    live_world.tables.unattended_after = SOON
    return live_world


def statuses(world: World, batch_id: BatchId) -> list[ContactStatus]:
    return [contact.status for contact in world.contacts(batch_id)]


def calls_per_contact(world: World) -> set[int]:
    return set(Counter(request.contact_id for request in world.telephone.requests).values())


def held(world: World, batch_id: BatchId) -> int:
    return len(world.tables.slots_of(batch_id))


async def skip(world: World, batch: Story, contact: Contact, *, times: int = 1) -> None:
    """Skip a waiting contact as the API does; its signal may come more than once."""
    now = await world.env.get_current_time()
    await FakeContactStore(world.tables).skip_by_hand(contact.batch_id, contact.contact_id, now)
    for _ in range(times):
        await batch.signal(names.CONTACT_SKIPPED, {"contact_id": contact.contact_id, "was": contact.status})


async def end_calls(world: World, batch_id: BatchId) -> None:
    """Let the open calls of a batch end, told to whoever listens."""
    for record in world.calls(batch_id):
        if record.call_status in (CallStatus.QUEUED, CallStatus.RINGING):
            now = await world.env.get_current_time()
            await world.hear(record.execution_id, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))


async def runs_of(world: World, batch: Story) -> Sequence[int]:
    """How many workflows each run of a batch started, first run first."""
    return [
        sum(each.HasField("child_workflow_execution_started_event_attributes") for each in history.events)
        for history in await world.histories(batch)
    ]


@pytest.mark.parametrize("times", [1, 2], ids=["told once", "told twice"])
async def test_skip_of_a_contact_that_holds_a_slot_and_waits_for_its_turn_counts_once(
    live_world: World, times: int
) -> None:
    world = live_world
    batch_id = await world.a_batch(3, rules={"calls_per_second": 0.2})
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await until(lambda: held(world, batch_id) == 2)
    waiting = [each for each in world.contacts(batch_id) if each.status is ContactStatus.PENDING]

    for contact in waiting:
        await skip(world, batch, contact, times=times)

    async with asyncio.timeout(10):
        assert await batch.result() == "completed"
    assert Counter(statuses(world, batch_id)) == {ContactStatus.COMPLETED: 1, ContactStatus.SKIPPED: 2}
    told = await batch.query(names.COUNTERS, result_type=BatchTally)
    assert told == BatchTally(completed=1, skipped=2)


async def test_skip_just_before_the_start_loses_nobody(live_world: World) -> None:
    world = live_world
    start_at = await world.env.get_current_time() + timedelta(seconds=2)
    batch_id = await world.a_batch(2, scheduled_start=start_at)
    batch = await world.start(batch_id)
    await until(lambda: len(world.slots.asked) > 0)

    await skip(world, batch, world.contacts(batch_id)[0])

    async with asyncio.timeout(15):
        assert await batch.result() == "completed"
    assert statuses(world, batch_id) == [ContactStatus.SKIPPED, ContactStatus.COMPLETED]


async def test_contact_terminated_while_its_phone_rings_gives_its_slot_back_when_the_call_ends(
    quick_checks: World,
) -> None:
    world = quick_checks
    world.telephone.script = lambda request, _: SILENCE if request.to_number.endswith("1") else ANSWERED
    batch_id = await world.a_batch(2, concurrency_limit=1)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [record] = world.calls(batch_id)
    await world.listening(world.contacts(batch_id)[0])
    now = await world.env.get_current_time()
    ringing = StatusEvent(status=CallStatus.RINGING, happened_at=now)
    world.telephone.standing["call-1"] = ringing
    await world.hear(record.execution_id, ringing)
    await world.contact_story(world.contacts(batch_id)[0]).terminate("by hand")
    await asyncio.sleep(1.5)
    assert len(world.telephone.requests) == 1  # its phone still rings

    # As the webhook endpoint does when nobody listens any more.
    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=now)
    await FakeCallStore(world.tables).record_event(record.execution_id, ended, event_key="e", body=None)
    await batch.signal(names.RECOUNT)

    async with asyncio.timeout(10):
        assert await batch.result() == "completed"
    assert statuses(world, batch_id) == [ContactStatus.COMPLETED] * 2
    assert calls_per_contact(world) == {1}


async def test_batch_terminated_in_a_burst_and_started_anew_never_passes_its_limit(
    quick_checks: World,
) -> None:
    world = quick_checks
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(30, concurrency_limit=10)
    batch = await world.start(batch_id)
    await until(lambda: held(world, batch_id) == 10)
    await batch.terminate("by hand")

    again = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 10, seconds=20)
    await asyncio.sleep(1)
    assert (held(world, batch_id), len(world.telephone.requests)) == (10, 10)

    world.telephone.script = lambda _request, _call: ANSWERED
    for contact in world.contacts(batch_id)[:10]:
        await world.listening(contact)
    await end_calls(world, batch_id)
    async with asyncio.timeout(30):
        assert await again.result() == "completed"
    assert world.telephone.peak_live <= 10
    assert calls_per_contact(world) == {1}


async def test_grant_whose_worker_died_before_a_child_was_started_is_taken_up_by_the_next_run(
    quick_checks: World,
) -> None:
    world = quick_checks
    batch_id = await world.a_batch(3, concurrency_limit=2)

    async def die(_granted: GrantedSlots) -> GrantedSlots:
        raise StoreUnavailable

    world.slots.once_granted = die
    batch = await world.start(batch_id)
    await until(lambda: held(world, batch_id) == 2)
    await batch.terminate("by hand")
    world.slots.once_granted = None
    assert world.telephone.requests == []

    again = await world.start(batch_id)

    async with asyncio.timeout(20):
        assert await again.result() == "completed"
    assert statuses(world, batch_id) == [ContactStatus.COMPLETED] * 3
    assert world.telephone.peak_live <= 2
    assert calls_per_contact(world) == {1}


async def test_grant_whose_answer_was_lost_is_repeated_under_its_key_and_gives_the_same_slots(
    live_world: World,
) -> None:
    world = live_world
    answers: list[GrantedSlots] = []

    async def lose_the_first(granted: GrantedSlots) -> GrantedSlots:
        answers.append(granted)
        if len(answers) == 1:
            raise StoreUnavailable
        return granted

    world.slots.once_granted = lose_the_first
    batch_id = await world.a_batch(5, concurrency_limit=2)

    await (await world.start(batch_id)).result()

    lost, repeated = world.slots.asked[:2]
    assert lost.key == repeated.key
    assert answers[0].granted == answers[1].granted
    assert len(answers[0].granted) == 2
    assert world.telephone.peak_live <= 2
    assert calls_per_contact(world) == {1}


async def test_run_starts_no_more_workflows_than_it_may_have_open(live_world: World) -> None:
    world = live_world
    world.contacts_per_run = 5
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(17, concurrency_limit=20)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 17, seconds=20)
    for contact in world.contacts(batch_id):
        await world.listening(contact)

    await end_calls(world, batch_id)
    await world.client.get_workflow_handle(batch.id).result()

    started = await runs_of(world, batch)
    assert (max(started), sum(started)) == (5, 17)
    assert calls_per_contact(world) == {1}


async def test_look_that_is_older_than_the_news_is_dropped(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(1)
    batch: Story

    async def be_overtaken(granted: GrantedSlots) -> GrantedSlots:
        """Rules change while the look is under way, longer than a workflow task may take."""
        world.slots.once_granted = None
        await batch.signal(names.POLICY_CHANGED)
        await asyncio.sleep(2.5)
        return replace(granted, cursor=7, zones=("Asia/Tokyo",))

    world.slots.once_granted = None
    batch = await world.start(batch_id, task_timeout=SOON)
    await until(lambda: len(world.telephone.requests) == 1)
    world.slots.once_granted = be_overtaken
    before = len(world.slots.asked)
    await batch.signal(names.SLOTS_FREED)
    await until(lambda: len(world.slots.asked) >= before + 2)

    after = world.slots.asked[before + 1]
    assert (after.cursor, after.zones) == (0, None)


async def test_contact_that_waits_for_a_slot_in_a_pause_asks_with_growing_patience(world: World) -> None:
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: statuses(world, batch_id) == [ContactStatus.RETRYING])
    await batch.signal(names.PAUSE)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)

    await world.env.sleep(timedelta(days=3))

    # After 15 minutes, 30, an hour … a day; once a quarter of an hour it would be 288 times.
    assert 5 <= await world.has_heard(batch, names.SLOT_REQUESTED) <= 10
    assert len(world.telephone.requests) == 1
    await batch.signal(names.RESUME)
    await batch.result()
    assert statuses(world, batch_id) == [ContactStatus.COMPLETED]


async def test_contact_of_a_paused_batch_whose_provider_wants_patience_waits_again_soon(
    world: World,
) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    world.telephone.dial_results = [Throttled(timedelta(seconds=600))] * 5
    batch_id = await world.a_batch(5)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 5)
    for contact in world.contacts(batch_id):
        await world.listening(contact)
    await batch.signal(names.PAUSE)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)

    await world.env.sleep(timedelta(seconds=45))

    assert statuses(world, batch_id) == [ContactStatus.PENDING] * 5
    assert held(world, batch_id) == 0
    world.telephone.script = lambda _request, _call: ANSWERED
    await batch.signal(names.RESUME)
    assert await batch.result() == "completed"


async def test_end_that_has_not_come_by_another_workers_clock_is_asked_for_again_at_a_calm_pace(
    live_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = live_world
    end_at = await world.env.get_current_time() + SOON
    asked, expire = [], FakeBatchStore.expire

    async def behind(store: FakeBatchStore, batch_id: BatchId, now: datetime) -> Batch:
        asked.append(now)
        return await expire(store, batch_id, now - timedelta(seconds=2))

    monkeypatch.setattr(FakeBatchStore, "expire", behind)
    world.telephone.is_down = True
    batch_id = await world.a_batch(1, scheduled_end=end_at, scheduled_start=end_at + SOON)

    assert await (await world.start(batch_id)).result() == "expired"

    assert 2 <= len(asked) <= 5


async def test_retry_skipped_with_its_slot_granted_ends_with_the_batch(live_world: World) -> None:
    world = live_world
    world.telephone.script = lambda _request, _call: BUSY
    batch_id = await world.a_batch(2, rules={**QUICK, "calls_per_second": 0.5})
    batch = await world.start(batch_id)
    await until(lambda: ContactStatus.RETRYING in statuses(world, batch_id))
    retrying = next(each for each in world.contacts(batch_id) if each.status is ContactStatus.RETRYING)
    await until(lambda: retrying.contact_id in {each.contact_id for each in world.tables.slots_of(batch_id)})

    await skip(world, batch, retrying)

    await until(lambda: retrying.contact_id not in world.tables.slots)
    await batch.signal(names.CANCEL)
    async with asyncio.timeout(10):
        assert await batch.result() == "cancelled"
    assert held(world, batch_id) == 0
