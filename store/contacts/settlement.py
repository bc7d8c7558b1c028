"""Moves one contact on, after a dial or by hand.

Each move is one guarded update; when the guard does not hold, the verb reads and returns what stands.
A guard that looks at more than the contact's own row holds its lock first: a statement that waits for a lock
sees all other rows as they were before. A contact is sent to wait under a share lock on the batch, so that
nobody waits in one that is over.
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    Boolean,
    Integer,
    RowMapping,
    Text,
    Update,
    any_,
    bindparam,
    case,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction
from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.call import OUTCOME_OF, AttemptKind, CallStatus, Outcome
from domain.contact import LIVE, SLEEPING, WAITING, WAITS_AS, Contact, ContactStatus, SkipReason, may_become
from domain.disposition import AnsweredBy
from domain.errors import ContactNotFound, DecisionOvertaken
from domain.identity import BatchId, ContactId
from domain.lifecycle import require_skippable
from domain.redial import corrected, corrected_late, taken_as
from domain.settlement import Basis, Settlement, basis_of
from store.calls.undialled import IS_UNDIALLED, cancel_undialled
from store.contacts.audit import record_contact
from store.contacts.batch_facts import locked_batch_facts
from store.schema.mapping import Values, batch_of, call_of, campaign_of, contact_of
from store.schema.tables import batches, calls, campaigns, contacts
from store.slots.returns import release_slot

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
        or_(
            not_(bindparam("has_basis", type_=Boolean)),
            exists().where(
                calls.c.contact_id == bindparam("this_contact"),
                calls.c.attempt == bindparam("this_attempt"),
                calls.c.answered_by.is_not_distinct_from(bindparam("known_answerer", type_=Text)),
                calls.c.disposition.is_not_distinct_from(bindparam("known_disposition", type_=Text)),
            ),
        ),
    )
    .returning(*_WHERE_IT_STANDS)
)
_TOLD = (
    select(contacts.c.status, calls.c.answered_by, calls.c.disposition)
    .join_from(contacts, calls, calls.c.contact_id == contacts.c.contact_id)
    .where(contacts.c.contact_id == bindparam("this_contact"), calls.c.attempt == bindparam("this_attempt"))
)

# For a contact that is moved the settlement itself keeps this; another one may have been skipped before.
_COUNT_SKIPPED = (
    update(contacts)
    .where(
        contacts.c.contact_id == bindparam("this_contact"),
        func.coalesce(contacts.c.settled_attempt, 0) < bindparam("this_attempt", type_=Integer),
        exists().where(
            calls.c.contact_id == bindparam("this_contact"),
            calls.c.attempt == bindparam("this_attempt"),
            calls.c.call_status.in_(sorted(OUTCOME_OF)),
        ),
    )
    .values(settled_attempt=bindparam("this_attempt", type_=Integer))
    .returning(contacts.c.contact_id)
)

# A new or corrected call takes this lock too.
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
    *,
    basis: Basis | None = None,
) -> Settlement:
    """Settle the contact's newest attempt, once; see `ContactStore.settle`. Runs within a transaction.

    Of a batch that ended since the decision was made nobody is called again, nor is a number that is
    suppressed or was erased: the outcome is taken.
    Of a call of which nobody knew how it ended, what was heard since is taken.
    Raises DecisionOvertaken where more was reported of the call than `basis` knows, and the contact is not
    settled yet.
    """
    if settlement.status in WAITING:
        settlement = await _settlement_in_force(connection, contact_id, attempt, settlement, now, basis)
    else:
        await connection.execute(_LOCKED_CONTACT, {"this_contact": contact_id})
    if settlement.status in _MAY_KNOW_TOO_LITTLE:
        settlement = await _corrected(connection, contact_id, attempt, settlement, basis)
    values: Values = {
        "this_contact": contact_id,
        "this_attempt": attempt,
        "movable": [status for status in LIVE if may_become(status, settlement.status)],
        "status": settlement.status,
        "next_retry_at": settlement.next_retry_at,
        "follow_up_at": settlement.follow_up_at,
        "updated_at": now,
        "settled_attempt": attempt,
        "has_basis": basis is not None,
        "known_answerer": None if basis is None else basis.answered_by,
        "known_disposition": None if basis is None else basis.disposition,
    }
    moved = (await connection.execute(_SETTLE, values)).mappings().one_or_none()
    if moved is not None:
        return _settlement_of(moved, is_first=True)
    await _require_basis(connection, contact_id, attempt, basis)
    # Its batch may have skipped it while its call ended: neither saw the other.
    await release_slot(connection, contact_id)
    is_first = await _is_counted_now(connection, contact_id, attempt)
    return _settlement_of(await _standing(connection, contact_id), is_first=is_first)


def _settlement_of(row: RowMapping, *, is_first: bool) -> Settlement:
    c = contacts.c
    return Settlement(
        status=ContactStatus(row[c.status]),
        next_retry_at=row[c.next_retry_at],
        follow_up_at=row[c.follow_up_at],
        is_first=is_first,
    )


async def _is_counted_now(connection: AsyncConnection, contact_id: ContactId, attempt: int) -> bool:
    """Tell whether this settles the ended call of a contact that was not moved, for the first time."""
    this = {"this_contact": contact_id, "this_attempt": attempt}
    return (await connection.execute(_COUNT_SKIPPED, this)).one_or_none() is not None


async def _require_basis(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, basis: Basis | None
) -> None:
    """Raise DecisionOvertaken where the contact was not moved because more is known by now."""
    if basis is None:
        return
    this = {"this_contact": contact_id, "this_attempt": attempt}
    told = (await connection.execute(_TOLD, this)).one_or_none()
    if told is None or ContactStatus(told.status) not in LIVE:
        return
    answered_by = None if told.answered_by is None else AnsweredBy(told.answered_by)
    if basis.is_outdated_by(answered_by, told.disposition):
        raise DecisionOvertaken


async def give_back(
    connection: AsyncConnection,
    contact_id: ContactId,
    attempt: int,
    now: datetime,
    *,
    due_at: datetime | None,
    ends: bool,
) -> ContactStatus:
    """Undo a dispatch that led to no dial; see `ContactStore.give_back`. Runs within a transaction."""
    facts = await locked_batch_facts(connection, contact_id, attempt, now)
    status = await _return_to_waiting(connection, contact_id, attempt, now)
    await release_slot(connection, contact_id)
    reason = _ENDED_AS.get(facts.batch_status)
    if reason is None and facts.is_suppressed:
        reason = SkipReason.SUPPRESSED
    if status in WAITING and reason is not None:
        return await skip(connection, contact_id, reason, now, detail=None)
    if facts.is_erased:  # the database has skipped it
        await connection.execute(cancel_undialled(now, calls.c.contact_id == contact_id))
        return status
    if due_at is not None:
        await connection.execute(_postponed(contact_id, due_at, now))
    return await _leave_as_it_ended(connection, contact_id, now) if ends else status


async def _leave_as_it_ended(
    connection: AsyncConnection, contact_id: ContactId, now: datetime
) -> ContactStatus:
    """End a contact that waits for a retry as the last call that has an outcome leaves it."""
    c, this = contacts.c, calls.c.contact_id == contact_id
    newest_ended = (
        select(calls, contacts, batches, campaigns)
        .join_from(calls, contacts, calls.c.contact_id == contacts.c.contact_id)
        .join(batches, batches.c.batch_id == contacts.c.batch_id)
        .join(campaigns, campaigns.c.campaign_id == contacts.c.campaign_id)
        .where(this, calls.c.call_status.in_(OUTCOME_OF), not_(IS_UNDIALLED))
        .order_by(calls.c.attempt.desc())
        .limit(1)
    )
    row = (await connection.execute(newest_ended)).mappings().one_or_none()
    if row is None:
        return ContactStatus((await _standing(connection, contact_id))[c.status])
    basis = basis_of(call_of(row), contact_of(row), batch_of(row), campaign_of(row), now)
    move = (
        update(contacts)
        .where(c.contact_id == contact_id, c.status == ContactStatus.RETRYING)
        .values(status=basis.ends_as, next_retry_at=None, follow_up_at=None, updated_at=now)
    )
    row = await _applied_or_standing(connection, contact_id, move)
    await connection.execute(cancel_undialled(now, this))
    return ContactStatus(row[c.status])


def _postponed(contact_id: ContactId, due_at: datetime, now: datetime) -> Update:
    c = contacts.c
    is_retry = c.status == ContactStatus.RETRYING
    return (
        update(contacts)
        .where(
            c.contact_id == contact_id,
            c.status.in_(sorted(SLEEPING)),
        )
        .values(
            next_retry_at=case((is_retry, due_at), else_=null()),
            follow_up_at=case((is_retry, null()), else_=due_at),
            updated_at=now,
        )
    )


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
            IS_UNDIALLED,
        )
        .values(
            {
                c.status: case({each.value: status.value for each, status in WAITS_AS.items()}, value=kind),
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
        await connection.execute(cancel_undialled(now, calls.c.contact_id == contact_id))
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
    was = contact_of(locked)
    require_skippable(was.status)
    await skip(connection, contact_id, SkipReason.MANUAL, now, detail=None)
    skipped = contact_of((await connection.execute(this)).mappings().one())
    await record_contact(connection, AuditAction.CONTACT_SKIP, was, skipped, now)
    return skipped


async def _settlement_in_force(
    connection: AsyncConnection,
    contact_id: ContactId,
    attempt: int,
    decided: Settlement,
    now: datetime,
    basis: Basis | None,
) -> Settlement:
    facts = await locked_batch_facts(connection, contact_id, attempt, now)
    outcome = None if facts.call_status is None else OUTCOME_OF.get(facts.call_status)
    if outcome is None:
        return decided
    is_as_decided = basis is not None and basis.call_status is facts.call_status
    if facts.batch_status in TERMINAL_BATCH or facts.is_suppressed or facts.is_erased:
        return Settlement(status=basis.ends_as if basis and is_as_decided else taken_as(outcome))
    if is_as_decided:
        return decided
    status = corrected_late(decided.status, outcome)
    return decided if status is decided.status else Settlement(status=status)


async def _corrected(
    connection: AsyncConnection,
    contact_id: ContactId,
    attempt: int,
    decided: Settlement,
    basis: Basis | None,
) -> Settlement:
    this = {"this_contact": contact_id, "this_attempt": attempt}
    call_status = await connection.scalar(_CALL_STATUS, this)
    if basis is not None and call_status == basis.call_status:
        return decided
    outcome = None if call_status is None else OUTCOME_OF.get(CallStatus(call_status))
    return decided if outcome is None else Settlement(status=corrected(decided.status, outcome))


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
