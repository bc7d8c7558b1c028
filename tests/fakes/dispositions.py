"""Dispositions in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.call import LIVE_CALLS, CallRecord, has_ended
from domain.contact import LIVE
from domain.disposition import suppression_reason
from domain.disposition_report import DispositionReport, ReportEffect, apply_report
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId, OrganizationId
from domain.ports import LateEffect, ReportedDisposition
from domain.settlement import is_to_be_suppressed, settle_late
from domain.suppression import SkippedContact
from tests.fakes.suppressions import FakeSuppressionStore
from tests.fakes.tables import StoredEvent, Tables


class FakeDispositionStore:
    """Implements DispositionStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._suppressions = FakeSuppressionStore(tables)

    async def report(
        self,
        organization_id: OrganizationId,
        execution_id: ExecutionId,
        report: DispositionReport,
        now: datetime,
    ) -> ReportedDisposition:
        """Keep a disposition, and apply its rule where the attempt is settled already."""
        before = self._call(execution_id)
        if self._tables.campaigns[before.campaign_id].organization_id != organization_id:
            raise ExecutionNotFound
        if (
            not self._tables.shows(self._tables.batches[before.batch_id])
            and before.call_status not in LIVE_CALLS
        ):
            raise ExecutionNotFound
        after, effect = apply_report(before, report, now)
        self._tables.calls[execution_id] = after
        is_accepted = effect is ReportEffect.ACCEPTED
        if is_accepted and self._tables.is_machine_news(before, after):
            news = StoredEvent(
                execution_id=execution_id, event_key=f"agent:{now}", event=None, body=None, received_at=now
            )
            self._tables.events.append(news)
        late = LateEffect()
        if is_accepted and has_ended(after.call_status):
            late = await self.follow(execution_id, now)
        return ReportedDisposition(effect=effect, record=after, late=late)

    async def most_frequent(self, limit: int) -> Sequence[str]:
        """Return the dispositions that most calls came to, the most frequent first."""
        self._tables.require_up()
        return list(self._tables.reported_counts(self._tables.calls.values()).dispositions)[:limit]

    async def follow(self, execution_id: ExecutionId, now: datetime) -> LateEffect:
        """Apply the rule for a disposition that an event brought late. Raises ExecutionNotFound."""
        record = self._call(execution_id)
        contact = self._tables.contacts[record.contact_id]
        batch, campaign = self._tables.batches[record.batch_id], self._tables.campaigns[record.campaign_id]
        is_newest = self._tables.newest_call(record.contact_id) == record
        if contact.status in LIVE and is_newest:
            return LateEffect()
        settled = settle_late(record, contact, batch, campaign, now) if is_newest else None
        if settled is not None:
            self._tables.contacts[contact.contact_id] = replace(
                contact,
                status=settled.status,
                next_retry_at=settled.next_retry_at,
                follow_up_at=settled.follow_up_at,
                updated_at=now,
            )
        skipped: Sequence[SkippedContact] = ()
        if record.disposition is not None and is_to_be_suppressed(record, batch, campaign.rules):
            reason = suppression_reason(record.disposition)
            skipped = await self._suppressions.opt_out(execution_id, now, reason=reason)
        return LateEffect(settlement=settled, skipped=skipped)

    def _call(self, execution_id: ExecutionId) -> CallRecord:
        self._tables.require_up()
        record = self._tables.calls.get(execution_id)
        if record is None:
            raise ExecutionNotFound
        return record
