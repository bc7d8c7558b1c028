"""How the newest calls of an organization ended and how long they took, counted by the database."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Row, Select, case, cast, extract, func, literal, null, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from domain.call import OUTCOME_OF, AttemptKind, CallStatus
from domain.disposition import AnsweredBy
from domain.forecast.past_calls import CallsAlike, PastCalls
from domain.identity import OrganizationId
from store.schema.tables import batches, calls

_NEWEST_BATCHES = 40
_CALLS_OF_BATCH = 500
"""Looked at, newest first, so that the statement reads no more of a long history than of a short one."""
_TALKS = tuple(place / 20 for place in range(1, 20, 2))
"""The middles of ten equal parts."""


def counted(
    organization_id: OrganizationId, since: datetime, dispositions: Collection[str]
) -> Select[*tuple[Any, ...]]:
    """Count the newest calls that ended since, by all that decides what follows a call."""
    newest = _newest(organization_id, since).c
    disposition = case((newest.disposition.in_(sorted(dispositions)), newest.disposition), else_=null())
    ring = _seconds(func.coalesce(newest.answered_at, newest.ended_at) - newest.started_at)
    talk = func.coalesce(_seconds(newest.ended_at - newest.answered_at), 0.0)
    alike = [
        newest.kind,
        newest.call_status,
        newest.answered_by,
        disposition.label("disposition"),
        newest.follow_up_at.is_not(None).label("has_follow_up"),
    ]
    return select(
        *alike,
        func.count().label("calls"),
        func.avg(ring).label("ring"),
        func.avg(talk).label("talk"),
        func.percentile_cont(cast(array([literal(each) for each in _TALKS]), ARRAY(Float)))
        .within_group(talk)
        .label("talks"),
        func.avg(_seconds(newest.follow_up_at - newest.ended_at)).label("follow_up_after"),
        func.avg(newest.total_cost).label("cost"),
    ).group_by(*alike)


def _newest(organization_id: OrganizationId, since: datetime) -> Any:
    recent = (
        select(batches.c.batch_id)
        .where(batches.c.organization_id == organization_id)
        .order_by(batches.c.created_at.desc(), batches.c.batch_id.desc())
        .limit(_NEWEST_BATCHES)
        .subquery("recent")
    )
    of_each = (
        select(calls)
        .where(
            calls.c.batch_id == recent.c.batch_id,
            calls.c.ended_at > since,
            calls.c.call_status.in_(sorted(OUTCOME_OF)),
            calls.c.started_at.is_not(None),
        )
        .order_by(calls.c.ended_at.desc())
        .limit(_CALLS_OF_BATCH)
        .lateral("of_each")
    )
    return select(of_each).select_from(recent.join(of_each, literal(True))).subquery("newest")


def _seconds(length: ColumnElement[Any]) -> ColumnElement[float]:
    return cast(extract("epoch", length), Float)


def read(rows: Sequence[Row[*tuple[Any, ...]]]) -> PastCalls | None:
    """Return what was counted, None of no call."""
    return PastCalls(tuple(map(_alike, rows))) if rows else None


def _alike(row: Row[*tuple[Any, ...]]) -> CallsAlike:
    # Rows of one ending are in no order of their own.
    return CallsAlike(
        kind=AttemptKind(row.kind),
        call_status=CallStatus(row.call_status),
        answered_by=None if row.answered_by is None else AnsweredBy(row.answered_by),
        disposition=row.disposition,
        calls=row.calls,
        ring=timedelta(seconds=max(0.0, row.ring)),
        talks=_as_long(row.talks, row.talk),
        follow_up_after=None if not row.has_follow_up else timedelta(seconds=max(0.0, row.follow_up_after)),
        cost=row.cost,
    )


def _as_long(parts: Sequence[float], mean: float) -> tuple[timedelta, ...]:
    """Return the middles of equal parts, stretched to the mean of all: they miss the longest of each part."""
    total = sum(parts)
    stretch = mean * len(parts) / total if total > 0 else 1.0
    return tuple(timedelta(seconds=max(0.0, each * stretch)) for each in parts)
