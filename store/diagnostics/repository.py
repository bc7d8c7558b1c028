"""Facts about one batch for the diagnosis of why nobody is dialled."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.diagnosis.facts import Withheld
from domain.frequency import CapsAt
from domain.identity import BatchId, CampaignId, ContactId
from domain.ports.diagnostics import BatchActivity, EndedCalls, RecentAttempts, StatusShare, WebhookSilence
from store.calls.reported import count_reported
from store.database.engine import single_statement
from store.diagnostics import activity, call_endings
from store.diagnostics.webhook_silence import webhook_silence
from store.diagnostics.withheld import withheld
from store.schema.tables import calls, contacts, slots

_FAILED = (CallStatus.FAILED, CallStatus.UNKNOWN)


class PostgresDiagnosticsStore:
    """Every verb is one statement or two; implements `DiagnosticsStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def standings(self, batch_id: BatchId) -> Mapping[ContactStatus, StatusShare]:
        """Count contacts by status, without empty statuses."""
        c = contacts.c
        shares = (
            select(c.status, func.count(), func.min(c.updated_at), func.max(c.updated_at))
            .where(c.batch_id == batch_id)
            .group_by(c.status)
        )
        async with single_statement(self._engine) as connection:
            found = (await connection.execute(shares)).all()
        return {
            ContactStatus(status): StatusShare(
                count=count, oldest_updated_at=oldest, newest_updated_at=newest
            )
            for status, count, oldest, newest in found
        }

    async def longest_pending(self, batch_id: BatchId, limit: int) -> Sequence[ContactId]:
        """Return the pending contacts that are unchanged the longest, the longest first."""
        c = contacts.c
        waiting = (
            select(c.contact_id)
            .where(c.batch_id == batch_id, c.status == ContactStatus.PENDING)
            .order_by(c.updated_at, c.position)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            return [ContactId(each) for each in (await connection.scalars(waiting)).all()]

    async def withheld(
        self, batch_id: BatchId, caps: CapsAt, limit: int, *, closed_zones: Collection[str | None] = ()
    ) -> Withheld | None:
        """Tell why nobody among the first pending contacts outside the closed zones can be called."""
        async with single_statement(self._engine) as connection:
            return await withheld(connection, batch_id, caps, limit, closed_zones)

    async def live_in_campaign(self, campaign_id: CampaignId) -> int:
        """Return how many slots of a campaign are in use, over all its batches."""
        in_use = select(func.count()).where(slots.c.campaign_id == campaign_id)
        async with single_statement(self._engine) as connection:
            return (await connection.execute(in_use)).scalar_one()

    async def webhook_silence(self, batch_id: BatchId, before: datetime, endings: int) -> WebhookSilence:
        """Return which webhooks came for the batch, and which calls dialled before an instant are silent.

        A webhook that repeats an ending of long ago is not noticed.
        """
        async with single_statement(self._engine) as connection:
            return await webhook_silence(connection, batch_id, before, endings)

    async def recent_attempts(self, batch_id: BatchId, limit: int) -> RecentAttempts:
        """Tell how the newest `limit` ended attempts ended; those given up before a call are not counted."""
        c = calls.c
        newest = (
            select(c.call_status)
            .where(c.batch_id == batch_id, c.ended_at.is_not(None), c.call_status != CallStatus.CANCELLED)
            .order_by(c.ended_at.desc())
            .limit(limit)
            .subquery("newest")
        )
        failed = func.count().filter(newest.c.call_status.in_(_FAILED))
        async with single_statement(self._engine) as connection:
            row = (await connection.execute(select(func.count(), failed).select_from(newest))).one()
        return RecentAttempts(ended=row[0], failed=row[1])

    async def activity(
        self, batch_id: BatchId, timezone: str, since: datetime, *, newest: int, judged: int
    ) -> BatchActivity:
        """Tell what a batch did lately; `timezone` is that of contacts without their own."""
        async with single_statement(self._engine) as connection:
            return BatchActivity(
                calls_by_minute=await activity.by_minute(connection, batch_id, since),
                calls_by_hour=await activity.by_hour(connection, batch_id, timezone, judged),
                newest_calls=await activity.newest(connection, batch_id, newest),
            )

    async def ended_calls(self, batch_id: BatchId, timezone: str) -> EndedCalls:
        """Tell how all calls ended; `timezone` is that of contacts without their own."""
        async with single_statement(self._engine) as connection:
            found = (await connection.execute(call_endings.counted(batch_id))).all()
            reported = await count_reported(connection, calls.c.batch_id == batch_id)
        return replace(call_endings.added_up(found, timezone), reported=reported)
