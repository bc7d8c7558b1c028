"""Contacts in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.call import OUTCOME_OF, AttemptKind, CallRecord, CallStatus, has_ended
from domain.contact import LIVE, WAITING, WAITS_AS, Contact, ContactStatus, SkipReason, may_become
from domain.disposition import ANYTHING_REPORTED, ReportedFilter
from domain.errors import ContactNotFound, DecisionOvertaken
from domain.frequency import CapsAt
from domain.identity import BatchId, ContactId, ExecutionId
from domain.lifecycle import require_room_for_follow_up, require_skippable
from domain.ports import Page, Window
from domain.redial import corrected, corrected_late, taken_as
from domain.settlement import Basis, Settlement, basis_of
from tests.fakes.tables import Tables, is_undialled, page_of

_ENDED_AS = {
    BatchStatus.CANCELLED: SkipReason.BATCH_CANCELLED,
    BatchStatus.EXPIRED: SkipReason.BATCH_EXPIRED,
}
_SKIPPED_WITH_THE_BATCH = frozenset({*_ENDED_AS.values(), SkipReason.CAMPAIGN_CANCELLED})


class FakeContactStore:
    """Implements ContactStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def pending_zones(self, batch_id: BatchId) -> Sequence[str | None]:
        """Return the different zones of a batch's pending contacts, None first."""
        self._tables.require_up()
        mine = self._tables.contacts_of(batch_id)
        zones = {each.zone for each in mine if each.status is ContactStatus.PENDING}
        return sorted(zones, key=lambda zone: zone or "")

    async def skip_by_hand(self, batch_id: BatchId, contact_id: ContactId, now: datetime) -> Contact:
        """Raises ContactNotFound, IllegalTransition."""
        contact = await self.get_contact(batch_id, contact_id)
        require_skippable(contact.status)
        return self._tables.skip(contact, SkipReason.MANUAL, now)

    async def schedule_follow_up(
        self,
        batch_id: BatchId,
        contact_id: ContactId,
        at: datetime,
        now: datetime,
        *,
        agreed_at: datetime | None = None,
    ) -> Contact:
        """Raises ContactNotFound, IllegalTransition."""
        contact = await self.get_contact(batch_id, contact_id)
        rules = self._tables.campaigns[contact.campaign_id].rules
        require_room_for_follow_up(contact, self._tables.batches[batch_id].status, rules.max_follow_ups)
        newest = self._tables.newest_call(contact_id)
        if newest is not None:
            self._tables.calls[newest.execution_id] = replace(newest, follow_up_at=agreed_at or at)
        status = ContactStatus.FOLLOWUP_SCHEDULED
        return self._keep(replace(contact, status=status, follow_up_at=at, updated_at=now))

    async def calls_to_hang_up(self, batch_id: BatchId, limit: int) -> Sequence[tuple[ExecutionId, str]]:
        """Return the open calls of skipped contacts, oldest first."""
        self._tables.require_up()
        found = [
            (each.execution_id, each.provider_call_id)
            for each in self._tables.calls.values()
            if each.batch_id == batch_id
            and each.provider_call_id is not None
            and not has_ended(each.call_status)
            and self._tables.contacts[each.contact_id].status is ContactStatus.SKIPPED
        ]
        return sorted(found)[:limit]

    async def skipped_stories(
        self, batch_id: BatchId, after_position: int, limit: int
    ) -> Sequence[tuple[ContactId, int]]:
        """Return contacts that were called before and then skipped with their batch."""
        self._tables.require_up()
        found = [
            (each.contact_id, each.position)
            for each in self._tables.contacts_of(batch_id)
            if each.position > after_position
            and each.skip_reason in _SKIPPED_WITH_THE_BATCH
            and self._tables.newest_call(each.contact_id) is not None
        ]
        return found[:limit]

    async def dispatched_by(self, batch_id: BatchId) -> str | None:
        """Return the run of the batch's workflow that asked for slots last."""
        self._tables.require_up()
        return self._tables.dispatched_by.get(batch_id)

    async def settle(
        self,
        contact_id: ContactId,
        attempt: int,
        settlement: Settlement,
        now: datetime,
        *,
        basis: Basis | None = None,
    ) -> Settlement:
        """Move a live contact to where its newest attempt left it; returns what stands."""
        contact = self._find(contact_id)
        call = self._call(contact_id, attempt)
        told = None if call is None else (call.answered_by, call.disposition)
        if contact.status in LIVE and basis is not None and told is not None and basis.is_outdated_by(*told):
            raise DecisionOvertaken
        settlement = self._in_force(contact, attempt, settlement, now, basis)
        is_newest = self._attempts(contact_id) == attempt
        if contact.status not in LIVE and not self._tables.is_being_called(contact_id):
            self._tables.slots.pop(contact_id, None)
        is_moved = contact.status in LIVE and may_become(contact.status, settlement.status) and is_newest
        if is_moved:
            contact = self._keep(
                replace(
                    contact,
                    status=settlement.status,
                    next_retry_at=settlement.next_retry_at,
                    follow_up_at=settlement.follow_up_at,
                    updated_at=now,
                )
            )
        is_first = is_moved or (
            call is not None
            and has_ended(call.call_status)
            and self._tables.settled_attempts.get(contact_id, 0) < attempt
        )
        if is_first:
            self._tables.settled_attempts[contact_id] = attempt
        return Settlement(
            status=contact.status,
            next_retry_at=contact.next_retry_at,
            follow_up_at=contact.follow_up_at,
            is_first=is_first,
        )

    async def give_back(
        self,
        contact_id: ContactId,
        attempt: int,
        now: datetime,
        *,
        due_at: datetime | None = None,
        ends: bool = False,
    ) -> ContactStatus:
        """Return a contact that was certainly not dialled to the status it waited in, due at once or then."""
        contact = self._returned_to_waiting(contact_id, attempt, now)
        if contact.status not in LIVE and not self._tables.is_being_called(contact_id):
            self._tables.slots.pop(contact_id, None)
        batch = self._tables.batches[contact.batch_id]
        reason = _ENDED_AS.get(batch.status)
        if reason is None and self._tables.is_suppressed(batch.organization_id, contact.phone_number, now):
            reason = SkipReason.SUPPRESSED
        if contact.status in WAITING and reason is not None:
            return self._tables.skip(contact, reason, now).status
        if due_at is not None and contact.status is ContactStatus.RETRYING:
            self._keep(replace(contact, next_retry_at=due_at, updated_at=now))
        if due_at is not None and contact.status is ContactStatus.FOLLOWUP_SCHEDULED:
            self._keep(replace(contact, follow_up_at=due_at, updated_at=now))
        if ends and contact.status is ContactStatus.RETRYING:
            return self._left_as_it_ended(contact, now).status
        return contact.status

    def _left_as_it_ended(self, contact: Contact, now: datetime) -> Contact:
        calls = [each for each in self._tables.calls.values() if each.contact_id == contact.contact_id]
        ended = [each for each in calls if each.call_status in OUTCOME_OF and not is_undialled(each)]
        if not ended:
            return contact
        newest = max(ended, key=lambda each: each.attempt)
        for each in filter(is_undialled, calls):
            cancelled = replace(each, call_status=CallStatus.CANCELLED, ended_at=now)
            self._tables.calls[each.execution_id] = cancelled
        batch, campaign = self._tables.batches[contact.batch_id], self._tables.campaigns[contact.campaign_id]
        ends_as = basis_of(newest, contact, batch, campaign, now).ends_as
        return self._keep(
            replace(contact, status=ends_as, next_retry_at=None, follow_up_at=None, updated_at=now)
        )

    def _returned_to_waiting(self, contact_id: ContactId, attempt: int, now: datetime) -> Contact:
        contact = self._find(contact_id)
        call = self._call(contact_id, attempt)
        if contact.status is not ContactStatus.DISPATCHED or call is None or not is_undialled(call):
            return contact
        is_retry, is_follow_up = call.kind is AttemptKind.RETRY, call.kind is AttemptKind.FOLLOW_UP
        return self._keep(
            replace(
                contact,
                status=WAITS_AS[call.kind],
                next_retry_at=now if is_retry else None,
                follow_up_at=now if is_follow_up else None,
                retry_count=contact.retry_count - is_retry,
                follow_up_count=contact.follow_up_count - is_follow_up,
                updated_at=now,
            )
        )

    async def skip(
        self, contact_id: ContactId, reason: SkipReason, now: datetime, *, detail: str | None = None
    ) -> ContactStatus:
        """Skip a waiting contact and cancel an attempt that was never dialled."""
        contact = self._find(contact_id)
        if contact.status in WAITING:
            contact = self._tables.skip(contact, reason, now, detail=detail)
        if contact.status is ContactStatus.SKIPPED:
            self._tables.cancel_undialled(contact_id, now)
        return contact.status

    async def list_contacts(
        self,
        batch_id: BatchId,
        statuses: Sequence[ContactStatus],
        window: Window,
        reported: ReportedFilter = ANYTHING_REPORTED,
    ) -> Page[Contact]:
        """Return contacts by position; empty `statuses` matches any."""
        self._tables.require_up()
        mine = [each for each in self._tables.contacts_of(batch_id) if self._is_reported(each, reported)]
        return page_of((each for each in mine if not statuses or each.status in statuses), window)

    def _is_reported(self, contact: Contact, reported: ReportedFilter) -> bool:
        newest = self._tables.newest_call(contact.contact_id)
        if newest is None:
            return reported == ANYTHING_REPORTED
        return reported.matches(newest.answered_by, newest.disposition)

    async def get_contact(self, batch_id: BatchId, contact_id: ContactId) -> Contact:
        """Raises ContactNotFound."""
        contact = self._find(contact_id)
        if contact.batch_id != batch_id:
            raise ContactNotFound
        return contact

    async def calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, Sequence[CallRecord]]:
        """Return the call records of each contact that has any, oldest first."""
        self._tables.require_up()
        grouped: dict[ContactId, list[CallRecord]] = {}
        for call in sorted(self._tables.calls.values(), key=lambda each: each.attempt):
            if call.contact_id in contact_ids:
                grouped.setdefault(call.contact_id, []).append(call)
        return grouped

    async def capped(
        self, contact_ids: Sequence[ContactId], caps: CapsAt
    ) -> Mapping[ContactId, Sequence[str]]:
        """Return the presets whose caps withhold the numbers of contacts, of those that are withheld."""
        self._tables.require_up()
        contacts = [self._tables.contacts[each] for each in contact_ids]
        held = {
            each.contact_id: self._tables.capped(
                self._tables.campaigns[each.campaign_id].organization_id, each.phone_number, caps
            )
            for each in contacts
        }
        return {contact_id: each.presets for contact_id, each in held.items() if each is not None}

    async def latest_calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, CallRecord]:
        """Return the newest call record of each contact that has one."""
        return {contact_id: calls[-1] for contact_id, calls in (await self.calls_of(contact_ids)).items()}

    def _in_force(
        self, contact: Contact, attempt: int, decided: Settlement, now: datetime, basis: Basis | None
    ) -> Settlement:
        call = self._call(contact.contact_id, attempt)
        outcome = None if call is None else OUTCOME_OF.get(call.call_status)
        batch = self._tables.batches[contact.batch_id]
        is_suppressed = self._tables.is_suppressed(batch.organization_id, contact.phone_number, now)
        is_over = batch.status in TERMINAL_BATCH or is_suppressed
        if call is None or outcome is None:
            return decided
        is_as_decided = basis is not None and basis.call_status is call.call_status
        if decided.status in WAITING and is_over:
            return Settlement(status=basis.ends_as if basis and is_as_decided else taken_as(outcome))
        if is_as_decided:
            return decided
        if decided.status in WAITING:
            status = corrected_late(decided.status, outcome)
            return decided if status is decided.status else Settlement(status=status)
        return replace(decided, status=corrected(decided.status, outcome))

    def _find(self, contact_id: ContactId) -> Contact:
        self._tables.require_up()
        contact = self._tables.contacts.get(contact_id)
        if contact is None:
            raise ContactNotFound
        return contact

    def _keep(self, contact: Contact) -> Contact:
        self._tables.contacts[contact.contact_id] = contact
        return contact

    def _attempts(self, contact_id: ContactId) -> int:
        newest = self._tables.newest_call(contact_id)
        return 0 if newest is None else newest.attempt

    def _call(self, contact_id: ContactId, attempt: int) -> CallRecord | None:
        mine = (each for each in self._tables.calls.values() if each.contact_id == contact_id)
        return next((each for each in mine if each.attempt == attempt), None)
