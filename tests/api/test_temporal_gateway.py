"""The one file of the API that speaks to Temporal, with a server and without."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from api.temporal_gateway import TemporalGateway
from domain.call import CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId, ContactId
from domain.lifecycle import Action
from domain.ports import EngineHealth
from embedded.listening import free_ports
from temporal_client import DATA_CONVERTER
from tests.builders import a_call_record
from tests.fakes import FakeBatchStore, FakeContactStore
from tests.workflows.stage import ANSWERED, BUSY, QUICK, SILENCE, Stage, a_real_server, a_stage, until
from workflows import names, pace

pytestmark = pytest.mark.server
BATCH = BatchId("btc_1")
CAMPAIGN = CampaignId("cmp_1")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with a_stage(await a_real_server()) as opened:
        yield opened


@pytest.fixture
async def nowhere() -> TemporalGateway:
    [port] = free_ports(1)
    return TemporalGateway(
        await Client.connect(f"127.0.0.1:{port}", lazy=True, data_converter=DATA_CONVERTER)
    )


async def test_batch_is_started_once_told_its_events_and_asked_for_its_numbers(stage: Stage) -> None:
    gateway = TemporalGateway(stage.client)
    stage.telephone.script = lambda _request, _call: SILENCE
    batch_id = await stage.a_batch(2, concurrency_limit=1)
    campaign_id = stage.tables.batches[batch_id].campaign_id

    await gateway.ping()
    await gateway.start_batch(batch_id, campaign_id, 2)
    await gateway.start_batch(batch_id, campaign_id, 2)
    await until(lambda: len(stage.telephone.requests) == 1)
    assert await gateway.tally(batch_id) == BatchTally(pending=1, live=1)

    [record] = stage.tables.calls.values()
    stage.tables.calls[record.execution_id] = ended = a_call_record(
        **{**vars(record), "call_status": CallStatus.COMPLETED}
    )
    assert await gateway.deliver(ended)
    await until(lambda: stage.contacts(batch_id)[0].status is ContactStatus.COMPLETED)
    await until(lambda: len(stage.telephone.requests) == 2)


async def test_workflows_can_be_found_by_batch_and_campaign(stage: Stage) -> None:
    batch_id = await stage.a_batch(2)
    campaign_id = stage.tables.batches[batch_id].campaign_id
    await TemporalGateway(stage.client).start_batch(batch_id, campaign_id, 2)
    await stage.client.get_workflow_handle(names.batch_workflow_id(batch_id)).result()

    query = f"BatchId='{batch_id}' AND CampaignId='{campaign_id}'"
    found: set[str] = set()
    for _ in range(50):  # visibility follows a moment later
        found = {each.id async for each in stage.client.list_workflows(query)}
        if len(found) == 3:
            break
        await stage.env.sleep(0.1)

    contacts = {names.contact_workflow_id(batch_id, each.contact_id) for each in stage.contacts(batch_id)}
    assert found == contacts | {names.batch_workflow_id(batch_id)}


async def test_event_for_a_contact_nobody_waits_for_counts_as_told(stage: Stage) -> None:
    assert await TemporalGateway(stage.client).deliver(a_call_record())


async def test_tally_of_a_batch_without_a_workflow_is_unknown(stage: Stage) -> None:
    assert await TemporalGateway(stage.client).tally(BATCH) is None


async def test_tally_of_a_terminated_workflow_is_not_believed(stage: Stage) -> None:
    stage.telephone.script = lambda _request, _call: SILENCE
    batch_id = await stage.a_batch()
    batch = await stage.start(batch_id)
    await until(lambda: len(stage.telephone.requests) == 1)
    await batch.terminate("by hand")

    assert await TemporalGateway(stage.client).tally(batch_id) is None


async def test_dispatch_starts_a_terminated_batch_anew_with_nobody_called_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SWEEP_ORPHANS_EVERY", timedelta(seconds=1))
    gateway = TemporalGateway(stage.client)
    stage.telephone.script = lambda request, call: (
        SILENCE if request.to_number.endswith("1") else BUSY if call == 1 else ANSWERED
    )
    batch_id = await stage.a_batch(3, concurrency_limit=2, rules=QUICK)
    campaign_id = stage.tables.batches[batch_id].campaign_id
    batch = await stage.start(batch_id)
    await until(lambda: len(stage.telephone.requests) >= 2)
    await batch.terminate("by hand")

    await gateway.dispatch(batch_id, campaign_id, 3)
    ringing = next(each for each in stage.calls(batch_id) if each.to_number.endswith("1"))
    now = await stage.env.get_current_time()
    await stage.hear(ringing.execution_id, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))

    await stage.client.get_workflow_handle(names.batch_workflow_id(batch_id)).result()
    asked = [request.execution_id for request in stage.telephone.requests]
    assert len(asked) == len(set(asked))
    assert {contact.status for contact in stage.contacts(batch_id)} == {ContactStatus.COMPLETED}


async def test_every_news_reaches_the_batch_and_none_is_missed_without_one(stage: Stage) -> None:
    gateway = TemporalGateway(stage.client)
    now = await stage.env.get_current_time()
    await gateway.act(BATCH, Action.PAUSE)
    await gateway.contact_skipped(BATCH, ContactId("con_1"), ContactStatus.PENDING)
    await gateway.follow_up_scheduled(BATCH, ContactId("con_1"), 2, now)

    batch_id = await stage.a_batch(2, scheduled_start=now + timedelta(hours=1))
    batch = await stage.start(batch_id)
    [first, _] = stage.contacts(batch_id)
    for _ in range(200):  # until the workflow has read the batch
        if await gateway.tally(batch_id) == BatchTally(pending=2):
            break
        await stage.env.sleep(0.05)
    await FakeContactStore(stage.tables).skip_by_hand(batch_id, first.contact_id, now)
    await gateway.contact_skipped(batch_id, first.contact_id, ContactStatus.PENDING)
    await FakeBatchStore(stage.tables).act(batch_id, Action.CANCEL, now)
    await FakeBatchStore(stage.tables).act(batch_id, Action.CANCEL, now)
    await gateway.act(batch_id, Action.CANCEL)

    assert await batch.result() == "cancelled"


async def test_health_counts_who_polls(stage: Stage) -> None:
    gateway = TemporalGateway(stage.client)
    health = await gateway.health()
    for _ in range(50):  # pollers are noticed with their first poll
        if health.workflow_pollers and health.dial_pollers:
            break
        await stage.env.sleep(0.1)
        health = await gateway.health()

    assert health.ok
    assert health.workflow_pollers > 0
    assert health.dial_pollers > 0


async def test_without_a_server_starting_says_so_and_nothing_else_raises(nowhere: TemporalGateway) -> None:
    with pytest.raises(EngineUnavailable):
        await nowhere.ping()
    with pytest.raises(EngineUnavailable):
        await nowhere.start_batch(BATCH, CAMPAIGN, 1)

    assert await nowhere.tally(BATCH) is None
    assert not await nowhere.deliver(a_call_record())
    assert await nowhere.health() == EngineHealth(ok=False)
