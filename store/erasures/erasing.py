"""Empties some contacts and all that hangs on them, within one transaction.

Each statement marks rows; the triggers `…_stay_erased` empty what is marked, now or when a call that goes on
has ended, and keep it so. Rows are locked in the order contact, call, event, delivery.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    Text,
    any_,
    bindparam,
    case,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import ContactStatus
from domain.disposition_report import CLOSED_AFTER
from domain.identity import BatchId, ContactId, OrganizationId
from domain.suppression import SkippedContact
from domain.webhooks import WebhookEvent
from store.calls.undialled import cancel_undialled
from store.database.parameters import among
from store.numbers.frequency import caps_look_back
from store.numbers.suppressed import number_hash
from store.schema.base import INSTANT
from store.schema.tables import calls, webhook_events
from store.webhooks.news import read_news

WriteBody = Callable[[WebhookEvent], str]

GOES_ON_FOR = timedelta(days=1)
"""No call goes on longer than this."""

_these = bindparam("these", type_=ARRAY(Text))
_now = bindparam("now", type_=INSTANT)
_owner = bindparam("owner", type_=Text)
# Caps count a call from its start; its callee may be reported to have opted out after its end.
_hash_until = func.greatest(
    calls.c.started_at + caps_look_back(_owner),
    func.coalesce(calls.c.ended_at, _now + literal(GOES_ON_FOR)) + literal(CLOSED_AFTER),
    type_=INSTANT,
)

_MARK_CONTACTS = text(
    """
    UPDATE contacts SET erased_at = :now
    FROM (
        SELECT contact_id, status AS was FROM contacts
        WHERE contact_id = ANY(:these) AND erased_at IS NULL FOR NO KEY UPDATE
    ) AS before
    WHERE contacts.contact_id = before.contact_id
    RETURNING contacts.batch_id, contacts.contact_id, contacts.status, before.was
    """
).bindparams(bindparam("now", type_=INSTANT), _these)
_MARK_CALLS = (
    update(calls)
    .where(calls.c.contact_id == any_(_these), calls.c.erased_at.is_(None))
    .values(
        erased_at=_now,
        number_hash=case((_hash_until > _now, number_hash(_owner, calls.c.to_number))),
        hash_until=case((_hash_until > _now, _hash_until)),
    )
    .returning(calls.c.execution_id)
)
_EMPTY_REPORTS = text(
    "UPDATE call_events SET body = NULL WHERE execution_id = ANY(:these) AND body IS NOT NULL"
).bindparams(_these)
_HELD_EVENTS = (
    select(webhook_events)
    .where(webhook_events.c.contact_id == any_(_these), webhook_events.c.erased_at.is_(None))
    .order_by(webhook_events.c.event_id)
    .with_for_update(key_share=True)
)
_MARK_EVENTS = text(
    """
    UPDATE webhook_events SET erased_at = :now, body = given.body
    FROM unnest(CAST(:these AS text[]), CAST(:bodies AS text[])) AS given(event_id, body)
    WHERE webhook_events.event_id = given.event_id
    """
).bindparams(bindparam("now", type_=INSTANT))
_EMPTY_ANSWERS = text(
    """
    UPDATE webhook_deliveries SET attempts = attempts
    WHERE endpoint_id IN (SELECT endpoint_id FROM webhook_endpoints WHERE organization_id = :owner)
        AND event_id = ANY(:these)
    """
).bindparams(_these)


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """How much was emptied, and who was skipped for it."""

    contacts: int
    calls: int
    events: int
    skipped: Sequence[SkippedContact]


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """Empties contacts of one organization."""

    organization_id: OrganizationId
    write_body: WriteBody
    """Returns the body of an event as it is posted."""

    async def empty(
        self, connection: AsyncConnection, contact_ids: Sequence[ContactId], now: datetime
    ) -> Emptied:
        """Empty those contacts that are not emptied yet; one on the phone follows when its call has ended."""
        marked = (await connection.execute(_MARK_CONTACTS, {"these": contact_ids, "now": now})).all()
        these = [each.contact_id for each in marked]
        skipped = [
            SkippedContact(
                batch_id=BatchId(each.batch_id),
                contact_id=ContactId(each.contact_id),
                was=ContactStatus(each.was),
            )
            for each in marked
            if each.status == ContactStatus.SKIPPED and each.was != ContactStatus.SKIPPED
        ]
        if skipped:
            theirs = calls.c.contact_id == among([each.contact_id for each in skipped])
            await connection.execute(cancel_undialled(now, theirs))
        of_calls = {"these": these, "now": now, "owner": self.organization_id}
        called = (await connection.scalars(_MARK_CALLS, of_calls)).all()
        reports = (await connection.execute(_EMPTY_REPORTS, {"these": called})).rowcount
        events = await self._empty_events(connection, these, now)
        return Emptied(contacts=len(these), calls=len(called), events=reports + events, skipped=skipped)

    async def _empty_events(
        self, connection: AsyncConnection, contact_ids: Sequence[str], now: datetime
    ) -> int:
        """Mark the events about contacts, those with a body under a new one; returns how many had one."""
        c = webhook_events.c
        held = (await connection.execute(_HELD_EVENTS, {"these": contact_ids})).mappings().all()
        if not held:
            return 0
        ids = [row[c.event_id] for row in held]
        without = {"these": ids, "bodies": [None] * len(ids), "now": now}
        await connection.execute(_MARK_EVENTS, without)
        told = [row[c.event_id] for row in held if row[c.body] is not None]
        await self._rewrite(connection, told, now)
        await connection.execute(_EMPTY_ANSWERS, {"these": ids, "owner": self.organization_id})
        return len(told)

    async def _rewrite(self, connection: AsyncConnection, event_ids: Sequence[str], now: datetime) -> None:
        c = webhook_events.c
        marked = select(webhook_events).where(c.event_id == among(event_ids))
        events, _ = await read_news(connection, (await connection.execute(marked)).mappings().all())
        bodies = {"these": [each.event_id for each in events], "bodies": list(map(self.write_body, events))}
        await connection.execute(_MARK_EVENTS, {**bodies, "now": now})
