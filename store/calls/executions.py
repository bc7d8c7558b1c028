"""Reads everything the agent on a call may ask about it, in two statements that each touch few rows."""

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.call import LIVE_CALLS, AttemptKind, CallRecord, CallStatus
from domain.disposition import AnsweredBy
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId, OrganizationId
from domain.ports import EarlierAttempt, Execution
from domain.ports.executions import MOST_EARLIER_ATTEMPTS
from store.database.engine import single_statement
from store.schema.mapping import batch_of, call_of, campaign_of, contact_of
from store.schema.tables import batches, calls, campaigns, contacts

# Built once: putting a statement together costs more than running it.
_READ = (
    select(calls, contacts, batches, campaigns)
    .join_from(calls, contacts, contacts.c.contact_id == calls.c.contact_id)
    .join(batches, batches.c.batch_id == contacts.c.batch_id)
    .join(campaigns, campaigns.c.campaign_id == batches.c.campaign_id)
    .where(
        calls.c.execution_id == bindparam("this_execution"),
        campaigns.c.organization_id == bindparam("this_organization"),
        or_(
            and_(campaigns.c.deleted_at.is_(None), batches.c.deleted_at.is_(None)),
            calls.c.call_status.in_(LIVE_CALLS),
        ),
    )
)
# Without the long texts that nobody is shown.
_EARLIER = (
    select(
        calls.c.attempt,
        calls.c.kind,
        calls.c.call_status,
        calls.c.answered_by,
        calls.c.disposition,
        calls.c.disposition_note,
        calls.c.started_at,
        calls.c.ended_at,
        calls.c.summary,
    )
    .where(calls.c.contact_id == bindparam("this_contact"), calls.c.attempt < bindparam("this_attempt"))
    .order_by(calls.c.attempt.desc())
    .limit(MOST_EARLIER_ATTEMPTS)
)


class PostgresExecutionStore:
    """The attempts of all campaigns; implements `ExecutionStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, organization_id: OrganizationId, execution_id: ExecutionId) -> Execution:
        """Raises ExecutionNotFound, of a deleted campaign too unless the call is live."""
        wanted = {"this_execution": execution_id, "this_organization": organization_id}
        async with single_statement(self._engine) as connection:
            row = (await connection.execute(_READ, wanted)).mappings().one_or_none()
            if row is None:
                raise ExecutionNotFound
            record = call_of(row)
            return Execution(
                record=record,
                contact=contact_of(row),
                batch=batch_of(row),
                campaign=campaign_of(row),
                history=await _earlier(connection, record),
            )


async def _earlier(connection: AsyncConnection, record: CallRecord) -> Sequence[EarlierAttempt]:
    if record.attempt == 1:
        return ()
    found = await connection.execute(
        _EARLIER, {"this_contact": record.contact_id, "this_attempt": record.attempt}
    )
    return [
        EarlierAttempt(
            attempt=row.attempt,
            kind=AttemptKind(row.kind),
            call_status=CallStatus(row.call_status),
            answered_by=None if row.answered_by is None else AnsweredBy(row.answered_by),
            disposition=row.disposition,
            disposition_note=row.disposition_note,
            started_at=row.started_at,
            ended_at=row.ended_at,
            summary=row.summary,
        )
        for row in reversed(found.all())
    ]
