"""Moves one contact on, after a dial or by hand.

Each move is one guarded update; when the guard does not hold, the verb reads and returns what stands.
Who is sent to wait is sent under a share lock on the batch, so that nobody waits in one that is over.
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    Integer,
    RowMapping,
    Text,
    Update,
    and_,
    any_,
    bindparam,
    case,
    func,
    null,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.call import OUTCOME_OF, AttemptKind, CallStatus, DialState, Outcome
from domain.contact import LIVE, WAITING, Contact, ContactStatus, SkipReason, may_become
from domain.errors import ContactNotFound
from domain.identity import BatchId, ContactId
from domain.lifecycle import require_skippable
from domain.redial import corrected, taken_as
from domain.settlement import Settlement
from store.mapping import Values, contact_of
from store.tables import batches, calls, contacts

_WAITED_IN = {
    AttemptKind.INITIAL: ContactStatus.PENDING,
    AttemptKind.RETRY: ContactStatus.RETRYING,
    AttemptKind.FOLLOW_UP: ContactStatus.FOLLOWUP_SCHEDULED,
}

_ENDED_AS = {
    BatchStatus.CANCELLED: SkipReason.BATCH_CANCELLED,
    BatchStatus.EXPIRED: SkipReason.BATCH_EXPIRED,
}

_MAY_KNOW_TOO_LITTLE = frozenset(
    status for status in ContactStatus for heard in Outcome if corrected(status, heard) is not status
)

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

_LOCKED_BATCH = (
    select(batches.c.status.label("batch_status"), calls.c.call_status)
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .outerjoin(
        calls, and_(calls.c.contact_id == contacts.c.contact_id, calls.c.attempt == bindparam("this_attempt"))
    )
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .suffix_with(text("FOR SHARE OF batches"))
)


# The newest word on the call is read under the contact's lock, which a correction of the call takes too.
_LOCKED_CONTACT = (
    select(contacts.c.contact_id)
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .with_for_update(key_share=True)
)
_CALL_STATUS = select(calls.c.call_status).where(
    calls.c.contact_id == bindparam("this_contact"), calls.c.attempt == bindparam("this_attempt")
)


async def settle(
    connection: AsyncConnection,
    contact_id: ContactId,
    attempt: int,
    settlement: Settlement,
    now: datetime,
) -> Settlement:
    """Settle the contact's newest attempt, once; see `ContactStore.settle`. Runs within a transaction.

    Of a batch that ended since the decision was made nobody is called again: the outcome is taken.
    Of a call of which nobody knew how it ended, what was heard since is taken.
    """
    if settlement.status in WAITING:
        settlement = await _settlement_in_force(connection, contact_id, attempt, settlement)
    elif settlement.status in _MAY_KNOW_TOO_LITTLE:
        settlement = await _corrected(connection, contact_id, attempt, settlement)
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
    """Undo a dispatch that led to no dial; see `ContactStore.give_back`. Runs within a transaction."""
    batch_status, _ = await _locked_batch(connection, contact_id, attempt)
    status = await _return_to_waiting(connection, contact_id, attempt, now)
    if status in WAITING and batch_status in _ENDED_AS:
        return await skip(connection, contact_id, _ENDED_AS[batch_status], now, detail=None)
    return status


async def _return_to_waiting(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, now: datetime
) -> ContactStatus:
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


async def skip_by_hand(
    connection: AsyncConnection, batch_id: BatchId, contact_id: ContactId, now: datetime
) -> Contact:
    """Skip a waiting contact on request; see `ContactStore.skip_by_hand`. Runs within a transaction."""
    c = contacts.c
    this = select(contacts).where(c.contact_id == contact_id, c.batch_id == batch_id)
    locked = (await connection.execute(this.with_for_update(key_share=True))).mappings().one_or_none()
    if locked is None:
        raise ContactNotFound
    require_skippable(contact_of(locked).status)
    await skip(connection, contact_id, SkipReason.MANUAL, now, detail=None)
    return contact_of((await connection.execute(this)).mappings().one())


async def _settlement_in_force(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, decided: Settlement
) -> Settlement:
    batch_status, call_status = await _locked_batch(connection, contact_id, attempt)
    outcome = None if call_status is None else OUTCOME_OF.get(call_status)
    if batch_status not in TERMINAL_BATCH or outcome is None:
        return decided
    return Settlement(status=taken_as(outcome))


async def _corrected(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, decided: Settlement
) -> Settlement:
    await connection.execute(_LOCKED_CONTACT, {"this_contact": contact_id})
    this = {"this_contact": contact_id, "this_attempt": attempt}
    call_status = await connection.scalar(_CALL_STATUS, this)
    outcome = None if call_status is None else OUTCOME_OF.get(CallStatus(call_status))
    return decided if outcome is None else Settlement(status=corrected(decided.status, outcome))


async def _locked_batch(
    connection: AsyncConnection, contact_id: ContactId, attempt: int
) -> tuple[BatchStatus, CallStatus | None]:
    """Keep the contact's batch as it is until the transaction ends; returns where it and the call stand."""
    this = {"this_contact": contact_id, "this_attempt": attempt}
    row = (await connection.execute(_LOCKED_BATCH, this)).mappings().one_or_none()
    if row is None:
        raise ContactNotFound
    call_status = row[calls.c.call_status]
    return BatchStatus(row["batch_status"]), None if call_status is None else CallStatus(call_status)


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
