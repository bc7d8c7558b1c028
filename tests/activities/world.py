"""The hands of a worker without a worker: activities over fakes, one person to call, and a fuse."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio.testing import ActivityEnvironment

from activities.batches import BatchActivities
from activities.calls import CallActivities, CallLimits
from activities.campaign_rate import CampaignRateLimiter
from activities.contacts import ContactActivities
from activities.deliveries import DeliveryActivities
from activities.hang_ups import HangUpActivities
from activities.housekeeping import HousekeepingActivities
from activities.messages import PlaceCall, SettleAttempt
from activities.number_zones import NumberZoneActivities
from activities.provider_circuit import ProviderCircuit
from activities.rescheduled import RescheduledActivities
from activities.retention import RetentionActivities
from activities.slots import SlotActivities
from activities.webhooks import WebhookActivities
from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import Contact, ContactStatus
from domain.errors import EngineUnavailable, StoreUnavailable
from domain.identity import BatchId, ContactId, ExecutionId
from domain.ports import (
    AttemptClaim,
    AttemptReport,
    Attendance,
    CircuitReport,
    ClaimAnswer,
    DialBrief,
    RescheduledTime,
)
from domain.telephony import CallRequest, DialResult
from domain.watchdog import CallTiming
from tests.builders import (
    BATCH_ID,
    CALLER_ID,
    CAMPAIGN_ID,
    CONTACT_ID,
    MONDAY_NOON,
    a_batch,
    a_call_record,
    a_contact,
    a_dial_brief,
)
from tests.fakes import (
    FakeBatchStore,
    FakeCallMetrics,
    FakeCallStore,
    FakeCircuitStore,
    FakeClock,
    FakeContactStore,
    FakeDialReservationStore,
    FakeEndingStore,
    FakeEngine,
    FakeNumberZoneStore,
    FakeProvider,
    FakeRescheduleStore,
    FakeSlotStore,
    FakeSuppressionStore,
    Tables,
)
from tests.fakes.no_webhooks import no_webhooks
from tests.fakes.retention import nothing_outdated

Request = TypeVar("Request")
Answer = TypeVar("Answer")

LIMITS = CallLimits(
    ring_timeout=timedelta(seconds=45), max_call=timedelta(minutes=20), silence=timedelta(seconds=30)
)
TIMING = CallTiming(
    ring_limit=timedelta(seconds=45),
    max_call=timedelta(minutes=20),
    silence=timedelta(seconds=30),
    lookup_is_proof=True,
)
FIRST_DIAL = PlaceCall(contact_id=CONTACT_ID, attempt=1, kind=AttemptKind.INITIAL)
SETTLE = SettleAttempt(batch_id=BATCH_ID, contact_id=CONTACT_ID, attempt=1)
ASKED_AT = MONDAY_NOON - timedelta(seconds=90)

Moment = tuple[str, str]
"""`before` or `after`, and the step a place_call takes."""


class WorkerKilled(BaseException):
    """The process is gone; whoever comes next starts the activity over."""


@dataclass
class Fuse:
    """Kills the worker once, at the moment it is set to."""

    kills_at: Moment | None = None

    def burn(self, when: str, step: str) -> None:
        """Pass a moment, or die at it."""
        if self.kills_at == (when, step):
            self.kills_at = None
            raise WorkerKilled


@dataclass
class MortalProvider(FakeProvider):
    """Takes its time to answer a dial, and loses the worker on the way."""

    fuse: Fuse = field(default_factory=Fuse)

    async def place_call(self, request: CallRequest) -> DialResult:
        """Take one dial."""
        result = await super().place_call(request)
        await asyncio.sleep(0)
        self.fuse.burn("after", "place_call")
        return result


class MortalCallStore(FakeCallStore):
    """Takes its time to read, and loses the worker around its transactions."""

    def __init__(self, tables: Tables, fuse: Fuse) -> None:
        super().__init__(tables)
        self._fuse = fuse
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens between a dial's first look and its claim."""

    async def dial_brief(self, contact_id: ContactId, attempt: int) -> DialBrief | None:
        """Read what a dial needs, and let others act before it is used."""
        brief = await super().dial_brief(contact_id, attempt)
        await asyncio.sleep(0)
        self.meanwhile()
        return brief

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> ClaimAnswer:
        """Claim, or die around it."""
        self._fuse.burn("before", "claim_attempt")
        claimed = await super().claim_attempt(claim, now)
        self._fuse.burn("after", "claim_attempt")
        return claimed

    async def record_dial(
        self,
        execution_id: ExecutionId,
        state: DialState,
        *,
        provider_call_id: str | None = None,
        awaited_by: str | None = None,
    ) -> CallStatus:
        """Keep the provider's answer, or die around it."""
        self._fuse.burn("before", "record_dial")
        stands = await super().record_dial(
            execution_id, state, provider_call_id=provider_call_id, awaited_by=awaited_by
        )
        self._fuse.burn("after", "record_dial")
        return stands


