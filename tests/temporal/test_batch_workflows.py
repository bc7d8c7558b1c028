"""Workflows of batches as the API reaches them, with a server and without."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.call import CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.diagnosis.facts import QueueFacts, QueueRole
from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId, ContactId
from domain.lifecycle import Action
from domain.ports import EngineHealth, WorkflowDescription
from embedded.listening import free_ports
from temporal.batch_workflows import BatchWorkflows
from temporal.client import DATA_CONVERTER, data_converter
from temporal.contact_workflows import ContactWorkflows
from temporal.encryption import key_id
from tests.builders import a_batch, a_call_record
from tests.fakes import FakeBatchStore, FakeCallStore, FakeContactStore
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, a_real_server, a_world, until
from workflows import names
from workflows.messages import PolicyChanged

pytestmark = pytest.mark.server
BATCH = BatchId("btc_1")
CAMPAIGN = CampaignId("cmp_1")
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
T = TypeVar("T")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(await a_real_server()) as opened:
        yield opened


@pytest.fixture
async def nowhere() -> BatchWorkflows:
    [port] = free_ports(1)
    return BatchWorkflows(await Client.connect(f"127.0.0.1:{port}", lazy=True, data_converter=DATA_CONVERTER))


async def eventually(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """Ask until the answer is the awaited one."""
    for _ in range(100):
        if holds(answer := await ask()):
            return answer
        await asyncio.sleep(0.1)
    raise TimeoutError


async def test_batch_is_started_once_told_its_events_and_asked_for_its_numbers(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(2, concurrency_limit=1)

    await gateway.ping()
    await gateway.start_batch(world.tables.batches[batch_id])
    await gateway.start_batch(world.tables.batches[batch_id])
    await until(lambda: len(world.telephone.requests) == 1)
    assert await gateway.tally(batch_id) == BatchTally(pending=1, live=1)

    [record] = world.tables.calls.values()
    world.tables.calls[record.execution_id] = ended = a_call_record(
        **{**vars(record), "call_status": CallStatus.COMPLETED}
    )
    assert await ContactWorkflows(world.client).deliver(ended)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.COMPLETED)
    await until(lambda: len(world.telephone.requests) == 2)


async def test_workflows_can_be_found_by_batch_and_campaign(world: World) -> None:
    batch_id = await world.a_batch(2)
    campaign_id = world.tables.batches[batch_id].campaign_id
    await BatchWorkflows(world.client).start_batch(world.tables.batches[batch_id])
    await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).result()

    query = f"BatchId='{batch_id}' AND CampaignId='{campaign_id}'"
    found: set[str] = set()
    for _ in range(50):  # visibility follows a moment later
        found = {each.id async for each in world.client.list_workflows(query)}
        if len(found) == 3:
            break
        await world.env.sleep(0.1)

    contacts = {names.contact_workflow_id(batch_id, each.contact_id) for each in world.contacts(batch_id)}
    assert found == contacts | {names.batch_workflow_id(batch_id)}


async def test_event_for_a_contact_nobody_waits_for_counts_as_told(world: World) -> None:
    assert await ContactWorkflows(world.client).deliver(a_call_record())


async def test_new_worker_delivers_also_where_the_server_cannot_be_told_of_dead_ones(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [call] = world.calls(batch_id)
    ended = replace(call, call_status=CallStatus.COMPLETED)
    world.tables.calls[call.execution_id] = ended

    assert await ContactWorkflows(world.client, is_new_worker=True).deliver(ended)
    assert await batch.result() == "completed"


@pytest.mark.parametrize(
    "meanwhile", [pytest.param(BUSY, id="while nobody is called"), pytest.param(SILENCE, id="in a call")]
)
async def test_ending_that_comes_after_its_contact_was_settled_is_counted_by_the_batch_when_it_is_quiet(
    world: World, meanwhile: tuple[CallStatus, ...]
) -> None:
    gateway = BatchWorkflows(world.client)
    nobody_knows = (CallStatus.RINGING, CallStatus.UNKNOWN)
    world.telephone.script = lambda request, _: nobody_knows if request.to_number.endswith("1") else meanwhile
    batch_id = await world.a_batch(2)
    await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.FAILED)
    await until(lambda: len(world.telephone.requests) == 2)
    [settled, other] = world.calls(batch_id)
    await world.contact_story(world.contacts(batch_id)[0]).result()

    now = await world.env.get_current_time()
    late = StatusEvent(status=CallStatus.COMPLETED, happened_at=now)
    recorded = await FakeCallStore(world.tables).record_event(
        settled.execution_id, late, event_key="late", body=None
    )
    assert await ContactWorkflows(world.client).deliver(recorded.record)
    if meanwhile is SILENCE:
        await world.hear(other.execution_id, StatusEvent(status=CallStatus.BUSY, happened_at=now))

    agreed = BatchTally(retrying=1, completed=1)
    for _ in range(100):
        if await gateway.tally(batch_id) == agreed:
            break
        await world.env.sleep(0.05)
    assert await gateway.tally(batch_id) == agreed
    assert agreed.split(0) == world.tables.counters_of(batch_id)


async def test_tally_of_a_batch_without_a_workflow_is_unknown(world: World) -> None:
    assert await BatchWorkflows(world.client).tally(BATCH) is None


async def test_tally_of_a_terminated_workflow_is_not_believed(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await batch.terminate("by hand")

    assert await BatchWorkflows(world.client).tally(batch_id) is None


async def test_workflow_that_kept_its_slots_in_memory_is_replaced_once_with_nobody_called_twice(
    world: World,
) -> None:
    gateway = BatchWorkflows(world.client)
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(2, concurrency_limit=2)
    former = await world.start(batch_id)  # without the memo
    await until(lambda: len(world.telephone.requests) == 2)

    await gateway.start_batch(world.tables.batches[batch_id])
    replaced = await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).describe()
    await gateway.start_batch(world.tables.batches[batch_id])
    standing = await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).describe()
    for record in world.calls(batch_id):
        now = await world.env.get_current_time()
        await world.hear(record.execution_id, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))

    assert former.first_execution_run_id != replaced.run_id == standing.run_id
    assert await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).result() == "completed"
    assert len(world.telephone.requests) == 2


async def test_dispatch_starts_a_terminated_batch_anew_with_nobody_called_twice(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    world.telephone.script = lambda request, call: (
        SILENCE if request.to_number.endswith("1") else BUSY if call == 1 else ANSWERED
    )
    batch_id = await world.a_batch(3, concurrency_limit=2, rules=QUICK)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) >= 2)
    await batch.terminate("by hand")

    await gateway.dispatch(world.tables.batches[batch_id])
    ringing = next(each for each in world.calls(batch_id) if each.to_number.endswith("1"))
    now = await world.env.get_current_time()
    await world.hear(ringing.execution_id, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))

    await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).result()
    asked = [request.execution_id for request in world.telephone.requests]
    assert len(asked) == len(set(asked))
    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}


async def test_every_news_reaches_the_batch_and_none_is_missed_without_one(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    now = await world.env.get_current_time()
    await gateway.act(BATCH, Action.PAUSE)
    await gateway.policy_changed(BATCH)
    await gateway.contact_skipped(BATCH, ContactId("con_1"), ContactStatus.PENDING)
    await gateway.follow_up_scheduled(BATCH, ContactId("con_1"), 2, now)

    batch_id = await world.a_batch(2, scheduled_start=now + timedelta(hours=1))
    batch = await world.start(batch_id)
    [first, _] = world.contacts(batch_id)
    for _ in range(200):  # until the workflow has read the batch
        if await gateway.tally(batch_id) == BatchTally(pending=2):
            break
        await world.env.sleep(0.05)
    await FakeContactStore(world.tables).skip_by_hand(batch_id, first.contact_id, now)
    await gateway.contact_skipped(batch_id, first.contact_id, ContactStatus.PENDING)
    await FakeBatchStore(world.tables).act(batch_id, Action.CANCEL, now)
    await FakeBatchStore(world.tables).act(batch_id, Action.CANCEL, now)
    await gateway.act(batch_id, Action.CANCEL)

    assert await batch.result() == "cancelled"


async def test_changed_rules_are_obeyed_by_the_running_batch(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(3, concurrency_limit=None, rules={"metadata": {"concurrency_limit": 1}})
    await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)

    campaign_id = world.tables.batches[batch_id].campaign_id
    kept = world.tables.campaigns[campaign_id]
    wider = replace(kept.rules, metadata={"concurrency_limit": 3})
    world.tables.campaigns[campaign_id] = replace(kept, rules=wider)
    await gateway.policy_changed(batch_id)

    await until(lambda: len(world.telephone.requests) == 3)


async def test_sleepers_that_changed_rules_moved_are_told_through_their_batch(world: World) -> None:
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(2)
    await world.start(batch_id)
    await until(lambda: {each.status for each in world.contacts(batch_id)} == {ContactStatus.RETRYING})
    now = await world.env.get_current_time()
    for contact in world.contacts(batch_id):
        due = replace(contact, next_retry_at=now, updated_at=now)
        world.tables.contacts[contact.contact_id] = due

    batch = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    await batch.signal(names.POLICY_CHANGED, PolicyChanged(rescheduled_since=now))

    await until(lambda: len(world.telephone.requests) == 4)


async def test_health_counts_who_polls(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    health = await gateway.health()
    for _ in range(50):  # pollers are noticed with their first poll
        if health.workflow_pollers and health.dial_pollers:
            break
        await world.env.sleep(0.1)
        health = await gateway.health()

    assert health.ok
    assert health.workflow_pollers > 0
    assert health.dial_pollers > 0


async def test_description_follows_a_workflow_from_missing_to_terminated(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    workflow_id = names.batch_workflow_id(batch_id)

    missing = await gateway.describe_batch(batch_id)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    running = await gateway.describe_batch(batch_id)
    await batch.terminate("by hand")
    terminated = await gateway.describe_batch(batch_id)

    assert missing == WorkflowDescription(workflow_id=workflow_id, status="missing")
    assert (running.status, running.run_id) == ("running", batch.result_run_id)
    assert running.history_length is not None
    assert running.history_length > 3
    assert running.pending_failure is None
    assert (terminated.status, terminated.run_id) == ("terminated", batch.result_run_id)


@workflow.defn(name="BatchWorkflow", sandboxed=False)
class WedgedWorkflow:
    """Raises what no workflow should, about somebody."""

    @workflow.run
    async def run(self, _start: object) -> str:
        """Fail the task, again and again."""
        raise KeyError("no row for +1 (415) 555-0123\nand more of it")


@pytest.mark.parametrize(
    ("workers_keys", "gateways_keys", "told"),
    [
        pytest.param([], [], "KeyError: 'no row for …\\nand more of it'", id="plain"),
        pytest.param([KEY], [KEY], "KeyError: 'no row for …\\nand more of it'", id="encrypted"),
        pytest.param([KEY], [OTHER_KEY], f"No key {key_id(KEY)}", id="under a key we do not have"),
    ],
)
async def test_description_of_a_wedged_workflow_says_why_without_anybodys_number(
    workers_keys: list[bytes], gateways_keys: list[bytes], told: str
) -> None:
    async with await a_real_server() as env:
        gateway = BatchWorkflows(await a_client(env, gateways_keys))
        await BatchWorkflows(await a_client(env, workers_keys)).start_batch(a_batch(batch_id=BATCH))
        workers = await a_client(env, workers_keys)
        async with Worker(workers, task_queue=names.CONTROL_QUEUE, workflows=[WedgedWorkflow]):
            described = await eventually(
                lambda: gateway.describe_batch(BATCH), lambda told: told.pending_failure is not None
            )

    assert described.status == "running"
    assert described.pending_failure is not None
    assert described.pending_failure.startswith(told)


@workflow.defn(name="BatchWorkflow", sandboxed=False)
class TellingWorkflow:
    """Answers what a batch's workflow is asked."""

    @workflow.run
    async def run(self, _start: object) -> None:
        """Stay until the end of the world."""
        await workflow.wait_condition(lambda: False)

    @workflow.query(name=names.COUNTERS)
    def counters(self) -> BatchTally:
        """Tell numbers."""
        return BatchTally(pending=7)

    @workflow.query(name=names.DEBUG)
    def debug(self) -> dict[str, object]:
        """Tell a status."""
        return {"status": "in_progress"}


