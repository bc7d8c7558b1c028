"""From the events that transactions wrote to deliveries with bodies."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, RowMapping, Text, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import UNFINISHED_BATCH
from domain.identity import BatchId, EventId, OrganizationId
from domain.webhooks import DeliveryState, EventType, WebhookEvent
from store.database.engine import single_statement, transaction
from store.database.parameters import among
from store.schema.tables import (
    batches,
    webhook_deliveries,
    webhook_diagnoses,
    webhook_endpoints,
    webhook_events,
    webhook_replays,
)
from store.webhooks.deliveries import NEW_DELIVERY_ID, NEW_EVENT_ID, wanted_by
from store.webhooks.news import read_news
from store.webhooks.rows import endpoint_of

_UNPUBLISHED = (
    select(webhook_events).where(webhook_events.c.published_at.is_(None)).order_by(webhook_events.c.event_id)
)
# The endpoint that wants an event is looked for when its deliveries are made, not when it happened.
_PUBLISH = text(
    """
    WITH published AS (
        UPDATE webhook_events SET body = given.body, published_at = :now
        FROM unnest(CAST(:ids AS text[]), CAST(:bodies AS text[]), CAST(:erased AS boolean[]))
            AS given(event_id, body, is_erased)
        WHERE webhook_events.event_id = given.event_id AND published_at IS NULL
            AND (webhook_events.erased_at IS NOT NULL) = given.is_erased
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
            events, lost = await read_news(connection, rows)
            if lost:
                await connection.execute(
                    update(webhook_events).where(c.event_id == among(lost)).values(published_at=func.now())
                )
        return events

    async def publish(
        self, bodies: Mapping[EventId, str], now: datetime, *, erased: Collection[EventId] = ()
    ) -> int:
        """Keep the bodies and make a delivery for every endpoint that wants them, each once.

        A body that was written before its person was erased is not kept: the event is unpublished still.
        """
        given = {
            "ids": list(bodies),
            "bodies": list(bodies.values()),
            "erased": [each in erased for each in bodies],
            "now": now,
        }
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
                literal({"diagnosis": diagnosis, "tip": tip}, webhook_events.c.snapshot.type),
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
                b.status.in_(sorted(UNFINISHED_BATCH)),
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
