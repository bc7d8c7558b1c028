"""A world for the real workflows and activities: fake stores, a scripted telephone, a clock that skips."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sys import executable
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.batches import BatchActivities
from activities.calls import CallActivities, CallLimits
from activities.campaign_rate import CampaignRateLimiter
from activities.contacts import ContactActivities
from activities.deliveries import DeliveryActivities
from activities.hang_ups import HangUpActivities
from activities.housekeeping import HousekeepingActivities
from activities.interceptors import HeartbeatInterceptor
from activities.number_zones import NumberZoneActivities
from activities.provider_circuit import ProviderCircuit
from activities.rescheduled import RescheduledActivities
from activities.retention import RetentionActivities
from activities.slots import SlotActivities
from activities.webhooks import WebhookActivities
from domain.batch import BatchStatus
from domain.call import CallRecord, CallStatus, StatusEvent, has_ended
from domain.contact import LIVE, Contact, NewContact
from domain.disposition import AnsweredBy
from domain.identity import BatchId, CampaignId, ContactId
from domain.redial import RedialPolicy
from domain.slots import GrantedSlots, SlotGrants
from domain.telephony import CallRequest, DialResult
from temporal.batch_workflows import BatchWorkflows
from temporal.builds import deployment
from temporal.client import DATA_CONVERTER
from temporal.contact_workflows import ContactWorkflows
from tests.builders import ORGANIZATION, a_campaign_rules, a_new_batch, a_new_contact
from tests.fakes import (
    FakeBatchStore,
    FakeCallMetrics,
    FakeCallStore,
    FakeCampaignStore,
    FakeCircuitStore,
    FakeContactStore,
    FakeDialReservationStore,
    FakeEndingStore,
    FakeNumberZoneStore,
    FakeProvider,
    FakeRescheduleStore,
    FakeSlotStore,
    FakeSuppressionStore,
    Tables,
)
from tests.fakes.no_webhooks import no_webhooks
from tests.fakes.retention import nothing_outdated
from tests.workflows.skipping_server import SkippingServer
from workflows import names, search_attributes
from workflows.batch.workflow import BatchWorkflow
from workflows.contact.workflow import ContactWorkflow
from workflows.housekeeping.moving import MovingHousekeeping
from workflows.housekeeping.workflow import HousekeepingWorkflow
from workflows.interceptors import OneArgumentInterceptor
from workflows.messages import BatchInput, CallEvent
from workflows.sandbox import sandboxed

LIMITS = CallLimits(
    ring_timeout=timedelta(seconds=60), max_call=timedelta(minutes=30), silence=timedelta(seconds=30)
)
ANSWERED = (CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED)
BUSY = (CallStatus.RINGING, CallStatus.BUSY)
NO_ANSWER = (CallStatus.RINGING, CallStatus.NO_ANSWER)
SILENCE: tuple[CallStatus, ...] = ()
QUICK = {"retry_policy": RedialPolicy(cooldown=timedelta(seconds=1))}

Script = Callable[[CallRequest, int], Sequence[CallStatus | StatusEvent]]
"""What is heard of a call, given its request and which call of its contact it is (from 1)."""


Granted = Callable[[GrantedSlots], Awaitable[GrantedSlots]]


def server_time() -> datetime:
    """Return the server's clock, which the tests skip."""
    return activity.info().started_time


def server_clock() -> datetime:
    """Return the present instant; an activity that goes on for long outlasts its own start."""
    return datetime.now(UTC)


async def _no_time(_seconds: float) -> None:
    """Pass a wait within an activity, during which the server's clock stands still."""


@dataclass
class SkippedSlots(FakeSlotStore):
    """Slots by the server's clock, which a local activity is not told."""

    tables: Tables
    env: WorkflowEnvironment
    asked: list[SlotGrants] = field(default_factory=list)
    """Every request, in order."""
    once_granted: Granted | None = None
    """What happens to a grant that is committed, before the workflow hears of it."""

    def __post_init__(self) -> None:
        super().__init__(self.tables)

    async def grant(self, request: SlotGrants, now: datetime) -> GrantedSlots | None:
        self.asked.append(request)
        granted = await super().grant(request, await self.env.get_current_time())
        if granted is None or self.once_granted is None:
            return granted
        return await self.once_granted(granted)


