"""Deliveries that are due: claimed for a while, settled, given up, forgotten.

A claim moves `due_at` ahead. Once that has passed, another deliverer takes over from one that died.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.identity import DELIVERY_PREFIX, EVENT_PREFIX, DeliveryId, EndpointId, EventId, OrganizationId
from domain.ports import AttemptOutcome
from domain.webhooks import (
    KEPT_FOR,
    MAX_ATTEMPTS_KEPT,
    TRIED_FOR,
    ClaimedDelivery,
    DisabledReason,
)
from store.database.engine import single_statement, transaction
from store.webhooks.audit import record_disabled
from store.webhooks.rows import first_id_at, shape_of_attempt

EVENTS_KEPT_FOR = KEPT_FOR + TRIED_FOR + timedelta(days=1)
"""Longer than deliveries, for one that was replayed at its last moment needs the body."""

# From endpoint to endpoint through the index, so that a long queue of one hides nobody else's.
_CLAIM = text(
    """
    WITH RECURSIVE waiting AS (
        (SELECT endpoint_id FROM webhook_deliveries WHERE state = 'pending' ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT endpoint_id FROM webhook_deliveries
            WHERE state = 'pending' AND endpoint_id > waiting.endpoint_id ORDER BY endpoint_id LIMIT 1
        ) FROM waiting WHERE waiting.endpoint_id IS NOT NULL
    ), picked AS (
        SELECT due.delivery_id FROM waiting
        JOIN webhook_endpoints AS endpoint USING (endpoint_id)
        LEFT JOIN unnest(CAST(:busy AS text[]), CAST(:places AS int[])) AS busy(endpoint_id, places)
            USING (endpoint_id)
        CROSS JOIN LATERAL (
            SELECT delivery_id FROM webhook_deliveries
            WHERE endpoint_id = waiting.endpoint_id AND state = 'pending' AND due_at <= :now
                AND (endpoint.enabled OR type = 'endpoint.test')
            ORDER BY due_at LIMIT coalesce(busy.places, :each) FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE endpoint.deleted_at IS NULL
        ORDER BY random() LIMIT :limit
    ), claimed AS (
        UPDATE webhook_deliveries SET due_at = :lapses_at FROM picked
        WHERE webhook_deliveries.delivery_id = picked.delivery_id
        RETURNING webhook_deliveries.*
    )
    SELECT claimed.delivery_id, claimed.endpoint_id, claimed.event_id, claimed.attempts_made,
        claimed.first_attempt_at, webhook_endpoints.url, webhook_events.body,
        ARRAY(
            SELECT secret FROM webhook_secrets AS s
            WHERE s.endpoint_id = claimed.endpoint_id AND (s.expires_at IS NULL OR s.expires_at > :now)
            ORDER BY s.created_at DESC
        ) AS secrets
    FROM claimed
    JOIN webhook_endpoints USING (endpoint_id)
    JOIN webhook_events USING (event_id)
    """
)
# One that was replayed or failed meanwhile keeps what it became; its attempt is noted all the same.
_SETTLE = text(
    """
    UPDATE webhook_deliveries SET
        attempts = CASE
            WHEN jsonb_array_length(attempts) >= :most THEN (attempts - 0) || given.attempt
            ELSE attempts || given.attempt
        END,
        state = CASE WHEN is_ours THEN given.state ELSE webhook_deliveries.state END,
        due_at = CASE WHEN is_ours THEN given.due_at ELSE webhook_deliveries.due_at END,
        attempts_made = CASE WHEN is_ours THEN attempts_made + 1 ELSE attempts_made END,
        first_attempt_at = CASE
            WHEN is_ours THEN coalesce(first_attempt_at, given.began_at) ELSE first_attempt_at
        END,
        updated_at = :now
    FROM (
        SELECT *, (
            SELECT d.state = 'pending' AND d.attempts_made = named.made FROM webhook_deliveries AS d
            WHERE d.delivery_id = named.delivery_id
        ) AS is_ours
        FROM jsonb_to_recordset(CAST(:outcomes AS jsonb)) AS named(
            delivery_id text, attempt jsonb, state text, due_at timestamptz, began_at timestamptz, made int
        )
    ) AS given
    WHERE webhook_deliveries.delivery_id = given.delivery_id
    """
)
_RECOVERED = text(
    "UPDATE webhook_endpoints SET failing_since = NULL"
    " WHERE endpoint_id = ANY(:these) AND failing_since IS NOT NULL"
)
_FAILED = text(
    """
    UPDATE webhook_endpoints SET failing_since = given.since
    FROM unnest(CAST(:these AS text[]), CAST(:since AS timestamptz[])) AS given(endpoint_id, since)
    WHERE webhook_endpoints.endpoint_id = given.endpoint_id AND failing_since IS NULL
    """
)
_DISABLE = text(
    """
    UPDATE webhook_endpoints SET enabled = false, disabled_reason = :reason, updated_at = :now
    WHERE endpoint_id = ANY(:these) AND enabled AND (:gone OR failing_since <= :failing_before)
    RETURNING endpoint_id, organization_id
    """
)
_FAIL_UNDELIVERABLE = text(
    """
    UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, updated_at = :now
    WHERE delivery_id = ANY(ARRAY(
        SELECT delivery_id FROM webhook_endpoints AS endpoint JOIN webhook_deliveries USING (endpoint_id)
        WHERE state = 'pending' AND NOT enabled
            AND (endpoint.deleted_at IS NOT NULL OR type <> 'endpoint.test')
        LIMIT :limit FOR UPDATE OF webhook_deliveries SKIP LOCKED
    ))
    """
)
_FORGET_DELIVERIES = text(
    """
    DELETE FROM webhook_deliveries WHERE delivery_id IN (
        SELECT delivery_id FROM webhook_deliveries
        WHERE delivery_id < :before AND state <> 'pending' ORDER BY delivery_id LIMIT :limit
    )
    """
)
_FORGET_EVENTS = text(
    """
    DELETE FROM webhook_events WHERE event_id IN (
        SELECT event_id FROM webhook_events
        WHERE event_id < :before AND published_at IS NOT NULL ORDER BY event_id LIMIT :limit
    )
    """
)
_FORGET_ENDPOINTS = text(
    """
    DELETE FROM webhook_endpoints WHERE endpoint_id IN (
        SELECT endpoint_id FROM webhook_endpoints AS endpoint WHERE deleted_at < :deleted_before
            AND NOT EXISTS (SELECT FROM webhook_deliveries WHERE endpoint_id = endpoint.endpoint_id)
        LIMIT :limit
    )
    """
)
_FORGET_DIAGNOSES = text(
    """
    DELETE FROM webhook_diagnoses WHERE batch_id IN (
        SELECT batch_id FROM webhook_diagnoses WHERE looked_at < :before ORDER BY looked_at LIMIT :limit
    )
    """
)


class PostgresWebhookQueue:
    """The deliveries of all organizations; implements `WebhookQueue`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(
        self, places: Mapping[EndpointId, int], *, each: int, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[ClaimedDelivery]:
        """Take due deliveries, for each endpoint as many as it has `places`, or `each`, in all `limit`."""
        asked = {
            "busy": list(places),
            "places": list(places.values()),
            "each": each,
            "limit": limit,
            "now": now,
            "lapses_at": now + lease,
        }
        async with single_statement(self._engine) as connection:
            return [_claimed(row) for row in (await connection.execute(_CLAIM, asked)).mappings()]

    async def settle(
        self, outcomes: Sequence[AttemptOutcome], now: datetime
    ) -> Mapping[EndpointId, DisabledReason]:
        """Keep what came of attempts; returns endpoints that were disabled for it."""
        async with transaction(self._engine) as connection:
            shapes = json.dumps([_shape(each) for each in outcomes])
            await connection.execute(_SETTLE, {"outcomes": shapes, "most": MAX_ATTEMPTS_KEPT, "now": now})
            return await _note_health(connection, outcomes, now)

    async def fail_undeliverable(self, now: datetime, limit: int) -> int:
        """Fail pending deliveries of endpoints that are disabled or gone; returns how many."""
        async with single_statement(self._engine) as connection:
            return (await connection.execute(_FAIL_UNDELIVERABLE, {"now": now, "limit": limit})).rowcount

    async def forget(self, now: datetime, limit: int) -> int:
        """Delete what is older than it is kept; returns how many rows."""
        steps = (
            (_FORGET_DELIVERIES, {"before": first_id_at(DELIVERY_PREFIX, now - KEPT_FOR)}),
            (_FORGET_EVENTS, {"before": first_id_at(EVENT_PREFIX, now - EVENTS_KEPT_FOR)}),
            (_FORGET_ENDPOINTS, {"deleted_before": now - KEPT_FOR}),
            (_FORGET_DIAGNOSES, {"before": now - KEPT_FOR}),
        )
        async with single_statement(self._engine) as connection:
            return sum(
                [
                    (await connection.execute(step, {**bound, "limit": limit})).rowcount
                    for step, bound in steps
                ]
            )


async def _note_health(
    connection: AsyncConnection, outcomes: Sequence[AttemptOutcome], now: datetime
) -> Mapping[EndpointId, DisabledReason]:
    """Keep since when endpoints fail, and disable those that are gone or failed for too long."""
    taken = sorted({each.claimed.endpoint_id for each in outcomes if each.attempt.is_success})
    failed: dict[EndpointId, datetime] = {}
    for each in outcomes:
        endpoint_id, at = each.claimed.endpoint_id, each.attempt.at
        if endpoint_id not in taken:
            failed[endpoint_id] = min(at, failed.get(endpoint_id, at))
    if taken:
        await connection.execute(_RECOVERED, {"these": taken})
    if failed:
        these = sorted(failed)
        await connection.execute(_FAILED, {"these": these, "since": [failed[each] for each in these]})
    gone = {each.claimed.endpoint_id for each in outcomes if each.attempt.is_gone}
    spent = {each.claimed.endpoint_id for each in outcomes if each.verdict.gives_up} - gone
    return {
        **await _disable(connection, gone, DisabledReason.GONE, now),
        **await _disable(connection, spent, DisabledReason.FAILING, now),
    }


async def _disable(
    connection: AsyncConnection, these: set[EndpointId], reason: DisabledReason, now: datetime
) -> Mapping[EndpointId, DisabledReason]:
    if not these:
        return {}
    asked = {
        "these": sorted(these),
        "reason": reason,
        "gone": reason is DisabledReason.GONE,
        "failing_before": now - TRIED_FOR,
        "now": now,
    }
    disabled = [
        (EndpointId(endpoint_id), OrganizationId(organization_id))
        for endpoint_id, organization_id in await connection.execute(_DISABLE, asked)
    ]
    await record_disabled(connection, disabled, reason, now)
    return {endpoint_id: reason for endpoint_id, _ in disabled}


def _shape(outcome: AttemptOutcome) -> dict[str, object]:
    due_at = outcome.verdict.due_at
    return {
        "delivery_id": outcome.claimed.delivery_id,
        "attempt": shape_of_attempt(outcome.attempt),
        "state": outcome.verdict.state,
        "due_at": None if due_at is None else due_at.isoformat(),
        "began_at": outcome.attempt.at.isoformat(),
        "made": outcome.claimed.attempts_made,
    }


def _claimed(row: RowMapping) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=DeliveryId(row["delivery_id"]),
        endpoint_id=EndpointId(row["endpoint_id"]),
        event_id=EventId(row["event_id"]),
        url=row["url"],
        body=row["body"],
        secrets=tuple(row["secrets"]),
        attempts_made=row["attempts_made"],
        first_attempt_at=row["first_attempt_at"],
    )
