"""Gives slots back where no status changes; the triggers of `contacts` and `calls` do all the rest."""

from sqlalchemy import bindparam, delete, exists, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import LIVE
from domain.identity import ContactId
from store.schema.base import OPEN_ATTEMPT
from store.schema.tables import calls, contacts, slots

_RELEASE = delete(slots).where(
    slots.c.contact_id == bindparam("this_contact"),
    ~exists().where(contacts.c.contact_id == slots.c.contact_id, contacts.c.status.in_(sorted(LIVE))),
    ~exists().where(calls.c.contact_id == slots.c.contact_id, text(OPEN_ATTEMPT)),
)


async def release_slot(connection: AsyncConnection, contact_id: ContactId) -> None:
    """Give back the slot of a contact that is neither live nor has an open call."""
    await connection.execute(_RELEASE, {"this_contact": contact_id})