@dataclass
class Telephone(FakeProvider):
    """Takes dials and tells their story at once, before it has answered the dial itself."""

    world: "World" = field(init=False)
    script: Script = lambda _request, _call: ANSWERED
    tables: Tables = field(default_factory=Tables)
    calls_of: dict[ContactId, int] = field(default_factory=lambda: defaultdict(int))
    peak_live: int = 0
    once_told: Callable[[CallRequest], Awaitable[None]] | None = None
    """What happens to a call whose script was told, before the dial is answered."""

    async def place_call(self, request: CallRequest) -> DialResult:
        """Take one dial and let its events be heard."""
        live = sum(contact.status in LIVE for contact in self.tables.contacts.values())
        self.peak_live = max(self.peak_live, live)
        self.calls_of[request.contact_id] += 1
        for word in self.script(request, self.calls_of[request.contact_id]):
            event = (
                word if isinstance(word, StatusEvent) else StatusEvent(status=word, happened_at=server_time())
            )
            await asyncio.ensure_future(self.world.hear(request.execution_id, event))
        if self.once_told is not None:
            await self.once_told(request)
        return await super().place_call(request)


def _event(word: CallStatus | StatusEvent) -> StatusEvent:
    return word if isinstance(word, StatusEvent) else StatusEvent(status=word, happened_at=server_time())


