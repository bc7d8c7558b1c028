"""Whoever was moved while they slept, in memory."""

from collections.abc import Sequence
from datetime import datetime

from domain.call import OUTCOME_OF
from domain.contact import LIVE, Contact, ContactStatus
from domain.identity import BatchId, ContactId
from domain.ports import RescheduledContact
from tests.fakes.tables import Tables

_ELSEWHERE = LIVE | {ContactStatus.PENDING, ContactStatus.COMPLETED, ContactStatus.SKIPPED}


class FakeRescheduledStore:
    """Implements RescheduledStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def rescheduled_since(
        self, batch_id: BatchId, since: datetime, after_position: int, limit: int
    ) -> Sequence[RescheduledContact]:
        """Return who was moved at that instant or later and waits, or would wait still, by position."""
        self._tables.require_up()
        moved = [
            each
            for each in self._tables.contacts_of(batch_id)
            if each.position > after_position and each.updated_at >= since and each.status not in _ELSEWHERE
        ]
        return [self._sleeper(each) for each in moved[:limit]]

    def _sleeper(self, contact: Contact) -> RescheduledContact:
        return RescheduledContact(
            contact_id=contact.contact_id,
            position=contact.position,
            attempt=self._newest_ended(contact.contact_id) + 1,
            due_at=contact.next_retry_at or contact.follow_up_at,
            zone=contact.zone,
        )

    def _newest_ended(self, contact_id: ContactId) -> int:
        calls = self._tables.calls.values()
        ended = (each for each in calls if each.contact_id == contact_id and each.call_status in OUTCOME_OF)
        return max((each.attempt for each in ended), default=0)
