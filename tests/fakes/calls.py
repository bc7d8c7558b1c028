"""Calls in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from domain.batch import clock_zone, redial_policy_in_force
from domain.call import (
    OUTCOME_OF,
    PLACED_STATUSES,
    AttemptKind,
    CallRecord,
    CallStatus,
    DialState,
    EventEffect,
    EventSource,
    StatusEvent,
    apply_event,
    has_ended,
)
from domain.caller_id import CallerIdStrategy, ShownNumber, choose_caller_id, kept_caller_id
from domain.contact import WAITING, Contact, ContactStatus
from domain.errors import ExecutionNotFound
from domain.frequency import Capped, CapsAt
from domain.gates import Gate, GateFacts, closed_gate
from domain.identity import EXECUTION_PREFIX, CampaignId, ContactId, ExecutionId
from domain.ports import (
    AttemptClaim,
    ClaimAnswer,
    Claimed,
    DialBrief,
    RecordedEvent,
    RulesChanged,
)
from domain.redial import RedialPolicy, corrected_late, outcome_under
from tests.fakes.tables import StoredEvent, Tables, is_open

_ON_THE_PHONE = frozenset({CallStatus.RINGING, CallStatus.IN_PROGRESS})


class FakeCallStore:
    """Implements CallStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def dial_brief(self, contact_id: ContactId, attempt: int) -> DialBrief | None:
        """Read what a dial needs; None when the contact no longer exists."""
        self._tables.require_up()
        contact = self._tables.contacts.get(contact_id)
        if contact is None or not self._tables.sees(contact.campaign_id):
            return None
        batch = self._tables.batches[contact.batch_id]
        campaign = self._tables.campaigns[contact.campaign_id]
        return DialBrief(
            contact=contact,
            batch=batch,
            campaign=campaign,
            record=self._find(contact_id, attempt),
            policy_version=self._tables.rules_version(contact.batch_id),
        )

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> ClaimAnswer:
        """Take the right to ask the provider, once, or learn which gate is closed."""
        self._tables.require_up()
        contact = self._tables.contacts.get(claim.contact_id)
        if contact is None or not self._tables.sees(contact.campaign_id):
            return Gate.BATCH_GONE
        newest = self._tables.newest_call(claim.contact_id)
        if newest is not None and newest.attempt > claim.attempt:
            return Gate.CONTACT_CLOSED
        known = newest if newest is not None and newest.attempt == claim.attempt else None
        if known is not None and known.call_status is CallStatus.CANCELLED:
            return Gate.CONTACT_CLOSED
        if known is not None and not _may_be_asked(known):
            return Claimed(record=known, may_ask=False)
        if claim.policy_version not in (None, self._tables.rules_version(contact.batch_id)):
            return RulesChanged()
        if (closed := self._closed(contact, known, now)) is not None:
            return closed
        shown = self._caller_id(contact, claim, known)
        record = _dialling(known or self._new_record(contact, claim), claim, shown, now)
        self._tables.calls[record.execution_id] = record
        self._tables.dispatch(_dispatched(contact, claim.kind, now))
        return Claimed(record=record, may_ask=True)

    async def record_dial(
        self,
        execution_id: ExecutionId,
        state: DialState,
        *,
        provider_call_id: str | None = None,
        awaited_by: str | None = None,
    ) -> CallStatus:
        """Keep what the provider said to a dial, unless more is known already."""
        record = self._call(execution_id)
        known = replace(
            record,
            provider_call_id=record.provider_call_id or provider_call_id,
            awaited_by=awaited_by or record.awaited_by,
        )
        told = replace(known, dial_state=state) if _may_follow(state, record) else known
        is_taken = self._tables.is_on_the_phone(record.to_number, but=execution_id)
        self._tables.calls[execution_id] = known if is_open(told) and is_taken else told
        return record.call_status

    async def record_event(
        self,
        execution_id: ExecutionId,
        event: StatusEvent,
        *,
        event_key: str,
        body: Mapping[str, object] | None,
    ) -> RecordedEvent:
        """Store an event once per `event_key` and apply it to the call record."""
        before = self._call(execution_id)
        is_late = has_ended(before.call_status)
        if self._has_event(execution_id, event_key):
            return RecordedEvent(
                effect=EventEffect.DUPLICATE, record=before, event_number=None, is_late=is_late
            )
        if event.local_follow_up is not None:
            event = event.in_zone(self._timezone(before))
        after, effect = apply_event(before, event)
        is_ending = effect is EventEffect.ACCEPTED and has_ended(event.status)
        is_news = is_ending or self._tables.is_machine_news(before, after)
        is_reported = is_news and event.source is EventSource.WEBHOOK
        stored = StoredEvent(execution_id=execution_id, event_key=event_key, event=event, body=body)
        self._tables.events.append(stored if is_reported else replace(stored, delivered_at=event.happened_at))
        self._tables.calls[execution_id] = after
        if effect is EventEffect.ACCEPTED:
            self._move_contact(before, after, event.happened_at)
        number = len(self._tables.events)
        return RecordedEvent(effect=effect, record=after, event_number=number, is_late=is_late)

    async def keep_event(
        self,
        execution_id: ExecutionId,
        *,
        event_key: str,
        body: Mapping[str, object],
        received_at: datetime,
    ) -> None:
        """Store a report that says nothing of where the call stands, once per `event_key`."""
        self._tables.require_up()
        if execution_id in self._tables.calls and not self._has_event(execution_id, event_key):
            self._tables.events.append(
                StoredEvent(
                    execution_id=execution_id,
                    event_key=event_key,
                    event=None,
                    body=body,
                    delivered_at=received_at,
                    received_at=received_at,
                )
            )

    async def placed_among(self, execution_ids: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        """Return those attempts of which a call is known at the provider."""
        self._tables.require_up()
        known = [self._tables.calls[each] for each in execution_ids if each in self._tables.calls]
        return frozenset(
            each.execution_id
            for each in known
            if each.provider_call_id is not None or each.call_status in PLACED_STATUSES
        )

    async def execution_of_provider_call(self, provider_call_id: str) -> ExecutionId | None:
        """Return the newest attempt that owns a provider's call id."""
        self._tables.require_up()
        owners = [
            each.execution_id
            for each in self._tables.calls.values()
            if each.provider_call_id == provider_call_id
        ]
        return max(owners, default=None)

    def _call(self, execution_id: ExecutionId) -> CallRecord:
        self._tables.require_up()
        record = self._tables.calls.get(execution_id)
        if record is None:
            raise ExecutionNotFound
        return record

    def _timezone(self, call: CallRecord) -> str:
        rules = self._tables.campaigns[call.campaign_id].rules
        return clock_zone(self._tables.batches[call.batch_id].overrides, rules)

    def _has_event(self, execution_id: ExecutionId, event_key: str) -> bool:
        key = (execution_id, event_key)
        return any((each.execution_id, each.event_key) == key for each in self._tables.events)

    def _find(self, contact_id: ContactId, attempt: int) -> CallRecord | None:
        mine = (each for each in self._tables.calls.values() if each.contact_id == contact_id)
        return next((each for each in mine if each.attempt == attempt), None)

    def _caller_id(self, contact: Contact, claim: AttemptClaim, known: CallRecord | None) -> str:
        ids = claim.caller_ids
        if len(ids.numbers) == 1:
            return ids.numbers[0]
        if known is not None and known.from_number is not None and known.from_number in ids.numbers:
            return known.from_number
        shown = [
            ShownNumber(
                attempt=each.attempt,
                number=each.from_number,
                has_reached=each.call_status is CallStatus.COMPLETED,
            )
            for each in self._tables.calls.values()
            if each.contact_id == contact.contact_id and each.from_number is not None
        ]
        return kept_caller_id(ids, claim.kind, shown) or self._chosen(contact, claim)

    def _chosen(self, contact: Contact, claim: AttemptClaim) -> str:
        ids = claim.caller_ids
        is_round = ids.strategy is CallerIdStrategy.ROUND_ROBIN
        owner = contact.batch_id if is_round and ids.are_own else contact.campaign_id
        turn = self._tables.caller_id_turns[owner, ids.strategy]
        self._tables.caller_id_turns[owner, ids.strategy] += 1
        live_calls = self._live_calls(contact.campaign_id)
        return choose_caller_id(
            ids.strategy, ids.numbers, cursor=turn, draw=claim.draw, live_calls=live_calls
        )

    def _live_calls(self, campaign_id: CampaignId) -> Mapping[str, int]:
        return Counter(
            each.from_number
            for each in self._tables.calls.values()
            if each.campaign_id == campaign_id
            and each.from_number is not None
            and each.dial_state is not DialState.READY
            and not has_ended(each.call_status)
        )

    def _closed(self, contact: Contact, known: CallRecord | None, now: datetime) -> Gate | Capped | None:
        campaign, number = self._tables.campaigns[contact.campaign_id], contact.phone_number
        batch = self._tables.batches[contact.batch_id]
        facts = GateFacts(
            campaign_status=campaign.status, batch_status=batch.status, contact_status=contact.status
        )
        if (gate := closed_gate(facts)) is not None:
            return gate
        if batch.scheduled_end is not None and batch.scheduled_end <= now:
            return Gate.BATCH_OVER
        if contact.status is ContactStatus.DISPATCHED and known is None:
            return Gate.CONTACT_CLOSED
        self._tables.slots_of(contact.batch_id)
        if self._tables.claims_need_slots and contact.contact_id not in self._tables.slots:
            return Gate.NO_SLOT
        if self._tables.is_suppressed(campaign.organization_id, number, now):
            return Gate.SUPPRESSED
        caps = CapsAt(campaign.rules.caps_in_force, now)
        if (capped := self._tables.capped(campaign.organization_id, number, caps)) is not None:
            return capped
        return Gate.NUMBER_BUSY if self._tables.is_on_the_phone(number) else None

    def _new_record(self, contact: Contact, claim: AttemptClaim) -> CallRecord:
        return CallRecord(
            execution_id=ExecutionId(self._tables.mint(EXECUTION_PREFIX)),
            contact_id=contact.contact_id,
            batch_id=contact.batch_id,
            campaign_id=contact.campaign_id,
            attempt=claim.attempt,
            kind=claim.kind,
            to_number=contact.phone_number,
        )

    def _move_contact(self, before: CallRecord, after: CallRecord, now: datetime) -> None:
        contact = self._tables.contacts[after.contact_id]
        rules = self._tables.campaigns[after.campaign_id].rules
        policy, _ = redial_policy_in_force(self._tables.batches[after.batch_id].overrides, rules)
        moves_to = _follows_on(contact.status, before, after, policy)
        if moves_to is not contact.status and self._tables.newest_call(after.contact_id) == after:
            self._tables.contacts[contact.contact_id] = replace(
                contact, status=moves_to, next_retry_at=None, updated_at=now
            )


def _follows_on(
    status: ContactStatus, before: CallRecord, after: CallRecord, policy: RedialPolicy
) -> ContactStatus:
    if after.call_status in _ON_THE_PHONE and status is ContactStatus.DISPATCHED:
        return ContactStatus.IN_PROGRESS
    if before.call_status is CallStatus.UNKNOWN and after.call_status in OUTCOME_OF:
        outcome = outcome_under(policy, OUTCOME_OF[after.call_status], after.answered_by)
        return corrected_late(status, outcome)
    return status


def _may_be_asked(record: CallRecord) -> bool:
    return record.dial_state is DialState.READY and record.call_status is CallStatus.QUEUED


def _dialling(record: CallRecord, claim: AttemptClaim, shown: str, now: datetime) -> CallRecord:
    return replace(
        record,
        dial_state=DialState.DIALLING,
        provider=claim.provider,
        from_number=shown,
        started_at=now,
    )


def _dispatched(contact: Contact, kind: AttemptKind, now: datetime) -> Contact:
    was_waiting = contact.status in WAITING
    return replace(
        contact,
        status=ContactStatus.DISPATCHED,
        retry_count=contact.retry_count + (was_waiting and kind is AttemptKind.RETRY),
        follow_up_count=contact.follow_up_count + (was_waiting and kind is AttemptKind.FOLLOW_UP),
        last_attempted_at=now,
        next_retry_at=None,
        follow_up_at=None,
        updated_at=now,
    )


def _may_follow(state: DialState, record: CallRecord) -> bool:
    is_dialling = record.dial_state is DialState.DIALLING
    match state:
        case DialState.ACCEPTED:
            return True
        case DialState.READY:
            return is_dialling and record.call_status is CallStatus.QUEUED
        case DialState.REFUSED:
            return is_dialling or record.dial_state is DialState.AMBIGUOUS
        case DialState.AMBIGUOUS:
            return is_dialling
        case DialState.DIALLING:
            return False
