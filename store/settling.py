"""Moves contacts on after a dial.

Each verb is one guarded update; when the guard does not hold, it reads and returns what stands.
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    Integer,
    RowMapping,
    Text,
    Update,
    any_,
    bindparam,
    case,
    func,
    null,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import LIVE, WAITING, ContactStatus, SkipReason, may_become
from domain.errors import ContactNotFound
from domain.identity import ContactId
from domain.settlement import Settlement
from store.mapping import Values
from store.tables import calls, contacts

_WAITED_IN = {
    AttemptKind.INITIAL: ContactStatus.PENDING,
    AttemptKind.RETRY: ContactStatus.RETRYING,
    AttemptKind.FOLLOW_UP: ContactStatus.FOLLOWUP_SCHEDULED,
}

_WHERE_IT_STANDS = (contacts.c.status, contacts.c.next_retry_at, contacts.c.follow_up_at)

# Settled once per call, so put together once.
_SETTLE = (
    update(contacts)
    .where(
        contacts.c.contact_id == bindparam("this_contact"),
        contacts.c.status == any_(bindparam("movable", type_=ARRAY(Text))),
        bindparam("this_attempt", type_=Integer)
        == select(func.max(calls.c.attempt))
        .where(calls.c.contact_id == bindparam("this_contact"))
        .scalar_subquery(),
    )
    .returning(*_WHERE_IT_STANDS)
)


async def settle(
    connection: AsyncConnection,
    contact_id: ContactId,
    attempt: int,
    settlement: Settlement,
    now: datetime,
) -> Settlement:
    """Settle the contact's newest attempt, once; see `ContactStore.settle`."""
    values: Values = {
        "this_contact": contact_id,
        "this_attempt": attempt,
        "movable": [status for status in LIVE if may_become(status, settlement.status)],
        "status": settlement.status,
        "next_retry_at": settlement.next_retry_at,
        "follow_up_at": settlement.follow_up_at,
        "updated_at": now,
    }
    moved = (await connection.execute(_SETTLE, values)).mappings().one_or_none()
    row = await _standing(connection, contact_id) if moved is None else moved
    c = contacts.c
    return Settlement(
        status=ContactStatus(row[c.status]),
        next_retry_at=row[c.next_retry_at],
        follow_up_at=row[c.follow_up_at],
    )


async def give_back(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, now: datetime
) -> ContactStatus:
    """Undo a dispatch that led to no dial; see `ContactStore.give_back`."""
    c = contacts.c
    kind = calls.c.kind
    move = (
        update(contacts)
        .where(
            c.contact_id == contact_id,
            c.status == ContactStatus.DISPATCHED,
            calls.c.contact_id == c.contact_id,
            calls.c.attempt == attempt,
            calls.c.dial_state == DialState.READY,
            calls.c.call_status == CallStatus.QUEUED,
        )
        .values(
            {
                c.status: case({each.value: status.value for each, status in _WAITED_IN.items()}, value=kind),
                c.next_retry_at: case((kind == AttemptKind.RETRY, now), else_=null()),
                c.follow_up_at: case((kind == AttemptKind.FOLLOW_UP, now), else_=null()),
                c.retry_count: case((kind == AttemptKind.RETRY, c.retry_count - 1), else_=c.retry_count),
                c.follow_up_count: case(
                    (kind == AttemptKind.FOLLOW_UP, c.follow_up_count - 1), else_=c.follow_up_count
                ),
                c.updated_at: now,
            }
        )
    )
    row = await _applied_or_standing(connection, contact_id, move)
    return ContactStatus(row[c.status])


async def skip(
    connection: AsyncConnection,
    contact_id: ContactId,
    reason: SkipReason,
    now: datetime,
    *,
    detail: str | None,
) -> ContactStatus:
    """Skip a waiting contact; see `ContactStore.skip`."""
    c = contacts.c
    move = (
        update(contacts)
        .where(c.contact_id == contact_id, c.status.in_(WAITING))
        .values(
            status=ContactStatus.SKIPPED,
            skip_reason=reason,
            skip_detail=detail,
            next_retry_at=None,
            follow_up_at=None,
            updated_at=now,
        )
    )
    row = await _applied_or_standing(connection, contact_id, move)
    status = ContactStatus(row[c.status])
    if status is ContactStatus.SKIPPED:
        await connection.execute(_cancel_undialled(contact_id, now))
    return status


def _cancel_undialled(contact_id: ContactId, now: datetime) -> Update:
    return (
        update(calls)
        .where(
            calls.c.contact_id == contact_id,
            calls.c.dial_state == DialState.READY,
            calls.c.call_status == CallStatus.QUEUED,
        )
        .values(call_status=CallStatus.CANCELLED, ended_at=now)
    )


async def _applied_or_standing(
    connection: AsyncConnection, contact_id: ContactId, move: Update
) -> RowMapping:
    """Apply a move and return where the contact stands after it, or where it stood when it did not apply."""
    moved = (await connection.execute(move.returning(*_WHERE_IT_STANDS))).mappings().one_or_none()
    return await _standing(connection, contact_id) if moved is None else moved


async def _standing(connection: AsyncConnection, contact_id: ContactId) -> RowMapping:
    standing = select(*_WHERE_IT_STANDS).where(contacts.c.contact_id == contact_id)
    row = (await connection.execute(standing)).mappings().one_or_none()
    if row is None:
        raise ContactNotFound
    return row
