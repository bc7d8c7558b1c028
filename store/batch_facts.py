"""What bears on a contact's being called again, read while its batch is held as it is."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.errors import ContactNotFound
from domain.identity import ContactId
from store.suppressed_numbers import instant, is_suppressed
from store.tables import batches, calls, contacts

_LOCKED_BATCH = (
    select(
        batches.c.status.label("batch_status"),
        calls.c.call_status,
        is_suppressed(batches.c.organization_id, contacts.c.phone_number, instant("looked_at")).label(
            "is_suppressed"
        ),
    )
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .outerjoin(
        calls, and_(calls.c.contact_id == contacts.c.contact_id, calls.c.attempt == bindparam("this_attempt"))
    )
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .suffix_with(text("FOR SHARE OF batches"))
)


@dataclass(frozen=True, kw_only=True)
class BatchFacts:
    """What bears on a contact's being called again, besides its attempt."""

    batch_status: BatchStatus
    call_status: CallStatus | None
    is_suppressed: bool


async def locked_batch_facts(
    connection: AsyncConnection, contact_id: ContactId, attempt: int, now: datetime
) -> BatchFacts:
    """Keep the contact's batch as it is until the transaction ends; returns how it and the call stand.

    Raises ContactNotFound.
    """
    this = {"this_contact": contact_id, "this_attempt": attempt, "looked_at": now}
    row = (await connection.execute(_LOCKED_BATCH, this)).mappings().one_or_none()
    if row is None:
        raise ContactNotFound
    call_status = row[calls.c.call_status]
    return BatchFacts(
        batch_status=BatchStatus(row["batch_status"]),
        call_status=None if call_status is None else CallStatus(call_status),
        is_suppressed=row["is_suppressed"],
    )
