"""Slots in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus, calling_hours_in_force, concurrency_in_force
from domain.call import AttemptKind
from domain.campaign import Campaign
from domain.contact import TERMINAL, Contact, ContactStatus, call_order
from domain.counters import field_of
from domain.frequency import CapsAt
from domain.gates import GateFacts, closed_gate
from domain.identity import BatchId, ContactId
from domain.ports import HeldSlot
from domain.slots import (
    CLOCKS_DIFFER_BY,
    DISPOSITIONS_SHOWN,
    NOT_BEFORE_COMES,
    OVERDUE_AFTER,
    WINDOW_OPENS,
    GrantedSlot,
    GrantedSlots,
    NoSlot,
    SlotDemand,
    SlotGrants,
    Wake,
    batches_to_tell,
    free_slots,
)
from domain.working_hours import CallingHours, is_open, next_opening
from tests.fakes.tables import Slot, Tables, is_undialled
from tests.fakes.tables import is_open as is_open_call

_DUE_ORDER = (
    (ContactStatus.FOLLOWUP_SCHEDULED, AttemptKind.FOLLOW_UP),
    (ContactStatus.RETRYING, AttemptKind.RETRY),
)


class FakeSlotStore:
    """Implements SlotStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def grant(self, request: SlotGrants, now: datetime) -> GrantedSlots | None:
        """Grant slots to contacts of a batch that may be called now."""
        self._tables.require_up()
        batch = self._tables.batches.get(request.batch_id)
        if batch is None or not self._tables.sees(batch.campaign_id):
            return None
        if request.dispatched_by is not None:
            self._tables.dispatched_by[request.batch_id] = request.dispatched_by
        return _Grant(self._tables, batch, request.as_of(now), now).run()

    async def unattended(
        self, batch_id: BatchId, now: datetime, limit: int, *, with_calls: bool
    ) -> Sequence[HeldSlot]:
        """Return slots held for a while without an open call."""
        self._tables.require_up()
        old = [
            each
            for each in self._tables.slots_of(batch_id)
            if each.granted_at < now - self._tables.unattended_after
            and (with_calls or not _has_open_call(self._tables, each))
        ]
        old.sort(key=lambda each: (each.checked_at or each.granted_at, each.contact_id))
        for each in old[:limit]:
            self._tables.slots[each.contact_id] = replace(each, checked_at=now)
        return [
            HeldSlot(contact_id=each.contact_id, attempt=each.attempt, kind=each.kind)
            for each in sorted(old[:limit], key=lambda each: each.contact_id)
        ]


