"""What is heard of a batch's calls by webhook, and what had to be asked for."""

from datetime import datetime

from sqlalchemy import CTE, ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import CallStatus, DialState, EventSource, has_ended
from domain.contact import LIVE, ContactStatus
from domain.identity import BatchId
from domain.ports.diagnostics import WebhookSilence
from store.schema.tables import call_events, calls, contacts

_HEARD_OF = 2200
"""Calls whose webhooks are read, live ones first: above the largest concurrency limit."""
_ENDED_OF_LATE = 50
"""Ended calls searched for endings that came by webhook or poll; the provider refused the others."""
_ENDINGS = [each for each in CallStatus if has_ended(each)]


async def webhook_silence(
    connection: AsyncConnection, batch_id: BatchId, before: datetime, endings: int
) -> WebhookSilence:
    """Look at live calls and those that ended last; see `DiagnosticsStore.webhook_silence`."""
    recent, silent = _recent(batch_id), _silent(batch_id, before)
    told = _told_endings(recent, endings)
    looked_at = select(
        _last_received_at(recent).scalar_subquery(),
        select(func.count()).select_from(silent).scalar_subquery(),
        select(func.count())
        .select_from(silent)
        .where(silent.c.status == ContactStatus.DISPATCHED)
        .scalar_subquery(),
        select(func.count()).select_from(told).scalar_subquery(),
        select(func.count()).select_from(told).where(~told.c.by_webhook).scalar_subquery(),
    )
    last, live, dispatched, ended, polled = (await connection.execute(looked_at)).one()
    return WebhookSilence(
        last_received_at=last,
        dispatched_without_webhook=dispatched,
        live_without_webhook=live,
        recent_endings=ended,
        polled_endings=polled,
    )


def _recent(batch_id: BatchId) -> CTE:
    """Return the calls that are live, and those that ended last."""
    c = calls.c
    # Live calls have not ended, so they come first in this order.
    return (
        select(c.execution_id, c.ended_at)
        .where(c.batch_id == batch_id)
        .order_by(c.ended_at.desc().nulls_first())
        .limit(_HEARD_OF)
        .cte("recent")
    )


def _last_received_at(recent: CTE) -> Select[tuple[datetime | None]]:
    # Looked up call by call: joined, all events of all batches might be read.
    heard_at = (
        select(func.max(call_events.c.received_at))
        .where(
            call_events.c.execution_id == recent.c.execution_id,
            call_events.c.source == EventSource.WEBHOOK,
        )
        .correlate(recent)
        .scalar_subquery()
    )
    return select(func.max(heard_at)).select_from(recent)


def _silent(batch_id: BatchId, before: datetime) -> CTE:
    """Return the statuses of live contacts whose newest call was asked for and has no webhook."""
    c = contacts.c
    others = calls.alias("others")
    newest_attempt = (
        select(func.max(others.c.attempt)).where(others.c.contact_id == c.contact_id).scalar_subquery()
    )
    return (
        select(c.status)
        .join(calls, calls.c.contact_id == c.contact_id)
        .where(
            c.batch_id == batch_id,
            c.status.in_(sorted(LIVE)),  # told apart from what follows, an index finds them
            or_(
                and_(c.status == ContactStatus.DISPATCHED, c.updated_at < before),
                and_(c.status == ContactStatus.IN_PROGRESS, calls.c.started_at < before),
            ),
            calls.c.attempt == newest_attempt,
            # Of an attempt nobody was asked for, nothing will ever be heard.
            calls.c.dial_state != DialState.READY,
            ~_has_event(calls.c.execution_id, call_events.c.source == EventSource.WEBHOOK),
        )
        .cte("silent")
    )


def _told_endings(recent: CTE, limit: int) -> CTE:
    """Return the newest calls whose ending came by webhook or poll, and whether a webhook brought it."""
    ended = (
        select(recent)
        .where(recent.c.ended_at.is_not(None))
        .order_by(recent.c.ended_at.desc())
        .limit(_ENDED_OF_LATE)
        .subquery("ended")
    )

    def told_by(source: EventSource) -> ColumnElement[bool]:
        events = call_events.c
        return _has_event(ended.c.execution_id, events.source == source, events.call_status.in_(_ENDINGS))

    told = select(
        ended.c.ended_at,
        told_by(EventSource.WEBHOOK).label("by_webhook"),
        told_by(EventSource.POLL).label("by_poll"),
    ).subquery("told_by")
    return (
        select(told.c.by_webhook)
        .where(or_(told.c.by_webhook, told.c.by_poll))
        .order_by(told.c.ended_at.desc())
        .limit(limit)
        .cte("told")
    )


def _has_event(execution_id: ColumnElement[str], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        select(call_events.c.event_number)
        .where(call_events.c.execution_id == execution_id, *conditions)
        .exists()
    )