@dataclass
class World:
    """Everything one test plays with."""

    env: WorkflowEnvironment
    tables: Tables
    telephone: Telephone
    slots: SkippedSlots
    metrics: FakeCallMetrics = field(default_factory=FakeCallMetrics)
    contacts_per_run: int = 1000
    _keys: int = 0

    @property
    def client(self) -> Client:
        """The way to the server."""
        return self.env.client

    async def a_batch(
        self, contacts: int = 1, *, rules: Mapping[str, object] | None = None, **batch: Any
    ) -> BatchId:
        """Store a campaign and a batch of so many contacts."""
        return await self.another_batch(await self.a_campaign(**(rules or {})), contacts, **batch)

    async def a_campaign(self, **rules: object) -> CampaignId:
        """Store a campaign."""
        now = await self.env.get_current_time()
        stored = await FakeCampaignStore(self.tables).create(ORGANIZATION, a_campaign_rules(**rules), now)
        return stored.campaign_id

    async def another_batch(
        self, campaign_id: CampaignId, contacts: int = 1, *, first: int = 1, **batch: Any
    ) -> BatchId:
        """Store a batch of so many contacts under a campaign, from the `first` person on."""
        now = await self.env.get_current_time()
        people: list[NewContact] = [a_new_contact(number) for number in range(first, first + contacts)]
        new = a_new_batch(campaign_id=campaign_id, **batch)
        return (await FakeBatchStore(self.tables).create(new, people, now)).batch_id

    async def start(
        self, batch_id: BatchId, *, task_timeout: timedelta | None = None
    ) -> "WorkflowHandle[BatchWorkflow, str]":
        """Start the batch's workflow as the API does."""
        stored = self.tables.batches.get(batch_id)
        start = BatchInput(
            batch_id=batch_id,
            campaign_id=stored.campaign_id if stored else CampaignId("cmp_gone"),
            organization_id=ORGANIZATION,
            contacts_per_run=self.contacts_per_run,
        )
        return await self.client.start_workflow(
            BatchWorkflow.run,
            start,
            id=names.batch_workflow_id(batch_id),
            task_queue=names.CONTROL_QUEUE,
            task_timeout=task_timeout,
            search_attributes=search_attributes.of_batch(
                start, status=stored.status if stored else BatchStatus.CANCELLED
            ),
        )

    def contact_story(self, contact: Contact) -> "WorkflowHandle[ContactWorkflow, str]":
        """Return the contact's workflow."""
        return self.client.get_workflow_handle_for(
            ContactWorkflow.run, names.contact_workflow_id(contact.batch_id, contact.contact_id)
        )

    async def hear(self, execution_id: str, event: StatusEvent, *, stored: bool = True) -> None:
        """Store an event and tell the contact's workflow, as the webhook endpoint does."""
        self._keys += 1
        calls = FakeCallStore(self.tables)
        record = next(each for each in self.tables.calls.values() if each.execution_id == execution_id)
        if stored:
            recorded = await calls.record_event(
                record.execution_id, event, event_key=f"event-{self._keys}", body=None
            )
            record = recorded.record
        await self.signal_status(record, event.status, event.answered_by)

    async def signal_status(
        self, record: CallRecord, status: CallStatus, answered_by: AnsweredBy | None = None
    ) -> None:
        """Tell the contact's workflow where its call stands."""
        if record.awaited_by is not None and has_ended(record.call_status):
            assert await ContactWorkflows(self.client).deliver(record)
            return
        story = self.client.get_workflow_handle(names.contact_workflow_id(record.batch_id, record.contact_id))
        await story.signal(names.CALL_EVENT, CallEvent(record.attempt, status, answered_by))

    async def has_heard(self, story: "WorkflowHandle[Any, Any]", signal: str) -> int:
        """Return how many signals of a name stand in the history of a workflow's run."""
        return len(heard(await story.fetch_history(), signal))

    async def histories(self, story: "WorkflowHandle[Any, Any]") -> Sequence[WorkflowHistory]:
        """Return the history of each run of a workflow on a real server, first run first."""
        described = await story.describe()
        run_id: str = described.raw_description.workflow_execution_info.first_run_id
        read = []
        while run_id:
            read.append(await self.client.get_workflow_handle(story.id, run_id=run_id).fetch_history())
            last = read[-1].events[-1].workflow_execution_continued_as_new_event_attributes
            run_id = last.new_execution_run_id
        return read

    async def listening(self, contact: Contact) -> None:
        """Return once the contact's workflow has nothing under way and waits for news.

        Terminated in the middle of an activity, a workflow would leave the server's clock locked.
        """
        story = self.contact_story(contact)
        async with asyncio.timeout(10):
            while True:
                history = await story.fetch_history()
                if any(event.HasField("timer_started_event_attributes") for event in history.events):
                    return
                if await self._waits_in_its_dial(story):
                    return
                await asyncio.sleep(0.01)

    async def _waits_in_its_dial(self, story: "WorkflowHandle[ContactWorkflow, str]") -> bool:
        if isinstance(self.env, SkippingServer):
            return False
        pending = (await story.describe()).raw_description.pending_activities
        return any(each.attempt > 1 for each in pending)

    async def length(self, batch_id: BatchId) -> timedelta:
        """Return how long the batch's workflow took, on the server's clock."""
        closed = await self.client.get_workflow_handle(names.batch_workflow_id(batch_id)).describe()
        assert closed.close_time is not None
        return closed.close_time - closed.start_time

    def contacts(self, batch_id: BatchId) -> list[Contact]:
        """Return the batch's contacts by position."""
        return self.tables.contacts_of(batch_id)

    def calls(self, batch_id: BatchId) -> list[CallRecord]:
        """Return the batch's calls in the order they were dialled."""
        mine = [each for each in self.tables.calls.values() if each.batch_id == batch_id]
        return sorted(mine, key=lambda each: (each.contact_id, each.attempt))


def heard(history: WorkflowHistory, signal: str) -> Sequence[str]:
    """Return what the signals of a name in a run's history carry, as the JSON of each."""
    signals = (event.workflow_execution_signaled_event_attributes for event in history.events)
    return [
        "".join(payload.data.decode() for payload in each.input.payloads)
        for each in signals
        if each.signal_name == signal
    ]


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return as soon as the condition holds; real time passes, the server's clock does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in fakes that know no events
            await asyncio.sleep(0.01)


async def a_skipping_server() -> WorkflowEnvironment:
    """Start a server whose clock skips whatever nobody has to wait for."""
    return await SkippingServer.start()


async def a_real_server(
    *, longest_history: int | None = None, converter: DataConverter = DATA_CONVERTER
) -> WorkflowEnvironment:
    """Start a real server; the skipping one loses its clock over continue-as-new and terminated parents.

    After so many events it suggests to continue as new; None leaves it at its default of thousands.
    """
    shorter = f"limit.historyCount.suggestContinueAsNew={longest_history}"
    return await WorkflowEnvironment.start_local(
        data_converter=converter,
        dev_server_existing_path=str(Path(executable).with_name("temporal")),
        search_attributes=search_attributes.KEYS,
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", shorter] if longest_history else [],
    )


