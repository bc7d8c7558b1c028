"""What a batch did lately: bounded by an hour and by a number of calls, whatever its size."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import BigInteger, Select, cast, extract, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import CallRecord, CallStatus
from domain.identity import BatchId
from domain.ports.diagnostics import AnswersInHour
from store.diagnostics.call_endings import ENDINGS, QUARTER_SECONDS, hour_of
from store.schema.mapping import call_of
from store.schema.tables import calls, contacts
from store.schema.zones import CLOCK_ZONE

_NEWEST_FIRST = calls.c.ended_at.desc()
"""The order of the index; calls that go on come first."""


async def by_minute(
    connection: AsyncConnection, batch_id: BatchId, since: datetime
) -> Mapping[datetime, Mapping[CallStatus, int]]:
    """Count ended calls by minute and outcome."""
    c = calls.c
    minute = func.date_trunc("minute", c.ended_at, "UTC").label("minute")
    counted = (
        select(minute, c.call_status, func.count())
        .where(c.batch_id == batch_id, c.ended_at >= since, c.call_status.in_(ENDINGS))
        .group_by(minute, c.call_status)
        .order_by(minute)
    )
    found: defaultdict[datetime, dict[CallStatus, int]] = defaultdict(dict)
    for began_at, status, count in await connection.execute(counted):
        found[began_at][CallStatus(status)] = count
    return dict(found)


async def newest(connection: AsyncConnection, batch_id: BatchId, limit: int) -> list[CallRecord]:
    """Read the newest calls."""
    wanted = select(calls).where(calls.c.batch_id == batch_id).order_by(_NEWEST_FIRST).limit(limit)
    return [call_of(row) for row in (await connection.execute(wanted)).mappings()]


async def by_hour(
    connection: AsyncConnection, batch_id: BatchId, timezone: str, judged: int
) -> Mapping[str, AnswersInHour]:
    """Count the newest ended calls, and the answered among them, by the callee's hour."""
    ended: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for zone, quarter, status, count in (await connection.execute(_quarters(batch_id, judged))).all():
        hour = hour_of(quarter, zone or timezone)
        ended[hour] += count
        answered[hour] += count if status == CallStatus.COMPLETED else 0
    return {hour: AnswersInHour(ended=ended[hour], answered=answered[hour]) for hour in sorted(ended)}


def _quarters(batch_id: BatchId, judged: int) -> Select[str | None, int, str, int]:
    c = calls.c
    recent = (
        select(c.contact_id, c.started_at, c.call_status)
        .where(c.batch_id == batch_id, c.ended_at.is_not(None), c.call_status.in_(ENDINGS))
        .order_by(_NEWEST_FIRST)
        .limit(judged)
        .subquery()
    )
    quarter = cast(func.floor(extract("epoch", recent.c.started_at) / QUARTER_SECONDS), BigInteger)
    return (
        select(CLOCK_ZONE.label("zone"), quarter.label("quarter"), recent.c.call_status, func.count())
        .join_from(recent, contacts, recent.c.contact_id == contacts.c.contact_id)
        .where(recent.c.started_at.is_not(None))
        .group_by("zone", "quarter", recent.c.call_status)
    )
