"""Whoever waits, timed anew in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from domain.batch import TERMINAL_BATCH, timezone_in_force
from domain.call import OUTCOME_OF, CallRecord
from domain.contact import LIVE, SLEEPING, TERMINAL, Contact, ContactStatus
from domain.identity import BatchId, CampaignId
from domain.ports import RescheduledContact, RescheduledPage, UnannouncedRules
from domain.settlement import EndedAttempt, Settlement, WaitingContact, settle_again
from tests.fakes.tables import Tables

_ELSEWHERE = LIVE | {ContactStatus.PENDING, ContactStatus.COMPLETED, ContactStatus.SKIPPED}


class FakeRescheduleStore:
    """Implements RescheduleStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def unannounced(self, before: datetime, limit: int) -> Sequence[UnannouncedRules]:
        """Return campaigns that changed before an instant and whose batches may not know, longest first."""
        self._tables.require_up()
        behind = [
            UnannouncedRules(
                campaign_id=campaign_id,
                touched_at=self._tables.campaigns[campaign_id].updated_at,
                batches=self._tables.unfinished(campaign_id),
            )
            for campaign_id, version in self._tables.policy_versions.items()
            if self._tables.recomputed_versions.get(campaign_id, 1) < version
            and self._tables.campaigns[campaign_id].updated_at < before
        ]
        return sorted(behind, key=lambda each: each.touched_at)[:limit]

    async def reschedule(
        self,
        batch_id: BatchId,
        after_position: int,
        limit: int,
        now: datetime,
        *,
        quiet_after_unknown: timedelta = timedelta(),
    ) -> RescheduledPage:
        """Compute the times of the next waiting contacts anew, by position."""
        self._tables.require_up()
        batch = self._tables.batches.get(batch_id)
        if batch is None or batch.status in TERMINAL_BATCH or not self._tables.sees(batch.campaign_id):
            return RescheduledPage(changed=0, last_position=None)
        rules = self._tables.campaigns[batch.campaign_id].rules
        behind = [each for each in self._tables.contacts_of(batch_id) if each.position > after_position]
        page = [each for each in behind if each.status in SLEEPING][:limit]
        changed = 0
        for contact in page:
            zone = contact.zone_under(timezone_in_force(batch.overrides, rules))
            waiting = _waiting(contact, zone, self._newest_ended(contact), now)
            settled = settle_again(waiting, batch, rules, now=now, quiet_after_unknown=quiet_after_unknown)
            changed += self._move(contact, settled, now)
        return RescheduledPage(
            changed=changed, last_position=page[-1].position if len(page) == limit else None
        )

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

    async def mark_announced(self, campaign_id: CampaignId, touched_at: datetime) -> None:
        """Keep that every unfinished batch was told of the rules as they were changed at that instant."""
        self._tables.require_up()
        if self._tables.campaigns[campaign_id].updated_at == touched_at:
            version = self._tables.policy_versions.get(campaign_id, 1)
            self._tables.recomputed_versions[campaign_id] = version

    def _sleeper(self, contact: Contact) -> RescheduledContact:
        newest = max((each.attempt for each in self._ended(contact)), default=0)
        return RescheduledContact(
            contact_id=contact.contact_id,
            position=contact.position,
            attempt=newest + 1,
            due_at=contact.next_retry_at or contact.follow_up_at,
            zone=contact.zone,
        )

    def _newest_ended(self, contact: Contact) -> CallRecord:
        return max(self._ended(contact), key=lambda each: each.attempt)

    def _ended(self, contact: Contact) -> Sequence[CallRecord]:
        calls = self._tables.calls.values()
        return [
            each for each in calls if each.contact_id == contact.contact_id and each.call_status in OUTCOME_OF
        ]

    def _move(self, contact: Contact, settled: Settlement, now: datetime) -> bool:
        moved = replace(
            contact,
            status=settled.status,
            next_retry_at=settled.next_retry_at,
            follow_up_at=settled.follow_up_at,
        )
        if moved == contact:
            return False
        self._tables.contacts[contact.contact_id] = replace(moved, updated_at=now)
        if settled.status in TERMINAL:
            self._tables.cancel_undialled(contact.contact_id, now)
        return True


def _waiting(contact: Contact, zone: str | None, newest: CallRecord, now: datetime) -> WaitingContact:
    return WaitingContact(
        contact_id=contact.contact_id,
        zone=zone,
        attempt=EndedAttempt(OUTCOME_OF[newest.call_status], newest.ended_at or now, contact.retry_count),
        next_retry_at=contact.next_retry_at,
        follow_up_at=contact.follow_up_at,
        agreed_at=newest.follow_up_at,
    )