@asynccontextmanager
async def a_world(
    server: WorkflowEnvironment, builds: Sequence[str | None] = (None,)
) -> AsyncIterator[World]:
    """Raise the curtain on a fresh server with all of Apollo's workers, those of workflows for each build."""
    async with server as env:
        tables = Tables(claims_need_slots=True)
        telephone = Telephone(tables=tables)
        slots = SkippedSlots(tables, env)
        world = World(env=env, tables=tables, telephone=telephone, slots=slots)
        telephone.world = world
        async with AsyncExitStack() as workers:
            for worker in _workers(world, builds):
                await workers.enter_async_context(worker)
            yield world


def _workers(world: World, builds: Sequence[str | None]) -> list[Worker]:
    client, tables, telephone = world.client, world.tables, world.telephone
    calls, contacts, batches = FakeCallStore(tables), FakeContactStore(tables), FakeBatchStore(tables)
    of_batch, directory = BatchWorkflows(client), ContactWorkflows(client)
    reschedules = FakeRescheduleStore(tables)
    guard = [OneArgumentInterceptor()]
    circuit = ProviderCircuit(telephone, FakeCircuitStore(tables), calls, server_time)
    rate_limiter = CampaignRateLimiter(FakeDialReservationStore(tables), clock=server_time, sleep=_no_time)
    dialling = CallActivities(
        telephone,
        calls,
        circuit=circuit,
        rate_limiter=rate_limiter,
        metrics=world.metrics,
        limits=LIMITS,
        clock=server_time,
        leaves_open=not isinstance(world.env, SkippingServer),  # that server cannot complete what waits
    )
    of_batches = BatchActivities(batches, server_time)
    of_rescheduled = RescheduledActivities(
        reschedules,
        batches,
        directory,
        limits=LIMITS,
        clock=server_time,
    )
    of_slots = SlotActivities(world.slots, directory, server_time, _no_time)
    of_contacts = ContactActivities(
        contacts,
        calls,
        suppressions=FakeSuppressionStore(tables),
        reports=of_batch,
        directory=directory,
        metrics=world.metrics,
        limits=LIMITS,
        clock=server_time,
    )
    hang_ups = HangUpActivities(telephone, contacts, calls)
    housekeeping = HousekeepingActivities(batches, reschedules, of_batch, server_clock)
    delivering = DeliveryActivities(FakeEndingStore(tables), directory, of_batch, server_clock)
    webhooks = WebhookActivities(no_webhooks(server_clock))
    retention = RetentionActivities(nothing_outdated(world.tables, server_clock))
    zones = NumberZoneActivities(FakeNumberZoneStore(tables), of_batch)
    beating = [HeartbeatInterceptor()]
    of_workflows = [
        Worker(
            client,
            task_queue=queue,
            workflows=workflows,
            activities=local,
            interceptors=guard,
            workflow_runner=sandboxed(),
            deployment_config=deployment(build),
        )
        for build in builds
        for queue, workflows, local in (
            (
                names.CONTROL_QUEUE,
                [BatchWorkflow, MovingHousekeeping if build else HousekeepingWorkflow],
                of_slots.local,
            ),
            (names.CONTACT_QUEUE, [ContactWorkflow], of_contacts.local),
        )
    ]
    return [
        *of_workflows,
        Worker(
            client,
            task_queue=names.DIAL_QUEUE,
            activities=[*dialling.all, *hang_ups.all],
            interceptors=beating,
        ),
        Worker(
            client,
            task_queue=names.STORE_QUEUE,
            activities=[
                *of_batches.all,
                *of_contacts.all,
                *of_rescheduled.all,
                *of_slots.all,
                *housekeeping.all,
                *delivering.all,
                *webhooks.all,
                *retention.all,
                *zones.all,
            ],
            max_heartbeat_throttle_interval=timedelta(milliseconds=500),
            interceptors=beating,
        ),
    ]