@pytest.mark.parametrize(
    ("gateways_keys", "told"),
    [
        pytest.param([KEY], (BatchTally(pending=7), {"status": "in_progress"}), id="the worker's key"),
        pytest.param([OTHER_KEY], (None, None), id="another key"),
        pytest.param([], (None, None), id="no key"),
    ],
)
async def test_answers_of_a_workflow_that_cannot_be_read_are_none(
    gateways_keys: list[bytes], told: tuple[BatchTally | None, dict[str, object] | None]
) -> None:
    async with await a_real_server() as env:
        workers, gateway = await a_client(env, [KEY]), BatchWorkflows(await a_client(env, gateways_keys))
        async with Worker(workers, task_queue=names.CONTROL_QUEUE, workflows=[TellingWorkflow]):
            await BatchWorkflows(workers).start_batch(a_batch(batch_id=BATCH))
            await eventually(lambda: BatchWorkflows(workers).tally(BATCH), lambda tally: tally is not None)

            assert (await gateway.tally(BATCH), await gateway.dispatcher(BATCH)) == told


async def a_client(env: WorkflowEnvironment, keys: list[bytes]) -> Client:
    address = env.client.service_client.config.target_host
    return await Client.connect(address, data_converter=data_converter(keys))


async def test_queue_tells_who_polls_it_and_a_queue_nobody_polls_tells_nothing() -> None:
    async with await a_real_server() as env:
        gateway = BatchWorkflows(env.client)
        unserved = await gateway.queues()
        async with Worker(env.client, task_queue=names.CONTROL_QUEUE, workflows=[WedgedWorkflow]):
            served = await eventually(gateway.queues, lambda told: told[0].last_seen is not None)

    roles = {
        names.CONTROL_QUEUE: QueueRole.WORKFLOW,
        names.CONTACT_QUEUE: QueueRole.WORKFLOW,
        names.STORE_QUEUE: QueueRole.WORKFLOW,
        names.DIAL_QUEUE: QueueRole.DIAL,
    }
    assert unserved == [
        QueueFacts(name=name, role=role, pollers=0, backlog=0, last_seen=None) for name, role in roles.items()
    ]
    assert served[0].pollers == 1
    assert served[0].last_seen is not None
    assert abs(datetime.now(UTC) - served[0].last_seen) < timedelta(seconds=30)
    assert served[1:] == unserved[1:]


