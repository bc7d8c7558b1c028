"""What bears on a contact's being called again, read while it and its batch are held as they are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.errors import ContactNotFound
from domain.identity import ContactId
from store.numbers.suppressed import instant, is_suppressed
from store.schema.tables import batches, calls, contacts

# Locked first and read in a statement of its own, whose snapshot is no older than the locks.
_LOCKED = (
    select(contacts.c.contact_id)
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .suffix_with(text("FOR SHARE OF batches FOR NO KEY UPDATE OF contacts"))
)
_FACTS = (
    select(
        batches.c.status.label("batch_status"),
        contacts.c.erased_at,
        calls.c.call_status,
        is_suppressed(batches.c.organization_id, contacts.c.phone_number, instant("read_at")).label(
            "is_suppressed"
        ),
    )
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .outerjoin(
        calls, and_(calls.c.contact_id == contacts.c.contact_id, calls.c.attempt == bindparam("this_attempt"))
    )
    .where(contacts.c.contact_id == bindparam("this_contact"))
)


@dataclass(frozen=True, kw_only=True)
class BatchFacts:
    """What decides whether a contact is called again, apart from its attempt."""

    batch_status: BatchStatus
    call_status: CallStatus | None
    is_suppressed: bool
    is_erased: bool


async def locked_batch_facts(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, now: datetime
) -> BatchFacts:
    """Keep the contact and its batch as they are until the transaction ends; returns how all stands.

    Raises ContactNotFound.
    """
    this = {"this_contact": contact_id, "this_attempt": attempt, "read_at": now}
    await connection.execute(_LOCKED, {"this_contact": contact_id})
    row = (await connection.execute(_FACTS, this)).mappings().one_or_none()
    if row is None:
        raise ContactNotFound
    call_status = row[calls.c.call_status]
    return BatchFacts(
        batch_status=BatchStatus(row["batch_status"]),
        call_status=None if call_status is None else CallStatus(call_status),
        is_suppressed=row["is_suppressed"],
        is_erased=row["erased_at"] is not None,
    )
