"""A room full of stores on one database, and the situations their tests begin in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import Batch, BatchStatus
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.campaign import Campaign, CampaignRules
from domain.contact import Contact, ContactStatus, NewContact
from domain.identity import BatchId, ContactId
from domain.lifecycle import Action
from domain.ports import (
    AttemptClaim,
    BatchStore,
    CallStore,
    CampaignStore,
    CircuitStore,
    ClaimAnswer,
    Claimed,
    ContactStore,
    DiagnosticsStore,
    DialReservationStore,
    DispositionStore,
    EndingStore,
    ExecutionStore,
    ForecastStore,
    NumberZoneStore,
    RescheduleStore,
    SlotStore,
    SuppressionStore,
    Window,
    WorkloadStore,
)
from domain.settlement import Settlement
from domain.slots import OVERDUE_AFTER, GrantedSlot, GrantedSlots, SlotGrants
from store.batches.repository import PostgresBatchStore
from store.calls.circuits import PostgresCircuitStore
from store.calls.dial_reservations import PostgresDialReservationStore
from store.calls.endings import PostgresEndingStore
from store.calls.executions import PostgresExecutionStore
from store.calls.repository import PostgresCallStore
from store.campaigns.repository import PostgresCampaignStore
from store.contacts.number_zones import PostgresNumberZoneStore
from store.contacts.repository import PostgresContactStore
from store.contacts.rescheduling import PostgresRescheduleStore
from store.database.engine import transaction
from store.database.ids import mint
from store.diagnostics.repository import PostgresDiagnosticsStore
from store.dispositions.repository import PostgresDispositionStore
from store.forecasts.repository import PostgresForecastStore
from store.schema.base import METADATA
from store.slots.repository import PostgresSlotStore
from store.slots.workload import PostgresWorkloadStore
from store.suppressions.repository import PostgresSuppressionStore
from tests.builders import (
    MONDAY_NOON,
    ORGANIZATION,
    a_campaign_rules,
    a_claim,
    a_new_batch,
    a_new_contact,
    a_status_event,
)
from tests.fakes import (
    FakeBatchStore,
    FakeCallStore,
    FakeCampaignStore,
    FakeCircuitStore,
    FakeContactStore,
    FakeDiagnosticsStore,
    FakeDialReservationStore,
    FakeDispositionStore,
    FakeEndingStore,
    FakeExecutionStore,
    FakeForecastStore,
    FakeNumberZoneStore,
    FakeRescheduleStore,
    FakeSlotStore,
    FakeSuppressionStore,
    FakeWorkloadStore,
    Tables,
)

LATER = MONDAY_NOON + timedelta(hours=3)
EVERYTHING = Window(limit=1000)
AFTER_ALL = datetime(2100, 1, 1, tzinfo=UTC)
_keys = count(1)


@dataclass(frozen=True, kw_only=True)
class World:
    """Every store that knows people, wherever it keeps them."""

    campaigns: CampaignStore
    batches: BatchStore
    contacts: ContactStore
    calls: CallStore
    dispositions: DispositionStore
    executions: ExecutionStore
    routes: CircuitStore
    endings: EndingStore
    dial_turns: DialReservationStore
    reschedules: RescheduleStore
    slots: SlotStore
    suppressions: SuppressionStore
    diagnostics: DiagnosticsStore
    forecasts: ForecastStore
    workload: WorkloadStore
    number_zones: NumberZoneStore

    @classmethod
    def in_memory(cls) -> "World":
        tables = Tables()
        return cls(
            campaigns=FakeCampaignStore(tables),
            batches=FakeBatchStore(tables),
            contacts=FakeContactStore(tables),
            calls=FakeCallStore(tables),
            dispositions=FakeDispositionStore(tables),
            executions=FakeExecutionStore(tables),
            routes=FakeCircuitStore(tables),
            endings=FakeEndingStore(tables),
            dial_turns=FakeDialReservationStore(tables),
            reschedules=FakeRescheduleStore(tables),
            slots=FakeSlotStore(tables),
            suppressions=FakeSuppressionStore(tables),
            diagnostics=FakeDiagnosticsStore(tables),
            forecasts=FakeForecastStore(tables),
            workload=FakeWorkloadStore(tables),
            number_zones=FakeNumberZoneStore(tables),
        )

    async def a_kept_campaign(self, rules: CampaignRules | None = None) -> Campaign:
        return await self.campaigns.create(ORGANIZATION, rules or a_campaign_rules(), MONDAY_NOON)

    async def a_kept_batch(
        self, people: int | Sequence[NewContact] = 1, *, campaign: Campaign | None = None, **fields: Any
    ) -> Batch:
        campaign = campaign or await self.a_kept_campaign()
        new = a_new_batch(campaign_id=campaign.campaign_id, **fields)
        if isinstance(people, int):
            people = [a_new_contact(number) for number in range(1, people + 1)]
        return await self.batches.create(new, people, MONDAY_NOON)

    async def people_of(self, batch: Batch) -> Sequence[Contact]:
        return (await self.contacts.list_contacts(batch.batch_id, [], EVERYTHING)).items

    async def a_person(self, **fields: Any) -> Contact:
        """The only contact of a running batch."""
        (person,) = await self.people_of(await self.a_kept_batch(**fields))
        return person

    async def contact(self, contact: Contact) -> Contact:
        """The contact as it stands now."""
        return await self.contacts.get_contact(contact.batch_id, contact.contact_id)

    async def status(self, contact: Contact) -> ContactStatus:
        return (await self.contact(contact)).status

    async def call(self, record: CallRecord) -> CallRecord:
        """The call record as it stands now."""
        found = await self.contacts.calls_of([record.contact_id])
        return next(each for each in found[record.contact_id] if each.execution_id == record.execution_id)

    async def batch(self, batch: Batch) -> Batch:
        """The batch as it stands now."""
        return (await self.batches.load(batch.batch_id))[0]

    async def campaign_of(self, batch: Batch) -> Campaign:
        """The batch's campaign as it stands now."""
        return await self.campaigns.get(ORGANIZATION, batch.campaign_id)

    async def a_batch_that_is(self, status: BatchStatus, campaign: Campaign | None = None) -> Batch:
        """A batch that came to a status by the verbs that lead there, at noon or up to an hour later."""
        soon = MONDAY_NOON + timedelta(hours=1)
        match status:
            case BatchStatus.PENDING:
                return await self.a_kept_batch(campaign=campaign, scheduled_start=LATER)
            case BatchStatus.PAUSED | BatchStatus.CANCELLED:
                batch = await self.a_kept_batch(campaign=campaign)
                action = Action.PAUSE if status is BatchStatus.PAUSED else Action.CANCEL
                return await self.batches.act(batch.batch_id, action, MONDAY_NOON)
            case BatchStatus.COMPLETED:
                nobody_to_call = [a_new_contact(skip_detail="bad")]
                batch = await self.a_kept_batch(nobody_to_call, campaign=campaign)
                return await self.batches.finish(batch.batch_id, MONDAY_NOON)
            case BatchStatus.EXPIRED:
                batch = await self.a_kept_batch(campaign=campaign, scheduled_end=soon)
                return await self.batches.expire(batch.batch_id, soon)
            case BatchStatus.IN_PROGRESS:
                return await self.a_kept_batch(campaign=campaign)

    async def claimed(
        self, contact: Contact, attempt: int = 1, kind: AttemptKind = AttemptKind.INITIAL
    ) -> CallRecord:
        """An attempt whose asker may ask the provider."""
        claim = a_claim(contact.contact_id, attempt=attempt, kind=kind)
        claimed = await self.calls.claim_attempt(claim, MONDAY_NOON)
        assert isinstance(claimed, Claimed)
        assert claimed.may_ask
        return claimed.record

    async def hears(self, record: CallRecord, *statuses: CallStatus) -> None:
        """The webhooks of a call arrive, one after the other."""
        for status in statuses:
            await self.calls.record_event(
                record.execution_id, a_status_event(status), event_key=f"webhook:{status}", body=None
            )

    async def grant(self, batch_id: BatchId, now: datetime = MONDAY_NOON, **request: Any) -> GrantedSlots:
        """What a batch is granted by a request of its own; as much as there is, unless told otherwise."""
        told: dict[str, Any] = {"key": f"run/{next(_keys)}", "at_most": 100} | request
        granted = await self.slots.grant(SlotGrants(batch_id=batch_id, **told), now)
        assert granted is not None
        return granted

    async def due(self, batch_id: BatchId, at: datetime) -> Sequence[GrantedSlot]:
        """Who is granted a slot because it is due then, without having asked."""
        granted = (await self.grant(batch_id, at + OVERDUE_AFTER)).granted
        return [each for each in granted if each.kind is not AttemptKind.INITIAL]

    async def holders(self, batch: Batch) -> list[tuple[ContactId, int]]:
        """Who holds a slot of a batch, and for which attempt."""
        held = await self.slots.unattended(batch.batch_id, AFTER_ALL, 1000, with_calls=True)
        return [(each.contact_id, each.attempt) for each in held]

    async def ended(self, contact: Contact, outcome: CallStatus, settlement: Settlement) -> CallRecord:
        """A whole first attempt."""
        record = await self.claimed(contact)
        await self.calls.record_dial(record.execution_id, DialState.ACCEPTED)
        await self.hears(record, CallStatus.RINGING, outcome)
        await self.contacts.settle(contact.contact_id, 1, settlement, MONDAY_NOON)
        return await self.call(record)


