"""What agents say came of their calls; a call that is settled already is moved on by it.

Of a live call its own row is locked alone, for agents report while hundreds of calls begin and end. Of an
ended one campaign and batch are held as they are, and the contact, so that either the settlement sees the
disposition, or this sees the settlement.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, and_, bindparam, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import AuditAction, AuditedChange, differing
from domain.call import LIVE_CALLS, CallRecord, has_ended
from domain.contact import LIVE
from domain.disposition import suppression_reason
from domain.disposition_report import DispositionReport, ReportEffect, apply_report
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId, MintId, OrganizationId
from domain.ports import LateEffect, ReportedDisposition
from domain.settlement import Settlement, is_to_be_suppressed, settle_late
from domain.suppression import SkippedContact
from store.audit.recording import record
from store.calls.events import keep_machine_news, update_call
from store.database.engine import single_statement, transaction
from store.schema.mapping import batch_of, call_of, campaign_of, contact_of
from store.schema.tables import batches, calls, campaigns, contacts
from store.suppressions.listing import opt_out

_FOUND = (
    select(calls, contacts, batches, campaigns)
    .join_from(calls, contacts, contacts.c.contact_id == calls.c.contact_id)
    .join(batches, batches.c.batch_id == contacts.c.batch_id)
    .join(campaigns, campaigns.c.campaign_id == batches.c.campaign_id)
    .where(calls.c.execution_id == bindparam("this_execution"))
)
_LIVE_CALL = _FOUND.with_for_update(key_share=True, of=calls)
_ENDED_CALL = _FOUND.suffix_with(
    text(
        "FOR SHARE OF campaigns FOR SHARE OF batches FOR NO KEY UPDATE OF contacts FOR NO KEY UPDATE OF calls"
    )
)
_NEWEST_ATTEMPT = select(func.max(calls.c.attempt)).where(calls.c.contact_id == bindparam("this_contact"))


class PostgresDispositionStore:
    """The dispositions of all calls; implements `DispositionStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def report(
        self,
        organization_id: OrganizationId,
        execution_id: ExecutionId,
        report: DispositionReport,
        now: datetime,
    ) -> ReportedDisposition:
        """Keep a disposition, and apply its rule where the attempt is settled already.

        Raises ExecutionNotFound, ExecutionClosed, DispositionFinal.
        """
        async with transaction(self._engine) as connection:
            row = await _found(connection, _owned(_LIVE_CALL, organization_id), execution_id)
            if not has_ended(call_of(row).call_status):
                effect, kept = await _keep(connection, organization_id, call_of(row), report, now)
                return ReportedDisposition(effect=effect, record=kept, late=LateEffect())
        async with transaction(self._engine) as connection:
            row = await _found(connection, _owned(_ENDED_CALL, organization_id), execution_id)
            effect, kept = await _keep(connection, organization_id, call_of(row), report, now)
            late = LateEffect()
            if effect is ReportEffect.ACCEPTED:
                late = await self._follow(connection, row, kept, now)
            return ReportedDisposition(effect=effect, record=kept, late=late)

    async def most_frequent(self, limit: int) -> Sequence[str]:
        """Return the dispositions that most calls of the deployment came to, the most frequent first."""
        c = calls.c
        # The first condition is that of the index.
        is_reported = or_(c.answered_by.is_not(None), c.disposition.is_not(None))
        ranked = (
            select(c.disposition)
            .where(is_reported, c.disposition.is_not(None))
            .group_by(c.disposition)
            .order_by(func.count().desc(), c.disposition)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            return (await connection.scalars(ranked)).all()

    async def follow(self, execution_id: ExecutionId, now: datetime) -> LateEffect:
        """Apply the rule for a disposition that an event brought late. Raises ExecutionNotFound."""
        async with transaction(self._engine) as connection:
            row = await _found(connection, _ENDED_CALL, execution_id)
            return await self._follow(connection, row, call_of(row), now)

    async def _follow(
        self, connection: AsyncConnection, row: RowMapping, record: CallRecord, now: datetime
    ) -> LateEffect:
        contact, batch, campaign = contact_of(row), batch_of(row), campaign_of(row)
        newest = await connection.scalar(_NEWEST_ATTEMPT, {"this_contact": contact.contact_id})
        if contact.status in LIVE and newest == record.attempt:
            return LateEffect()  # about to be settled, by a decision that sees the disposition
        settled = settle_late(record, contact, batch, campaign, now) if newest == record.attempt else None
        if settled is not None:
            await _move(connection, record, settled, now)
        skipped: Sequence[SkippedContact] = ()
        if record.disposition is not None and is_to_be_suppressed(record, batch, campaign.rules):
            reason = suppression_reason(record.disposition)
            skipped = await opt_out(connection, record.execution_id, now, self._mint, reason=reason)
        return LateEffect(settlement=settled, skipped=skipped)


def _owned(statement: Select[*tuple[Any, ...]], organization_id: OrganizationId) -> Select[*tuple[Any, ...]]:
    return statement.where(
        campaigns.c.organization_id == organization_id,
        or_(
            and_(campaigns.c.deleted_at.is_(None), batches.c.deleted_at.is_(None)),
            calls.c.call_status.in_(LIVE_CALLS),
        ),
    )


async def _found(
    connection: AsyncConnection, statement: Select[*tuple[Any, ...]], execution_id: ExecutionId
) -> RowMapping:
    found = await connection.execute(statement, {"this_execution": execution_id})
    row = found.mappings().one_or_none()
    if row is None:
        raise ExecutionNotFound
    return row


async def _keep(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    before: CallRecord,
    report: DispositionReport,
    now: datetime,
) -> tuple[ReportEffect, CallRecord]:
    after, effect = apply_report(before, report, now)
    if after != before:
        await update_call(connection, before, after)
    if effect is ReportEffect.ACCEPTED:
        await keep_machine_news(connection, before, after, now)
        was, became = differing(_told(before), _told(after))
        change = AuditedChange(
            action=AuditAction.EXECUTION_DISPOSITION, object_id=after.execution_id, before=was, after=became
        )
        await record(connection, organization_id, change, now)
    return effect, after


def _told(call: CallRecord) -> Mapping[str, object]:
    """Return what the audit log may hold of a report: neither its note nor its data."""
    return {
        "answered_by": call.answered_by,
        "disposition": call.disposition,
        "follow_up_at": call.follow_up_at,
    }


async def _move(connection: AsyncConnection, record: CallRecord, settled: Settlement, now: datetime) -> None:
    await connection.execute(
        update(contacts)
        .where(contacts.c.contact_id == record.contact_id)
        .values(
            status=settled.status,
            next_retry_at=settled.next_retry_at,
            follow_up_at=settled.follow_up_at,
            updated_at=now,
        )
    )