class RememberingRouteStore(FakeCircuitStore):
    """Keeps every report in the order they came. `is_down` makes it raise StoreUnavailable."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.is_down = False
        self.told: list[CircuitReport] = []

    async def report(self, report: CircuitReport) -> None:
        """Keep a report."""
        if self.is_down:
            raise StoreUnavailable
        self.told.append(report)
        await super().report(report)


@dataclass
class FakeReports:
    """Implements BatchReports. `is_down` makes it raise EngineUnavailable."""

    is_gone: bool = False
    is_down: bool = False
    heard: list[tuple[BatchId, AttemptReport]] = field(default_factory=list)

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Take a slot back; False when the batch's workflow is gone."""
        if self.is_down:
            raise EngineUnavailable
        self.heard.append((batch_id, report))
        return not self.is_gone


@dataclass
class FakeDirectory:
    """Implements WorkflowDirectory. `is_down` makes it raise EngineUnavailable."""

    is_down: bool = False
    running: set[tuple[BatchId, ContactId]] = field(default_factory=set)
    over: set[tuple[BatchId, ContactId]] = field(default_factory=set)
    """Whose workflow was terminated, cancelled or failed."""
    stopped: list[tuple[BatchId, tuple[ContactId, ...]]] = field(default_factory=list)
    """Who was woken together."""
    moved: list[tuple[BatchId, tuple[RescheduledTime, ...]]] = field(default_factory=list)
    """Who was told of another time."""

    async def attendance(
        self, batch_id: BatchId, contact_ids: Sequence[ContactId]
    ) -> Mapping[ContactId, Attendance]:
        """Return whether the workflow of each contact runs."""
        self._require_up()
        return {each: self._attendance((batch_id, each)) for each in contact_ids}

    async def stop(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> None:
        """Remember who was woken."""
        self._require_up()
        self.stopped.append((batch_id, tuple(contact_ids)))

    async def reschedule(self, batch_id: BatchId, times: Sequence[RescheduledTime]) -> None:
        """Remember who was told."""
        self._require_up()
        self.moved.append((batch_id, tuple(times)))

    def _attendance(self, contact: tuple[BatchId, ContactId]) -> Attendance:
        if contact in self.running:
            return Attendance.RUNNING
        return Attendance.OVER if contact in self.over else Attendance.MISSING

    def _require_up(self) -> None:
        if self.is_down:
            raise EngineUnavailable


class World:
    """Everything one test plays with. The clock shows Monday noon."""

    def __init__(self, brief: DialBrief | None = None) -> None:
        self.tables = Tables()
        self.clock = FakeClock(MONDAY_NOON)
        self.fuse = Fuse()
        self.provider = MortalProvider(fuse=self.fuse)
        self.calls = MortalCallStore(self.tables, self.fuse)
        self.metrics = FakeCallMetrics()
        self.circuits = RememberingRouteStore(self.tables)
        self.reports, self.directory, self.engine = FakeReports(), FakeDirectory(), FakeEngine()
        contacts, batches = FakeContactStore(self.tables), FakeBatchStore(self.tables)
        self.start_another_worker()
        self.hanging_up = HangUpActivities(self.provider, contacts, self.calls)
        self.of_batches = BatchActivities(batches, self.clock)
        self.of_contacts = ContactActivities(
            contacts,
            self.calls,
            suppressions=FakeSuppressionStore(self.tables),
            reports=self.reports,
            directory=self.directory,
            metrics=self.metrics,
            limits=LIMITS,
            clock=self.clock,
        )
        self.of_rescheduled = RescheduledActivities(
            FakeRescheduleStore(self.tables),
            batches,
            self.directory,
            limits=LIMITS,
            clock=self.clock,
        )
        self.housekeeping = HousekeepingActivities(
            batches, FakeRescheduleStore(self.tables), self.engine, self.clock
        )
        self.delivering = DeliveryActivities(
            FakeEndingStore(self.tables), self.engine, self.engine, self.clock
        )
        self.webhooks = WebhookActivities(no_webhooks(self.clock))
        self.retention = RetentionActivities(nothing_outdated(self.tables, self.clock))
        self.number_zones = NumberZoneActivities(FakeNumberZoneStore(self.tables), self.engine)
        self.of_slots = SlotActivities(FakeSlotStore(self.tables), self.directory, self.clock)
        self._put(brief or a_dial_brief())

    def start_another_worker(self) -> None:
        """Let a new process dial, which knows nothing of what the former one learnt of the provider."""
        circuit = ProviderCircuit(self.provider, self.circuits, self.calls, self.clock)
        rate_limiter = CampaignRateLimiter(
            FakeDialReservationStore(self.tables), clock=self.clock, sleep=self._sleep
        )
        self.dialling = CallActivities(
            self.provider,
            self.calls,
            circuit=circuit,
            rate_limiter=rate_limiter,
            metrics=self.metrics,
            limits=LIMITS,
            clock=self.clock,
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.pass_time(timedelta(seconds=seconds))

    async def run(self, activity: Callable[[Request], Awaitable[Answer]], request: Request) -> Answer:
        """Run an activity as a worker does."""
        return await ActivityEnvironment().run(activity, request)

    @property
    def contact(self) -> Contact:
        """The person of this world."""
        return self.tables.contacts[CONTACT_ID]

    @property
    def call(self) -> CallRecord:
        """The newest call to the person of this world."""
        newest = self.tables.newest_call(CONTACT_ID)
        assert newest is not None, "nobody was called"
        return newest

    def add(self, position: int, status: ContactStatus, **changes: object) -> Contact:
        """Put another person, `con_{position}`, into the batch."""
        told: dict[str, object] = {
            "contact_id": ContactId(f"con_{position}"),
            "position": position,
            "status": status,
        }
        contact = a_contact(**told | changes)
        self.tables.contacts[contact.contact_id] = contact
        return contact

    def add_call(self, contact: Contact, attempt: int = 1, **changes: object) -> CallRecord:
        """Put a past or present call of a person into the store: busy, unless told otherwise."""
        told: dict[str, object] = {
            "execution_id": ExecutionId(f"exec_{contact.position}_{attempt}"),
            "contact_id": contact.contact_id,
            "attempt": attempt,
            "call_status": CallStatus.BUSY,
        }
        call = a_dialled_call(**told | changes)
        self.tables.calls[call.execution_id] = call
        return call

    def rows(self) -> tuple[object, ...]:
        """Return all that is stored, to be compared with what is stored later."""
        t = self.tables
        return dict(t.campaigns), dict(t.batches), dict(t.contacts), dict(t.calls), list(t.events)

    def _put(self, brief: DialBrief) -> None:
        self.tables.campaigns[CAMPAIGN_ID] = brief.campaign
        self.tables.batches[BATCH_ID] = brief.batch
        self.tables.contacts[CONTACT_ID] = brief.contact
        if brief.record is not None:
            self.tables.calls[brief.record.execution_id] = brief.record


def a_dialled_call(**changes: object) -> CallRecord:
    """A first attempt that the provider said it placed, ninety seconds ago."""
    placed: dict[str, object] = {
        "dial_state": DialState.ACCEPTED,
        "provider": "fake",
        "provider_call_id": "call-1",
        "from_number": CALLER_ID,
        "started_at": ASKED_AT,
    }
    return a_call_record(**placed | changes)


def a_call_under_way(call: CallRecord, status: ContactStatus = ContactStatus.DISPATCHED) -> World:
    """The world after a dial."""
    return World(a_dial_brief(contact=a_contact(status=status), record=call))


def a_call_that_ended(
    ended: CallStatus, *, overrides: BatchOverrides | None = None, **changes: object
) -> World:
    """The world after a call ended at noon; `changes` are the contact's."""
    talked: dict[str, object] = {"status": ContactStatus.IN_PROGRESS}
    brief = a_dial_brief(
        contact=a_contact(**talked | changes),
        batch=a_batch(overrides=overrides or BatchOverrides()),
        record=a_dialled_call(call_status=ended, ended_at=MONDAY_NOON),
    )
    return World(brief)
