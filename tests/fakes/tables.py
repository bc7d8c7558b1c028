"""What all fake stores share, as they would share one database."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from domain.batch import TERMINAL_BATCH, Batch, on_machine_in_force
from domain.call import (
    AttemptKind,
    CallRecord,
    CallStatus,
    DialState,
    StatusEvent,
    has_ended,
    was_conversation,
)
from domain.caller_id import CallerIdStrategy
from domain.campaign import Campaign, CampaignStatus
from domain.contact import LIVE, WAITING, Contact, ContactStatus, SkipReason
from domain.counters import Counters
from domain.disposition import MACHINES, OnMachine, ReportedCounts
from domain.errors import StoreUnavailable
from domain.frequency import Capped, CapsAt, CountedCall, capped_by
from domain.identity import (
    BatchId,
    CampaignId,
    ContactId,
    ExecutionId,
    MintId,
    OrganizationId,
    SuppressionId,
)
from domain.ports import CircuitReport, IdempotencyKey, Page, Window
from domain.suppression import Suppression

T = TypeVar("T")

CANCELLABLE = WAITING | {ContactStatus.DISPATCHED}
"""Whom a cancel skips."""
_ASKED = (DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS)


def mint_in_order() -> MintId:
    """Return a mint whose ids are short, telling and sort by creation."""
    numbers = count(1)
    return lambda prefix: f"{prefix}{next(numbers):06d}"


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """A received event; its number is its place among all, from 1."""

    execution_id: ExecutionId
    event_key: str
    event: StatusEvent | None
    """None for a report that says nothing of where the call stands."""
    body: object
    delivered_at: datetime | None = None
    """When the contact's workflow was told, or the arrival of what it need not be told."""
    received_at: datetime | None = field(default=None, compare=False)
    """There is no clock here: an event that has none is received when it happened."""

    @property
    def arrived_at(self) -> datetime:
        """When it was received."""
        if self.event is not None:
            return self.received_at or self.event.happened_at
        assert self.received_at is not None, "a report without a status has an instant of its own"
        return self.received_at


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The right of a contact to be dialled."""

    contact_id: ContactId
    batch_id: BatchId
    attempt: int
    kind: AttemptKind
    granted_at: datetime
    granted_by: str
    waited_in: ContactStatus
    """Where the contact stood when it was granted."""
    checked_at: datetime | None = None


@dataclass
class Tables:
    """The rows. `is_down` makes every verb of every store raise StoreUnavailable."""

    mint: MintId = field(default_factory=mint_in_order)
    campaigns: dict[CampaignId, Campaign] = field(default_factory=dict)
    deleted: set[CampaignId] = field(default_factory=set)
    """Campaigns no client sees any more; whoever calls has lost them too."""
    deleted_batches: set[BatchId] = field(default_factory=set)
    """The same of batches."""
    policy_versions: dict[CampaignId, int] = field(default_factory=dict)
    """Of campaigns whose rules were changed."""
    recomputed_versions: dict[CampaignId, int] = field(default_factory=dict)
    """Of campaigns whose waiting contacts were timed anew."""
    batch_versions: Counter[BatchId] = field(default_factory=Counter)
    """How often each batch changed what bears on calls."""
    caller_id_turns: Counter[tuple[str, CallerIdStrategy]] = field(default_factory=Counter)
    """How many turns each list of numbers has taken."""
    dial_turns: dict[CampaignId, tuple[int, datetime]] = field(default_factory=dict)
    """Of each campaign with a pace its version, and the first instant nobody has for himself."""
    batches: dict[BatchId, Batch] = field(default_factory=dict)
    started_at: dict[BatchId, datetime] = field(default_factory=dict)
    rests_since: dict[BatchId, datetime] = field(default_factory=dict)
    dispatched_by: dict[BatchId, str] = field(default_factory=dict)
    """Of batches whose workflows are taken to rest until they are signalled."""
    contacts: dict[ContactId, Contact] = field(default_factory=dict)
    settled_attempts: dict[ContactId, int] = field(default_factory=dict)
    """The newest attempt of each contact whose call was settled."""
    calls: dict[ExecutionId, CallRecord] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)
    routes: dict[str, CircuitReport] = field(default_factory=dict)
    suppressions: dict[SuppressionId, Suppression] = field(default_factory=dict)
    hashed_numbers: dict[SuppressionId, str] = field(default_factory=dict)
    """Numbers of erased people that must not be called; a real store has no more than their hashes."""
    hashed_calls: dict[ExecutionId, str] = field(default_factory=dict)
    """The same of calls to erased people, which caps count."""
    slots: dict[ContactId, Slot] = field(default_factory=dict)
    """Those given back included, until they are looked at."""
    slot_demands: dict[BatchId, int] = field(default_factory=dict)
    unattended_after: timedelta = timedelta(seconds=10)
    """A slot without an open call for so long may have lost its workflow."""
    claims_need_slots: bool = False
    """As in Postgres; most tests of claims are not about slots."""
    answers: dict[IdempotencyKey, tuple[str, str]] = field(default_factory=dict)
    """Fingerprint of the body and JSON text of the answer, by the key of the request."""
    keys_in_work: set[IdempotencyKey] = field(default_factory=set)
    """Keys of requests that have not finished."""
    is_down: bool = False

    def require_up(self) -> None:
        """Raise StoreUnavailable while the database is down."""
        if self.is_down:
            raise StoreUnavailable

    def sees(self, campaign_id: CampaignId) -> bool:
        """Tell whether a campaign exists and was not deleted."""
        return campaign_id in self.campaigns and campaign_id not in self.deleted

    def shows(self, batch: Batch) -> bool:
        """Tell whether a client sees a batch: neither it nor its campaign was deleted."""
        return self.sees(batch.campaign_id) and batch.batch_id not in self.deleted_batches

    def is_machine_news(self, before: CallRecord, after: CallRecord) -> bool:
        """Tell whether a machine turned out to be on the line, where it is to be hung up on."""
        is_new = after.answered_by in MACHINES and before.answered_by not in MACHINES
        overrides, rules = self.batches[after.batch_id].overrides, self.campaigns[after.campaign_id].rules
        on_machine = on_machine_in_force(overrides, rules)
        return is_new and not has_ended(after.call_status) and on_machine is OnMachine.HANG_UP

    def reported_counts(self, calls: Iterable[CallRecord]) -> ReportedCounts:
        """Count calls by who answered and by disposition, the most frequent first."""
        told = list(calls)
        answered_by = Counter(each.answered_by for each in told if each.answered_by is not None)
        dispositions = Counter(each.disposition for each in told if each.disposition is not None)
        ordered = sorted(dispositions.items(), key=lambda each: (-each[1], each[0]))
        return ReportedCounts(answered_by=answered_by, dispositions=dict(ordered))

    def contacts_of(self, batch_id: BatchId) -> list[Contact]:
        """Return a batch's contacts by position."""
        mine = (each for each in self.contacts.values() if each.batch_id == batch_id)
        return sorted(mine, key=lambda each: each.position)

    def slots_of(self, batch_id: BatchId) -> list[Slot]:
        """Return a batch's slots; a contact that has moved on without a call has given its own back."""
        for contact_id, slot in list(self.slots.items()):
            status = self.contacts[contact_id].status
            has_moved = status not in LIVE and status is not slot.waited_in
            if has_moved and not self.is_being_called(contact_id):
                del self.slots[contact_id]
        return [each for each in self.slots.values() if each.batch_id == batch_id]

    def is_being_called(self, contact_id: ContactId) -> bool:
        """Tell whether an attempt of the contact is open."""
        return any(each.contact_id == contact_id and is_open(each) for each in self.calls.values())

    def dispatch(self, contact: Contact) -> None:
        """Keep a contact that is being dialled; its slot is given back with the next move."""
        self.contacts[contact.contact_id] = contact
        if (slot := self.slots.get(contact.contact_id)) is not None:
            self.slots[contact.contact_id] = replace(slot, waited_in=ContactStatus.DISPATCHED)

    def counters_of(self, batch_id: BatchId) -> Counters:
        """Derive a batch's counters; a contact that holds a slot and waits for its dial is dispatched."""
        held = {each.contact_id for each in self.slots_of(batch_id)}
        statuses = [
            ContactStatus.DISPATCHED if each.status in WAITING and each.contact_id in held else each.status
            for each in self.contacts_of(batch_id)
        ]
        return Counters.from_statuses({status: statuses.count(status) for status in set(statuses)})

    def newest_call(self, contact_id: ContactId) -> CallRecord | None:
        """Return the contact's call with the highest attempt."""
        mine = [each for each in self.calls.values() if each.contact_id == contact_id]
        return max(mine, key=lambda each: each.attempt, default=None)

    def is_on_the_phone(self, number: str, *, but: ExecutionId | None = None) -> bool:
        """Tell whether an attempt on a number, other than one of them, is open."""
        return any(
            each.to_number == number and is_open(each) and each.execution_id != but
            for each in self.calls.values()
        )

    def listed_number(self, entry: Suppression) -> str:
        """Return the number an entry is about, also of a person who was erased."""
        return entry.phone_number or self.hashed_numbers[entry.suppression_id]

    def is_suppressed(self, organization_id: OrganizationId, number: str, now: datetime) -> bool:
        """Tell whether an organization must not call a number."""
        return any(
            each.organization_id == organization_id
            and self.listed_number(each) == number
            and (each.expires_at is None or each.expires_at > now)
            for each in self.suppressions.values()
        )

    def called_number(self, record: CallRecord) -> str:
        """Return the number that was called, also that of a person who was erased."""
        return record.to_number or self.hashed_calls.get(record.execution_id, "")

    def capped(self, organization_id: OrganizationId, number: str, looked: CapsAt) -> Capped | None:
        """Return what the caps hold against calling a number; None when they let it be called now."""
        past = [
            CountedCall(each.started_at, was_conversation(each))
            for each in self.calls.values()
            if self.called_number(each) == number
            and each.started_at is not None
            and each.dial_state in _ASKED
            and self.campaigns[each.campaign_id].organization_id == organization_id
        ]
        return capped_by(looked, sorted(past, key=lambda each: each.began_at, reverse=True))

    def skip(
        self, contact: Contact, reason: SkipReason, now: datetime, *, detail: str | None = None
    ) -> Contact:
        """Skip a contact and cancel its attempt that was never asked for."""
        skipped = replace(
            contact,
            status=ContactStatus.SKIPPED,
            skip_reason=reason,
            skip_detail=detail,
            next_retry_at=None,
            follow_up_at=None,
            updated_at=now,
        )
        self.contacts[contact.contact_id] = skipped
        self.cancel_undialled(contact.contact_id, now)
        return skipped

    def skip_everybody(
        self, batch_id: BatchId, statuses: Collection[ContactStatus], reason: SkipReason, now: datetime
    ) -> None:
        """Skip a batch's contacts in the given statuses."""
        for contact in self.contacts_of(batch_id):
            if contact.status in statuses:
                self.skip(contact, reason, now)

    def cancel_undialled(self, contact_id: ContactId, now: datetime) -> None:
        """Cancel a contact's attempts nobody was asked for."""
        for call in list(self.calls.values()):
            if call.contact_id == contact_id and is_undialled(call):
                cancelled = replace(call, call_status=CallStatus.CANCELLED, ended_at=now)
                self.calls[call.execution_id] = cancelled

    def rules_version(self, batch_id: BatchId) -> int:
        """Return the version of the rules of a batch and its campaign together."""
        campaign_id = self.batches[batch_id].campaign_id
        return self.policy_versions.get(campaign_id, 1) + self.batch_versions[batch_id]

    def unfinished(self, campaign_id: CampaignId) -> list[BatchId]:
        """Return a campaign's batches that are not over, oldest first."""
        return sorted(
            each.batch_id
            for each in self.batches.values()
            if each.campaign_id == campaign_id and each.status not in TERMINAL_BATCH
        )

    def has_unfinished(self, campaign_id: CampaignId) -> bool:
        """Tell whether a campaign has a batch that is not over."""
        return bool(self.unfinished(campaign_id))

    def complete_campaign(self, campaign_id: CampaignId, now: datetime) -> None:
        """Complete a campaign if its last batch is terminal."""
        campaign = self.campaigns[campaign_id]
        is_completable = campaign.status in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)
        if is_completable and not self.has_unfinished(campaign_id):
            completed = replace(campaign, status=CampaignStatus.COMPLETED, updated_at=now)
            self.campaigns[campaign_id] = completed


def is_undialled(call: CallRecord) -> bool:
    """Tell whether certainly nobody was asked to dial."""
    return call.dial_state is DialState.READY and call.call_status is CallStatus.QUEUED


def is_open(call: CallRecord) -> bool:
    """Tell whether the attempt was asked for, or may have been, and has not ended."""
    return call.dial_state is not DialState.READY and not has_ended(call.call_status)


def page_of(rows: Iterable[T], window: Window) -> Page[T]:
    """Cut a stretch out of ordered rows."""
    listed = list(rows)
    return Page(items=listed[window.skip : window.skip + window.limit], total=len(listed))


def newest_first(rows: Iterable[T], key: Callable[[T], tuple[datetime, str]]) -> Sequence[T]:
    """Order rows by creation, then id, both descending."""
    return sorted(rows, key=key, reverse=True)
