"""What events tell, read when their bodies are written.

Of the columns that move on by then an event kept those of its own moment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch, BatchStatus, PausedBy
from domain.call import CallRecord, CallStatus
from domain.contact import Contact, ContactStatus, SkipReason
from domain.erasure import erased_call, erased_contact
from domain.identity import BatchId, EventId
from domain.webhooks import (
    BatchNews,
    CallNews,
    ContactNews,
    DiagnosisNews,
    EventType,
    News,
    WebhookEvent,
)
from store.batches.counting import counters_of
from store.database.parameters import among
from store.schema.mapping import batch_of, call_of, campaign_of, contact_of
from store.schema.tables import batches, calls, campaigns, contacts, webhook_events

Snapshot = Mapping[str, Any]
T = TypeVar("T")


async def read_news(
    connection: AsyncConnection, rows: Sequence[RowMapping]
) -> tuple[list[WebhookEvent], list[EventId]]:
    """Return events with what they tell, in order, and those whose object is gone."""
    c = webhook_events.c
    reader = await _NewsReader.of(connection, rows)
    told = [(row, reader.of_event(row)) for row in rows]
    events = [
        WebhookEvent(
            event_id=EventId(row[c.event_id]),
            type=EventType(row[c.type]),
            occurred_at=row[c.occurred_at],
            news=news,
            is_erased=row[c.erased_at] is not None,
        )
        for row, news in told
        if news is not None
    ]
    return events, [EventId(row[c.event_id]) for row, news in told if news is None]


class _NewsReader:
    """What a page of events is about, read with one statement for each kind of object."""

    def __init__(
        self,
        of_batches: Mapping[str, BatchNews],
        of_contacts: Mapping[str, ContactNews],
        of_calls: Mapping[str, CallNews],
    ) -> None:
        self._batches = of_batches
        self._contacts = of_contacts
        self._calls = of_calls

    @classmethod
    async def of(cls, connection: AsyncConnection, rows: Sequence[RowMapping]) -> "_NewsReader":
        """Read what the given rows of `webhook_events` are about."""
        c = webhook_events.c
        of_calls = [row for row in rows if row[c.execution_id] is not None]
        of_contacts = [row for row in rows if row[c.execution_id] is None and row[c.contact_id] is not None]
        of_batches = [row for row in rows if row[c.contact_id] is None and row[c.batch_id] is not None]
        return cls(
            await _batches(connection, [row[c.batch_id] for row in of_batches]),
            await _contacts(connection, [row[c.contact_id] for row in of_contacts]),
            await _calls(connection, [row[c.execution_id] for row in of_calls]),
        )

    def of_event(self, row: RowMapping) -> News | None:
        """Return what an event tells; None where its object is gone.

        Of a person who was erased it tells nothing, also while a call still needs what is to be erased.
        """
        c = webhook_events.c
        snapshot, is_erased = cast("Snapshot", row[c.snapshot] or {}), row[c.erased_at] is not None
        if row[c.type] == EventType.DIAGNOSIS_CHANGED:
            batch_id = BatchId(row[c.batch_id])
            return DiagnosisNews(batch_id=batch_id, diagnosis=snapshot["diagnosis"], tip=snapshot["tip"])
        if row[c.execution_id] is not None:
            called = self._calls.get(row[c.execution_id])
            if called is not None and is_erased:
                called = replace(
                    called, call=erased_call(called.call), contact=erased_contact(called.contact)
                )
            return None if called is None else replace(called, call=_call_then(called.call, snapshot))
        if row[c.contact_id] is not None:
            met = self._contacts.get(row[c.contact_id])
            if met is not None and is_erased:
                current = None if met.current_call is None else erased_call(met.current_call)
                met = replace(met, contact=erased_contact(met.contact), current_call=current)
            return None if met is None else replace(met, contact=_contact_then(met.contact, snapshot))
        news = self._batches.get(row[c.batch_id])
        return None if news is None else replace(news, batch=_batch_then(news.batch, snapshot))


async def _batches(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, BatchNews]:
    if not ids:
        return {}
    b = batches.c
    found = await connection.execute(
        select(batches, campaigns)
        .join_from(batches, campaigns, b.campaign_id == campaigns.c.campaign_id)
        .where(b.batch_id == among(ids))
    )
    rows = found.mappings().all()
    counters = await counters_of(connection, [BatchId(row[b.batch_id]) for row in rows])
    return {
        row[b.batch_id]: BatchNews(batch=batch_of(row, counters[row[b.batch_id]]), campaign=campaign_of(row))
        for row in rows
    }


async def _contacts(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, ContactNews]:
    if not ids:
        return {}
    c, k = contacts.c, calls.c
    found = await connection.execute(
        select(contacts, batches, campaigns)
        .join_from(contacts, batches, batches.c.batch_id == c.batch_id)
        .join(campaigns, campaigns.c.campaign_id == c.campaign_id)
        .where(c.contact_id == among(ids))
    )
    newest = (
        select(calls)
        .ext(distinct_on(k.contact_id))
        .where(k.contact_id == among(ids))
        .order_by(k.contact_id, k.attempt.desc())
    )
    current = {row[k.contact_id]: call_of(row) for row in (await connection.execute(newest)).mappings()}
    return {
        row[c.contact_id]: ContactNews(
            contact=contact_of(row),
            batch=batch_of(row),
            campaign=campaign_of(row),
            current_call=current.get(row[c.contact_id]),
        )
        for row in found.mappings()
    }


async def _calls(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, CallNews]:
    if not ids:
        return {}
    k, c, g = calls.c, contacts.c, campaigns.c
    found = await connection.execute(
        select(calls, contacts, campaigns)
        .join_from(calls, contacts, c.contact_id == k.contact_id)
        .join(campaigns, g.campaign_id == k.campaign_id)
        .where(k.execution_id == among(ids))
    )
    return {
        row[k.execution_id]: CallNews(call=call_of(row), contact=contact_of(row), campaign=campaign_of(row))
        for row in found.mappings()
    }


def _batch_then(batch: Batch, then: Snapshot) -> Batch:
    return replace(
        batch,
        status=BatchStatus(then["status"]),
        paused_by=_of_kind(PausedBy, then["paused_by"]),
        updated_at=datetime.fromisoformat(then["updated_at"]),
    )


def _contact_then(contact: Contact, then: Snapshot) -> Contact:
    return replace(
        contact,
        status=ContactStatus(then["status"]),
        skip_reason=_of_kind(SkipReason, then["skip_reason"]),
        retry_count=then["retry_count"],
        follow_up_count=then["follow_up_count"],
        last_attempted_at=_of_kind(datetime.fromisoformat, then["last_attempted_at"]),
        next_retry_at=None,
        follow_up_at=None,
        updated_at=datetime.fromisoformat(then["updated_at"]),
    )


def _call_then(call: CallRecord, then: Snapshot) -> CallRecord:
    return replace(
        call,
        call_status=CallStatus(then["call_status"]),
        ended_at=_of_kind(datetime.fromisoformat, then["ended_at"]),
        disposition=then["disposition"] or call.disposition,
    )


def _of_kind(kind: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else kind(value)
