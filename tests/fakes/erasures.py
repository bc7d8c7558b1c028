"""Erasure in memory."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from domain.call import LIVE_CALLS, DialState
from domain.contact import LIVE, WAITING, Contact, ContactStatus, SkipReason
from domain.erasure import Erasure, erased_call, erased_contact
from domain.identity import ERASURE_PREFIX, ErasureId, OrganizationId
from domain.suppression import OPTED_OUT, SkippedContact
from tests.fakes.tables import Tables


class FakeErasureStore:
    """Implements ErasureStore, but that a contact on the phone stays as it is."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def erase(self, organization_id: OrganizationId, phone_number: str, now: datetime) -> Erasure:
        """Empty whatever the organization holds of the person with this number."""
        self._tables.require_up()
        known = [
            each
            for each in self._tables.contacts.values()
            if each.phone_number == phone_number
            and each.erased_at is None
            and self._tables.batches[each.batch_id].organization_id == organization_id
        ]
        skipped = [skip for each in known for skip in self._mark(each, now)]
        calls = [
            each for each in self._tables.calls.values() if each.contact_id in {c.contact_id for c in known}
        ]
        for call in calls:
            if call.call_status not in LIVE_CALLS:
                self._tables.calls[call.execution_id] = erased_call(call)
                self._tables.hashed_calls[call.execution_id] = phone_number
        bodies = 0
        executions = {each.execution_id for each in calls}
        for number, event in enumerate(self._tables.events):
            if event.execution_id in executions and event.body is not None:
                bodies += 1
                self._tables.events[number] = replace(event, body=None)
        self._hash(organization_id, phone_number, now)
        return Erasure(
            erasure_id=ErasureId(self._tables.mint(ERASURE_PREFIX)),
            contacts=len(known),
            calls=len(calls),
            events=bodies,
            skipped=skipped,
        )

    def _mark(self, contact: Contact, now: datetime) -> Iterator[SkippedContact]:
        newest = self._tables.newest_call(contact.contact_id)
        is_undialled = newest is not None and newest.dial_state is DialState.READY
        if contact.status in WAITING or (contact.status is ContactStatus.DISPATCHED and is_undialled):
            yield SkippedContact(batch_id=contact.batch_id, contact_id=contact.contact_id, was=contact.status)
            contact = self._tables.skip(contact, SkipReason.ERASED, now)
        kept = replace(contact, erased_at=now)
        self._tables.contacts[kept.contact_id] = kept if kept.status in LIVE else erased_contact(kept)

    def _hash(self, organization_id: OrganizationId, number: str, now: datetime) -> None:
        for entry in list(self._tables.suppressions.values()):
            if (entry.organization_id, entry.phone_number) == (organization_id, number):
                reason = entry.reason if entry.reason == OPTED_OUT else None
                self._tables.hashed_numbers[entry.suppression_id] = number
                self._tables.suppressions[entry.suppression_id] = replace(
                    entry, phone_number="", reason=reason, updated_at=now
                )
