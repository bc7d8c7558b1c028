"""Stores what is heard of a call, once, and moves the call record and its contact accordingly."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Integer, Select, Text, any_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import (
    OUTCOME_OF,
    CallRecord,
    CallStatus,
    EventEffect,
    EventSource,
    Outcome,
    StatusEvent,
    apply_event,
    has_ended,
)
from domain.contact import ContactStatus
from domain.disposition import MACHINES, OnMachine
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId
from domain.ports import RecordedEvent
from domain.redial import corrected_late, outcome_under, taken_as
from domain.zones import FROM_NUMBER
from store.calls.endings import TELL_LISTENERS
from store.database.text import storable_body, storable_text
from store.schema.json_columns import retry_policy_of
from store.schema.mapping import call_of, call_values
from store.schema.tables import batches, call_events, calls, campaigns, contacts

_ON_THE_PHONE = frozenset({CallStatus.RINGING, CallStatus.IN_PROGRESS})

# Several events come for every call, so their statements are put together once.
_FOUND = select(calls).where(calls.c.execution_id == bindparam("this_execution"))
_CALL = _FOUND.with_for_update(key_share=True)
# Where the contact is going to move, it is locked before its call, as everywhere.
_CALL_AND_CONTACT = _FOUND.join(contacts, contacts.c.contact_id == calls.c.contact_id).with_for_update(
    key_share=True, of=[contacts, calls]
)
# A correction may change what is counted of a batch that is over, so the batch is held before both.
_CORRECTED_CALL = (
    _FOUND.join(contacts, contacts.c.contact_id == calls.c.contact_id)
    .join(batches, batches.c.batch_id == contacts.c.batch_id)
    .suffix_with(text("FOR SHARE OF batches FOR NO KEY UPDATE OF contacts FOR NO KEY UPDATE OF calls"))
)
_INSERT_EVENT = (
    insert(call_events)
    .on_conflict_do_nothing(index_elements=["execution_id", "event_key"])
    .returning(call_events.c.event_number)
)
# An event that its workflow does not need counts as delivered when it arrives.
_INSERT_NEWS = _INSERT_EVENT.values(delivered_at=None).returning(TELL_LISTENERS)
_INSERT_NO_NEWS = _INSERT_EVENT.values(delivered_at=func.now())
_IS_KNOWN = select(calls.c.execution_id).where(calls.c.execution_id == bindparam("this_execution"))
# Of times without an offset, in requests for follow-ups as in reports of them.
_ZONE = (
    select(
        func.coalesce(
            func.nullif(func.coalesce(batches.c.timezone, campaigns.c.timezone), FROM_NUMBER),
            campaigns.c.fallback_timezone,
        )
    )
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(batches.c.batch_id == bindparam("this_batch"))
)
_ON_MACHINE = (
    select(func.coalesce(batches.c.on_machine, campaigns.c.on_machine))
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(batches.c.batch_id == bindparam("this_batch"))
)
_RETRY_POLICY = (
    select(func.coalesce(batches.c.retry_policy, campaigns.c.retry_policy))
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(batches.c.batch_id == bindparam("this_batch"))
)
_UPDATE_CALL = update(calls).where(calls.c.execution_id == bindparam("this_execution"))
_MOVE_CONTACT = (
    update(contacts)
    .where(
        contacts.c.contact_id == bindparam("this_contact"),
        contacts.c.status == any_(bindparam("movable", type_=ARRAY(Text))),
        bindparam("this_attempt", type_=Integer)
        == select(func.max(calls.c.attempt))
        .where(calls.c.contact_id == bindparam("this_contact"))
        .scalar_subquery(),
    )
    .values(status=bindparam("moves_to", type_=Text), next_retry_at=None, updated_at=func.now())
)


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent:
    """A status event with the key that tells it from others of the same call."""

    execution_id: ExecutionId
    event: StatusEvent
    event_key: str
    body: Mapping[str, object] | None


async def record(connection: AsyncConnection, received: ReceivedEvent) -> RecordedEvent | None:
    """Store and apply an event; see `CallStore.record_event`. Runs within a transaction.

    None, with nothing written, for an ending that may correct the contact or tell more of an ended call: it
    is for `record_correction`, in a transaction of its own, because the contact is locked before its call.
    """
    locked = _CALL_AND_CONTACT if received.event.status in _ON_THE_PHONE else _CALL
    before = await _locked_call(connection, received.execution_id, locked)
    if _needs_the_contact(before, received.event):
        return None
    return await _apply(connection, received, before)


def _needs_the_contact(call: CallRecord, event: StatusEvent) -> bool:
    """Tell whether an ending bears on the contact, which may be settled by what was known before."""
    if not (has_ended(call.call_status) and has_ended(event.status)):
        return False
    tells_more = event.answered_by is not None or event.disposition is not None
    return call.call_status is CallStatus.UNKNOWN or tells_more


async def record_correction(connection: AsyncConnection, received: ReceivedEvent) -> RecordedEvent:
    """Store and apply an event of a call that ended as unknown, and correct the contact settled by that."""
    before = await _locked_call(connection, received.execution_id, _CORRECTED_CALL)
    return await _apply(connection, received, before)


async def _apply(connection: AsyncConnection, received: ReceivedEvent, before: CallRecord) -> RecordedEvent:
    event = _storable(await _with_instants(connection, received.event, before))
    after, effect = apply_event(before, event)
    is_ending = effect is EventEffect.ACCEPTED and has_ended(event.status)
    is_news = is_ending or await _is_machine_news(connection, before, after)
    event_number = await _store(connection, received, event, is_news=is_news)
    is_late = has_ended(before.call_status)
    if event_number is None:
        return RecordedEvent(effect=EventEffect.DUPLICATE, record=before, event_number=None, is_late=is_late)
    if after != before:
        await update_call(connection, before, after)
    if effect is EventEffect.ACCEPTED:
        await _move_contact(connection, before, after)
    return RecordedEvent(effect=effect, record=after, event_number=event_number, is_late=is_late)


async def _with_instants(connection: AsyncConnection, event: StatusEvent, call: CallRecord) -> StatusEvent:
    if event.local_follow_up is None:
        return event
    timezone: str = await connection.scalar(_ZONE, {"this_batch": call.batch_id})
    return event.in_zone(timezone)


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
            "body": storable_body(body),
            "delivered_at": received_at,
        },
    )


async def _locked_call(
    connection: AsyncConnection, execution_id: ExecutionId, locked: Select[*tuple[Any, ...]]
) -> CallRecord:
    found = await connection.execute(locked, {"this_execution": execution_id})
    row = found.mappings().one_or_none()
    if row is None:
        raise ExecutionNotFound
    return call_of(row)


async def _store(
    connection: AsyncConnection, received: ReceivedEvent, event: StatusEvent, *, is_news: bool
) -> int | None:
    """Insert the event; None when its key is known."""
    is_told = is_news and event.source is EventSource.WEBHOOK
    stored = await connection.execute(
        _INSERT_NEWS if is_told else _INSERT_NO_NEWS,
        {
            "execution_id": received.execution_id,
            "event_key": storable_text(received.event_key),
            "source": event.source,
            "call_status": event.status,
            "happened_at": event.happened_at,
            "body": None if received.body is None else storable_body(received.body),
            "unread_fields": list(event.unread_fields) or None,
        },
    )
    number: int | None = stored.scalar_one_or_none()
    return number


async def keep_machine_news(
    connection: AsyncConnection, before: CallRecord, after: CallRecord, now: datetime
) -> None:
    """Have the contact's workflow told of a machine that its agent reported, where it is to hang up."""
    if not await _is_machine_news(connection, before, after):
        return
    news = {
        "execution_id": after.execution_id,
        "event_key": f"agent:{now.isoformat()}",
        "source": EventSource.WEBHOOK,
        "happened_at": now,
    }
    await connection.execute(_INSERT_NEWS, news)