async def test_work_nobody_takes_is_counted_as_backlog() -> None:
    async with await a_real_server() as env:
        gateway = BatchWorkflows(env.client)
        await gateway.start_batch(a_batch(batch_id=BATCH))
        await eventually(gateway.queues, lambda told: told[0].backlog == 1)

        assert await gateway.dispatcher(BATCH) is None


async def test_dispatcher_tells_what_it_knows_until_it_is_gone(world: World) -> None:
    gateway = BatchWorkflows(world.client)
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(2, concurrency_limit=1)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)

    view = await gateway.dispatcher(batch_id)
    await batch.terminate("by hand")

    assert view is not None
    assert (view["status"], view["free_slots"], view["slots_in_use"]) == ("in_progress", 0, 1)
    assert await gateway.dispatcher(batch_id) is None


async def test_without_a_server_nothing_is_described(nowhere: BatchWorkflows) -> None:
    with pytest.raises(EngineUnavailable):
        await nowhere.describe_batch(BATCH)
    with pytest.raises(EngineUnavailable):
        await nowhere.queues()
    assert await nowhere.dispatcher(BATCH) is None


async def test_without_a_server_starting_says_so_and_nothing_else_raises(nowhere: BatchWorkflows) -> None:
    with pytest.raises(EngineUnavailable):
        await nowhere.ping()
    with pytest.raises(EngineUnavailable):
        await nowhere.start_batch(a_batch())

    assert await nowhere.tally(BATCH) is None
    assert not await ContactWorkflows(nowhere._client).deliver(a_call_record())
    assert await nowhere.health() == EngineHealth(ok=False)