class _Grant:
    """One request for slots."""

    def __init__(self, tables: Tables, batch: Batch, request: SlotGrants, now: datetime) -> None:
        self._tables, self._batch, self._request, self._now = tables, batch, request, now
        self._campaign: Campaign = tables.campaigns[batch.campaign_id]
        self._cap = self._campaign.rules.concurrency_limit
        self._limit = concurrency_in_force(batch.concurrency_limit, self._campaign.rules)

    def run(self) -> GrantedSlots:
        """Return what was granted."""
        batch_id = self._batch.batch_id
        demands = self._demands()
        held = demands[batch_id].held
        before = [each for each in self._tables.slots_of(batch_id) if self._is_known(each)]
        is_over = self._has_come(self._batch.scheduled_end)
        may_grant = self._may_call() and not is_over
        room = min(self._request.at_most, max(0, self._limit - held)) if may_grant else 0
        due, pending = self._due()[:room], self._pending()
        candidates = [*due, *map(_first, pending)][:room]
        wants = self._limit if room and len(candidates) == room else held + len(candidates)
        demands[batch_id] = SlotDemand(held=held, wants=wants)
        if self._cap is not None:
            self._tables.slot_demands[batch_id] = wants
        free = free_slots(self._limit, batch_id, demands, self._cap)
        granted = candidates[:free]
        for each in granted:
            self._write(each)
        demands[batch_id] = SlotDemand(held=held + len(granted), wants=wants)
        lacks_capacity = free < len(candidates)
        is_resting = self._rest(held + len(granted))
        counters = self._tables.counters_of(batch_id)
        is_ended = self._batch.status in TERMINAL_BATCH
        told = self._tables.reported_counts(
            each for each in self._tables.calls.values() if each.batch_id == batch_id
        )
        return GrantedSlots(
            status=self._batch.status,
            paused_by=self._batch.paused_by,
            total_contacts=self._batch.total_contacts,
            concurrency_limit=self._limit,
            campaign_limit=self._cap,
            in_use=held + len(granted),
            campaign_in_use=None if self._cap is None else sum(each.held for each in demands.values()),
            is_begin_due=self._batch.status is BatchStatus.PENDING
            and self._has_come(self._batch.scheduled_start),
            is_end_due=not is_ended and self._has_come(self._batch.scheduled_end),
            is_done=self._is_done(held + len(granted)) and not is_resting,
            is_resting=is_resting,
            granted=(*map(_as_granted, before), *granted),
            refused=self._refused(),
            has_more=not lacks_capacity and self._limit - held > room > 0 and len(candidates) == room,
            wakes=tuple(self._wakes(lacks_capacity=lacks_capacity)),
            rereads=tuple(self._rereads()),
            waiting_batches=batches_to_tell(batch_id, demands, self._cap, self._request.held_before),
            policy_version=self._tables.rules_version(self._batch.batch_id),
            at=self._now,
            is_leveled=self._request.is_leveled,
            is_unattended=any(
                (each.checked_at or each.granted_at) < self._now - self._tables.unattended_after
                and not _has_open_call(self._tables, each)
                for each in self._tables.slots_of(batch_id)
            ),
            counts={status: getattr(counters, field_of(status)) for status in ContactStatus},
            holders=tuple((each.contact_id, each.attempt) for each in self._tables.slots_of(batch_id)),
            answered_by=told.answered_by,
            dispositions=dict(islice(told.dispositions.items(), DISPOSITIONS_SHOWN)),
        )

    def _is_done(self, in_use: int) -> bool:
        everybody_is = all(each.status in TERMINAL for each in self._tables.contacts_of(self._batch.batch_id))
        return self._batch.status not in TERMINAL_BATCH and not in_use and everybody_is

    def _rest(self, in_use: int) -> bool:
        """Tell whether the batch waits for others to call, and keep that its workflow rests or has looked."""
        is_resting = self._batch.keep_open and self._is_done(in_use)
        self._tables.rests_since.pop(self._batch.batch_id, None)
        if is_resting:
            self._tables.rests_since[self._batch.batch_id] = self._now
        return is_resting

    def _may_call(self) -> bool:
        facts = GateFacts(
            campaign_status=self._campaign.status,
            batch_status=self._batch.status,
            contact_status=ContactStatus.PENDING,
        )
        return closed_gate(facts) is None

    def _demands(self) -> dict[BatchId, SlotDemand]:
        batch_id = self._batch.batch_id
        if self._cap is None:
            held = len(self._tables.slots_of(batch_id))
            return {batch_id: SlotDemand(held=held, wants=held)}
        siblings = [
            each
            for each in self._tables.batches.values()
            if each.campaign_id == self._batch.campaign_id and each.status not in TERMINAL_BATCH
        ]
        held_by = {
            each.batch_id: len(self._tables.slots_of(each.batch_id)) for each in [*siblings, self._batch]
        }
        wants = self._tables.slot_demands
        return {
            each: SlotDemand(held=held, wants=max(held, wants.get(each, 0))) for each, held in held_by.items()
        }

    def _is_known(self, slot: Slot) -> bool:
        return slot.granted_by == self._request.key or slot.contact_id in self._request.asked

    def _write(self, granted: GrantedSlot) -> None:
        self._tables.slots[granted.contact_id] = Slot(
            contact_id=granted.contact_id,
            batch_id=self._batch.batch_id,
            attempt=granted.attempt,
            kind=granted.kind,
            granted_at=self._now,
            granted_by=self._request.key,
            waited_in=self._tables.contacts[granted.contact_id].status,
        )

    def _free_contacts(self) -> list[Contact]:
        held = {each.contact_id for each in self._tables.slots_of(self._batch.batch_id)}
        return [
            each for each in self._tables.contacts_of(self._batch.batch_id) if each.contact_id not in held
        ]

    def _due(self) -> list[GrantedSlot]:
        due = [
            (turn, due_at, each.position, each.contact_id, kind)
            for turn, (status, kind) in enumerate(_DUE_ORDER)
            for each in self._free_contacts()
            if each.status is status
            and (due_at := each.follow_up_at or each.next_retry_at) is not None
            and self._is_due(each, due_at)
            and not self._tables.is_on_the_phone(each.phone_number)
        ]
        return [
            GrantedSlot(contact_id=contact_id, attempt=self._next_attempt(contact_id), kind=kind)
            for _, _, _, contact_id, kind in sorted(due)
        ]

    def _is_due(self, contact: Contact, due_at: datetime) -> bool:
        has_asked = contact.contact_id in self._request.asked
        return due_at <= (self._now + CLOCKS_DIFFER_BY if has_asked else self._now - OVERDUE_AFTER)

    def _pending(self) -> list[Contact]:
        return [
            each
            for each in self._fresh()
            if self._has_come(each.not_before or self._now)
            and is_open(self._hours(each), self._now)
            and self._capped_until(each) is None
            and not self._tables.is_on_the_phone(each.phone_number)
        ]

    def _fresh(self) -> list[Contact]:
        if not self._may_call():
            return []
        fresh = (each for each in self._free_contacts() if each.status is ContactStatus.PENDING)
        return sorted(fresh, key=lambda each: call_order(each.priority, each.position))

    def _rereads(self) -> list[Wake]:
        end = self._batch.scheduled_end
        openings, capped, busy = [], [], False
        coming = [
            each.not_before for each in self._fresh() if not self._has_come(each.not_before or self._now)
        ]
        for each in self._fresh():
            hours, until = self._hours(each), self._capped_until(each)
            if not self._has_come(each.not_before or self._now):
                continue
            if not is_open(hours, self._now):
                openings.append(next_opening(hours, self._now, before=end))
            elif until is not None:
                capped.append(next_opening(hours, until, before=end))
            else:
                busy = busy or self._tables.is_on_the_phone(each.phone_number)
        again = {
            WINDOW_OPENS: min(filter(None, openings), default=None),
            NOT_BEFORE_COMES: min(filter(None, coming), default=None),
            "a number may be called again": min(filter(None, capped), default=None),
            "some could not be called: look again": self._now + timedelta(seconds=5) if busy else None,
        }
        return [Wake(at - self._now, what) for what, at in again.items() if at is not None]

    def _wakes(self, *, lacks_capacity: bool) -> list[Wake]:
        at: dict[str, datetime | None] = {}
        if self._batch.status is BatchStatus.PENDING:
            at["scheduled start"] = self._batch.scheduled_start
        if self._batch.status not in TERMINAL_BATCH:
            at["scheduled end"] = self._batch.scheduled_end
        if lacks_capacity:
            at["a slot of its campaign may be free"] = self._now + timedelta(seconds=3)
        if self._may_call():
            coming = [
                due_at + OVERDUE_AFTER
                for each in self._tables.contacts_of(self._batch.batch_id)
                if (due_at := each.follow_up_at or each.next_retry_at) is not None
                and due_at > self._now - OVERDUE_AFTER
            ]
            at["a retry or follow-up is due"] = min(coming, default=None)
            at["some could not be called: look again"] = self._look_again_for_busy()
        return [
            Wake(max(when - self._now, timedelta()), what) for what, when in at.items() if when is not None
        ]

    def _look_again_for_busy(self) -> datetime | None:
        are_busy = any(
            due_at <= self._now - OVERDUE_AFTER and self._tables.is_on_the_phone(each.phone_number)
            for each in self._free_contacts()
            if (due_at := each.follow_up_at or each.next_retry_at) is not None
        )
        return self._now + timedelta(seconds=5) if are_busy else None

    def _refused(self) -> tuple[NoSlot, ...]:
        soon = self._now + CLOCKS_DIFFER_BY
        refused = []
        for each in self._free_contacts():
            due_at = each.next_retry_at or each.follow_up_at
            is_later = due_at is not None and due_at > soon
            if each.contact_id in self._request.asked and (each.status in TERMINAL or is_later):
                attempt = self._next_attempt(each.contact_id)
                refused.append(NoSlot(contact_id=each.contact_id, attempt=attempt, due_at=due_at))
        return tuple(refused)

    def _next_attempt(self, contact_id: ContactId) -> int:
        mine = (each for each in self._tables.calls.values() if each.contact_id == contact_id)
        return max((each.attempt for each in mine if not is_undialled(each)), default=0) + 1

    def _hours(self, contact: Contact) -> CallingHours:
        return calling_hours_in_force(self._batch.overrides, self._campaign.rules, contact.zone)

    def _capped_until(self, contact: Contact) -> datetime | None:
        caps = CapsAt(self._campaign.rules.caps_in_force, self._now)
        capped = self._tables.capped(self._batch.organization_id, contact.phone_number, caps)
        return None if capped is None else capped.until

    def _has_come(self, at: datetime | None) -> bool:
        return at is not None and at <= self._now


def _has_open_call(tables: Tables, slot: Slot) -> bool:
    return any(
        each.contact_id == slot.contact_id and each.attempt == slot.attempt and is_open_call(each)
        for each in tables.calls.values()
    )


def _first(contact: Contact) -> GrantedSlot:
    return GrantedSlot(contact_id=contact.contact_id, attempt=1, kind=AttemptKind.INITIAL)


def _as_granted(slot: Slot) -> GrantedSlot:
    return GrantedSlot(contact_id=slot.contact_id, attempt=slot.attempt, kind=slot.kind)