async def _is_machine_news(connection: AsyncConnection, before: CallRecord, after: CallRecord) -> bool:
    """Tell whether a call that goes on turned out to be answered by a machine, and is to be hung up on."""
    is_new = after.answered_by in MACHINES and before.answered_by not in MACHINES
    if not is_new or has_ended(after.call_status):
        return False
    on_machine: str = await connection.scalar(_ON_MACHINE, {"this_batch": after.batch_id})
    return on_machine == OnMachine.HANG_UP


async def update_call(connection: AsyncConnection, before: CallRecord, after: CallRecord) -> None:
    old, new = call_values(before), call_values(after)
    changed = {name: value for name, value in new.items() if value != old[name]}
    await connection.execute(_UPDATE_CALL, {"this_execution": after.execution_id, **changed})


async def _move_contact(connection: AsyncConnection, before: CallRecord, after: CallRecord) -> None:
    """Move the contact of the newest attempt as the call's move demands it."""
    if after.call_status in _ON_THE_PHONE:
        moved, moves_to = [ContactStatus.DISPATCHED], ContactStatus.IN_PROGRESS
    elif before.call_status is CallStatus.UNKNOWN and after.call_status in OUTCOME_OF:
        outcome = await _outcome_in_force(connection, after)
        moved = [each for each in ContactStatus if corrected_late(each, outcome) is not each]
        moves_to = taken_as(outcome)
    else:
        return
    move = {
        "this_contact": after.contact_id,
        "this_attempt": after.attempt,
        "movable": moved,
        "moves_to": moves_to,
    }
    await connection.execute(_MOVE_CONTACT, move)


async def _outcome_in_force(connection: AsyncConnection, call: CallRecord) -> Outcome:
    """Return how a call ended in the eyes of its policy, which is asked where a machine answered."""
    outcome = OUTCOME_OF[call.call_status]
    if call.answered_by not in MACHINES:
        return outcome
    policy = retry_policy_of(await connection.scalar(_RETRY_POLICY, {"this_batch": call.batch_id}))
    return outcome_under(policy, outcome, call.answered_by)


def _storable(event: StatusEvent) -> StatusEvent:
    cleaned: dict[str, Any] = {}
    for each in fields(event):
        value = getattr(event, each.name)
        if type(value) is str and (storable := storable_text(value)) != value:
            cleaned[each.name] = storable
    if event.disposition_data is not None:
        cleaned["disposition_data"] = storable_body(event.disposition_data)
    return replace(event, **cleaned) if cleaned else event