class SlottedCalls(PostgresCallStore):
    """Calls of contacts that are granted a slot whenever they claim: most tests are not about slots."""

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> ClaimAnswer:
        async with transaction(self._engine) as connection:
            await grant_by_hand(connection, claim)
        return await super().claim_attempt(claim, now)


async def grant_by_hand(connection: AsyncConnection, claim: AttemptClaim) -> None:
    """Write the slot that a claim needs, unless the contact holds one."""
    slot = {"this_contact": claim.contact_id, "attempt": claim.attempt, "kind": claim.kind}
    await connection.execute(_A_SLOT, slot)


_A_SLOT = text(
    """
    INSERT INTO slots (contact_id, batch_id, campaign_id, attempt, kind, granted_at, granted_by)
    SELECT contact_id, batch_id, campaign_id, :attempt, :kind, now(), 'a test' FROM contacts
    WHERE contact_id = :this_contact ON CONFLICT DO NOTHING
    """
)


@dataclass(frozen=True, kw_only=True)
class Stores(World):
    """The same on one database."""

    engine: AsyncEngine

    @classmethod
    def on(cls, engine: AsyncEngine) -> "Stores":
        return cls(
            engine=engine,
            campaigns=PostgresCampaignStore(engine, mint),
            batches=PostgresBatchStore(engine, mint),
            contacts=PostgresContactStore(engine),
            calls=SlottedCalls(engine, mint),
            dispositions=PostgresDispositionStore(engine, mint),
            executions=PostgresExecutionStore(engine),
            routes=PostgresCircuitStore(engine),
            endings=PostgresEndingStore(engine),
            dial_turns=PostgresDialReservationStore(engine),
            reschedules=PostgresRescheduleStore(engine),
            slots=PostgresSlotStore(engine),
            suppressions=PostgresSuppressionStore(engine, mint),
            diagnostics=PostgresDiagnosticsStore(engine),
            forecasts=PostgresForecastStore(engine),
            workload=PostgresWorkloadStore(engine),
            number_zones=PostgresNumberZoneStore(engine),
        )

    async def force(self, table_name: str, **values: object) -> None:
        """Set columns of every row of a table, for situations no verb leads to yet."""
        async with transaction(self.engine) as connection:
            await connection.execute(update(METADATA.tables[table_name]).values(**values))


def nobody() -> ContactId:
    """The id of a contact that does not exist."""
    return ContactId("con_nobody")
