"""The audit log's entries about contacts: their ids and statuses, and nothing of who they are."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange, differing
from domain.contact import Contact
from store.audit.recording import record
from store.schema.tables import batches


async def record_contact(
    connection: AsyncConnection, action: AuditAction, was: Contact, became: Contact, now: datetime
) -> None:
    """Write that a contact was moved by hand."""
    before, after = differing(_told(was), _told(became))
    owner = select(batches.c.organization_id).where(batches.c.batch_id == was.batch_id).scalar_subquery()
    change = AuditedChange(action=action, object_id=was.contact_id, before=before, after=after)
    await record(connection, owner, change, now)


def _told(contact: Contact) -> Mapping[str, object]:
    return {
        "status": contact.status,
        "skip_reason": contact.skip_reason,
        "next_retry_at": contact.next_retry_at,
        "follow_up_at": contact.follow_up_at,
    }
