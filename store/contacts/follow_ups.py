"""Schedules the next call of a contact that was reached, at an agreed time."""

from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction
from domain.batch import BatchStatus
from domain.contact import Contact, ContactStatus
from domain.errors import ContactNotFound
from domain.identity import BatchId, ContactId
from domain.lifecycle import require_room_for_follow_up
from store.contacts.audit import record_contact
from store.schema.mapping import contact_of
from store.schema.tables import batches, calls, campaigns, contacts

# All rows are locked, and so seen as they are: the share locks keep the rules as they are, and the batch from
# ending, between the look and the move.
_LOCKED = (
    select(contacts, batches.c.status.label("batch_status"), campaigns.c.max_follow_ups)
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .join(campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(campaigns.c.deleted_at.is_(None), batches.c.deleted_at.is_(None))
    .suffix_with(text("FOR SHARE OF campaigns FOR SHARE OF batches FOR NO KEY UPDATE OF contacts"))
)


async def schedule_follow_up(
    connection: AsyncConnection, batch_id: BatchId, contact_id: ContactId, at: datetime, now: datetime
) -> Contact:
    """Let a completed contact wait for a follow-up; see `ContactStore.schedule_follow_up`."""
    c = contacts.c
    this = _LOCKED.where(c.contact_id == contact_id, c.batch_id == batch_id)
    row = (await connection.execute(this)).mappings().one_or_none()
    if row is None:
        raise ContactNotFound
    limit: int = row[campaigns.c.max_follow_ups]
    was = contact_of(row)
    require_room_for_follow_up(was, BatchStatus(row["batch_status"]), limit)
    moved = await connection.execute(
        update(contacts)
        .where(c.contact_id == contact_id)
        .values(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=at, updated_at=now)
        .returning(contacts)
    )
    scheduled = contact_of(moved.mappings().one())
    await record_contact(connection, AuditAction.CONTACT_FOLLOW_UP, was, scheduled, now)
    return scheduled


async def note_agreement(connection: AsyncConnection, contact_id: ContactId, agreed_at: datetime) -> None:
    """Keep with the newest call what was agreed after it, for a planned time moves with the rules."""
    c = calls.c
    newest = select(func.max(c.attempt)).where(c.contact_id == contact_id).scalar_subquery()
    await connection.execute(
        update(calls).where(c.contact_id == contact_id, c.attempt == newest).values(follow_up_at=agreed_at)
    )
