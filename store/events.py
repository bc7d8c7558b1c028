"""Stores what is heard of a call, once, and moves the call record and its contact accordingly."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import CallRecord, CallStatus, EventEffect, EventSource, StatusEvent, apply_event
from domain.contact import ContactStatus
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId
from domain.ports import RecordedEvent
from store.mapping import call_of, call_values
from store.storable import storable_json, storable_text
from store.tables import call_events, calls, contacts

_ON_THE_PHONE = frozenset({CallStatus.RINGING, CallStatus.IN_PROGRESS})

# Several events come for every call, so their statements are put together once.
_FOUND = select(calls).where(calls.c.execution_id == bindparam("this_execution"))
_CALL = _FOUND.with_for_update(key_share=True)
# Where the contact is going to move, it is locked before its call, as everywhere.
_CALL_AND_CONTACT = _FOUND.join(contacts, contacts.c.contact_id == calls.c.contact_id).with_for_update(
    key_share=True, of=[contacts, calls]
)
_INSERT_EVENT = (
    insert(call_events)
    .on_conflict_do_nothing(index_elements=["execution_id", "event_key"])
    .returning(call_events.c.event_number)
)
_IS_KNOWN = select(calls.c.execution_id).where(calls.c.execution_id == bindparam("this_execution"))
_UPDATE_CALL = update(calls).where(calls.c.execution_id == bindparam("this_execution"))
_MOVE_CONTACT = (
    update(contacts)
    .where(
        contacts.c.contact_id == bindparam("this_contact"),
        contacts.c.status == ContactStatus.DISPATCHED,
        bindparam("this_attempt", type_=Integer)
        == select(func.max(calls.c.attempt))
        .where(calls.c.contact_id == bindparam("this_contact"))
        .scalar_subquery(),
    )
    .values(status=ContactStatus.IN_PROGRESS, updated_at=func.now())
)


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent:
    """A status event with the key that tells it from others of the same call."""

    execution_id: ExecutionId
    event: StatusEvent
    event_key: str
    body: Mapping[str, object] | None


async def record(connection: AsyncConnection, received: ReceivedEvent) -> RecordedEvent:
    """Store and apply an event; see `CallStore.record_event`. Runs within a transaction."""
    event = _storable(received.event)
    before = await _locked_call(connection, received.execution_id, event.status)
    event_number = await _store(connection, received, event)
    if event_number is None:
        return RecordedEvent(effect=EventEffect.DUPLICATE, record=before, event_number=None)
    after, effect = apply_event(before, event)
    if after != before:
        await _update_call(connection, before, after)
    if effect is EventEffect.ACCEPTED and event.status in _ON_THE_PHONE:
        await _move_contact(connection, after)
    return RecordedEvent(effect=effect, record=after, event_number=event_number)


async def keep(
    connection: AsyncConnection,
    execution_id: ExecutionId,
    *,
    event_key: str,
    body: Mapping[str, object],
    received_at: datetime,
) -> None:
    """Store a report without a status; see `CallStore.keep_event`. Runs within a transaction."""
    if await connection.scalar(_IS_KNOWN, {"this_execution": execution_id}) is None:
        return
    await connection.execute(
        _INSERT_EVENT,
        {
            "execution_id": execution_id,
            "event_key": storable_text(event_key),
            "source": EventSource.WEBHOOK,
            "received_at": received_at,
            "happened_at": received_at,
            "body": storable_json(dict(body)),
        },
    )


async def _locked_call(
    connection: AsyncConnection, execution_id: ExecutionId, status: CallStatus
) -> CallRecord:
    locked = _CALL_AND_CONTACT if status in _ON_THE_PHONE else _CALL
    found = await connection.execute(locked, {"this_execution": execution_id})
    row = found.mappings().one_or_none()
    if row is None:
        raise ExecutionNotFound
    return call_of(row)


async def _store(connection: AsyncConnection, received: ReceivedEvent, event: StatusEvent) -> int | None:
    """Insert the event; None when its key is known."""
    stored = await connection.execute(
        _INSERT_EVENT,
        {
            "execution_id": received.execution_id,
            "event_key": storable_text(received.event_key),
            "source": event.source,
            "call_status": event.status,
            "happened_at": event.happened_at,
            "body": None if received.body is None else storable_json(dict(received.body)),
        },
    )
    number: int | None = stored.scalar_one_or_none()
    return number


async def _update_call(connection: AsyncConnection, before: CallRecord, after: CallRecord) -> None:
    old, new = call_values(before), call_values(after)
    changed = {name: value for name, value in new.items() if value != old[name]}
    await connection.execute(_UPDATE_CALL, {"this_execution": after.execution_id, **changed})


async def _move_contact(connection: AsyncConnection, call: CallRecord) -> None:
    await connection.execute(_MOVE_CONTACT, {"this_contact": call.contact_id, "this_attempt": call.attempt})


def _storable(event: StatusEvent) -> StatusEvent:
    cleaned: dict[str, Any] = {}
    for each in fields(event):
        value = getattr(event, each.name)
        if type(value) is str and (storable := storable_text(value)) != value:
            cleaned[each.name] = storable
    return replace(event, **cleaned) if cleaned else event
