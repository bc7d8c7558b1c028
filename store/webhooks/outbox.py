"""From the events that transactions wrote to deliveries with bodies.

What an event tells is read when its body is written, a moment later; of the columns that move on by then it
kept those of its own moment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import ARRAY, RowMapping, Text, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus, PausedBy
from domain.call import CallRecord, CallStatus
from domain.contact import Contact, ContactStatus, SkipReason
from domain.identity import BatchId, EventId, OrganizationId
from domain.webhooks import (
    BatchNews,
    CallNews,
    ContactNews,
    DeliveryState,
    DiagnosisNews,
    EventType,
    News,
    WebhookEvent,
)
from store.batches.counting import counters_of
from store.database.engine import single_statement, transaction
from store.database.parameters import among
from store.schema.mapping import batch_of, call_of, campaign_of, contact_of
from store.schema.tables import (
    batches,
    calls,
    campaigns,
    contacts,
    webhook_deliveries,
    webhook_diagnoses,
    webhook_endpoints,
    webhook_events,
    webhook_replays,
)
from store.webhooks.deliveries import NEW_DELIVERY_ID, NEW_EVENT_ID, wanted_by
from store.webhooks.rows import endpoint_of

Snapshot = Mapping[str, Any]
T = TypeVar("T")

_UNPUBLISHED = (
    select(webhook_events).where(webhook_events.c.published_at.is_(None)).order_by(webhook_events.c.event_id)
)
# The endpoint that wants an event is looked for when its deliveries are made, not when it happened.
_PUBLISH = text(
    """
    WITH published AS (
        UPDATE webhook_events SET body = given.body, published_at = :now
        FROM unnest(CAST(:ids AS text[]), CAST(:bodies AS text[])) AS given(event_id, body)
        WHERE webhook_events.event_id = given.event_id AND published_at IS NULL
        RETURNING webhook_events.event_id, organization_id, type, occurred_at
    )
    INSERT INTO webhook_deliveries
        (delivery_id, organization_id, endpoint_id, event_id, type, state, due_at, created_at, updated_at)
    SELECT new_webhook_id('whd_'), organization_id, endpoint_id, event_id, type, 'pending', :now, :now, :now
    FROM published JOIN webhook_endpoints USING (organization_id)
    WHERE enabled AND deleted_at IS NULL AND (events IS NULL OR type = ANY(events))
    ORDER BY event_id
    ON CONFLICT (endpoint_id, event_id) DO NOTHING
    """
)


class PostgresWebhookOutbox:
    """The events of all organizations; implements `WebhookOutbox`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def unpublished(self, limit: int) -> Sequence[WebhookEvent]:
        """Return events without deliveries, oldest first; one whose object is gone is left out for good."""
        c = webhook_events.c
        async with single_statement(self._engine) as connection:
            rows = (await connection.execute(_UNPUBLISHED.limit(limit))).mappings().all()
            news = await _NewsReader.of(connection, rows)
            told = [(row, news.of_event(row)) for row in rows]
            lost = [row[c.event_id] for row, each in told if each is None]
            if lost:
                await connection.execute(
                    update(webhook_events).where(c.event_id == among(lost)).values(published_at=func.now())
                )
        return [
            WebhookEvent(
                event_id=EventId(row[c.event_id]),
                type=EventType(row[c.type]),
                occurred_at=row[c.occurred_at],
                news=each,
            )
            for row, each in told
            if each is not None
        ]

    async def publish(self, bodies: Mapping[EventId, str], now: datetime) -> int:
        """Keep the bodies and make a delivery for every endpoint that wants them, each once."""
        given = {"ids": list(bodies), "bodies": list(bodies.values()), "now": now}
        async with transaction(self._engine) as connection:
            return (await connection.execute(_PUBLISH, given)).rowcount

    async def replay_page(self, now: datetime, limit: int) -> bool:
        """Have some events delivered again that were asked for; False when nothing is left."""
        r, e, w = webhook_replays.c, webhook_events.c, webhook_endpoints
        asked = select(webhook_replays, w).join_from(webhook_replays, w, w.c.endpoint_id == r.endpoint_id)
        async with transaction(self._engine) as connection:
            one = asked.order_by(r.behind).limit(1).with_for_update(skip_locked=True, of=webhook_replays)
            row = (await connection.execute(one)).mappings().one_or_none()
            if row is None:
                return False
            within = (e.event_id >= row[r.behind], e.event_id < row[r.up_to])
            page = select(e.event_id, e.type).where(*wanted_by(endpoint_of(row)), *within)
            found = (await connection.execute(page.order_by(e.event_id).limit(limit))).all()
            await _deliver_again(connection, row, [(str(each), str(kind)) for each, kind in found], now)
            this = r.endpoint_id == row[r.endpoint_id]
            if len(found) < limit:
                await connection.execute(webhook_replays.delete().where(this))
            else:
                # No id sorts between one and the same with a character more.
                behind = f"{found[-1][0]}~"
                await connection.execute(update(webhook_replays).where(this).values(behind=behind))
        return True

    async def changed_diagnosis(self, batch_id: BatchId, diagnosis: str, tip: str, now: datetime) -> bool:
        """Keep a batch's diagnosis; writes an event and returns True when it was another one before."""
        d, b = webhook_diagnoses.c, batches.c
        async with transaction(self._engine) as connection:
            this = select(d.diagnosis).where(d.batch_id == batch_id)
            before = (await connection.execute(this.with_for_update())).scalar_one_or_none()
            kept = upsert(webhook_diagnoses).values(batch_id=batch_id, diagnosis=diagnosis, looked_at=now)
            values = {"diagnosis": diagnosis, "looked_at": now}
            await connection.execute(kept.on_conflict_do_update(index_elements=[d.batch_id], set_=values))
            if before in (None, diagnosis):
                return False
            told = select(
                NEW_EVENT_ID,
                b.organization_id,
                literal(EventType.DIAGNOSIS_CHANGED.value),
                literal(now),
                b.batch_id,
                func.jsonb_build_object("diagnosis", diagnosis, "tip", tip),
            ).where(b.batch_id == batch_id)
            names = ["event_id", "organization_id", "type", "occurred_at", "batch_id", "snapshot"]
            await connection.execute(insert(webhook_events).from_select(names, told))
        return True

    async def undiagnosed(self, before: datetime, limit: int) -> Sequence[tuple[OrganizationId, BatchId]]:
        """Return unfinished batches that were not looked at since, where an endpoint subscribes to it."""
        b, d = batches.c, webhook_diagnoses.c
        wanted = func.is_webhook_wanted(b.organization_id, literal(EventType.DIAGNOSIS_CHANGED.value))
        has_endpoints = b.organization_id.in_(select(webhook_endpoints.c.organization_id))
        unseen = (
            select(b.organization_id, b.batch_id)
            .join_from(batches, webhook_diagnoses, d.batch_id == b.batch_id, isouter=True)
            .where(
                b.status.not_in(TERMINAL_BATCH),
                has_endpoints,
                wanted,
                or_(d.looked_at.is_(None), d.looked_at <= before),
            )
            .order_by(d.looked_at.nulls_first())
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            return [
                (OrganizationId(owner), BatchId(batch)) for owner, batch in await connection.execute(unseen)
            ]


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
        """Return what an event tells; None where its object is gone."""
        c = webhook_events.c
        snapshot = cast("Snapshot", row[c.snapshot] or {})
        if row[c.type] == EventType.DIAGNOSIS_CHANGED:
            batch_id = BatchId(row[c.batch_id])
            return DiagnosisNews(batch_id=batch_id, diagnosis=snapshot["diagnosis"], tip=snapshot["tip"])
        if row[c.execution_id] is not None:
            called = self._calls.get(row[c.execution_id])
            return None if called is None else replace(called, call=_call_then(called.call, snapshot))
        if row[c.contact_id] is not None:
            met = self._contacts.get(row[c.contact_id])
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


async def _deliver_again(
    connection: AsyncConnection, asked: RowMapping, events: Sequence[tuple[str, str]], now: datetime
) -> None:
    """Make the deliveries pending, those that were made before under their own ids."""
    if not events:
        return
    w = webhook_endpoints.c
    arrays = (
        literal([each for each, _ in events], ARRAY(Text)),
        literal([kind for _, kind in events], ARRAY(Text)),
    )
    given = func.unnest(*arrays).table_valued("event_id", "type").render_derived("given")
    names = ["delivery_id", "organization_id", "endpoint_id", "event_id", "type", "state", "due_at"]
    rows = select(
        NEW_DELIVERY_ID,
        literal(asked[w.organization_id]),
        literal(asked[w.endpoint_id]),
        given.c.event_id,
        given.c.type,
        literal(DeliveryState.PENDING.value),
        literal(now),
        literal(now),
        literal(now),
    )
    made = upsert(webhook_deliveries).from_select([*names, "created_at", "updated_at"], rows)
    await connection.execute(
        made.on_conflict_do_update(
            index_elements=["endpoint_id", "event_id"],
            set_={
                "state": DeliveryState.PENDING.value,
                "due_at": now,
                "attempts_made": 0,
                "first_attempt_at": None,
                "updated_at": now,
            },
        )
    )
