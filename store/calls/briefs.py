"""Reads everything one dial needs to know, in one statement."""

from sqlalchemy import RowMapping, and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.identity import ContactId
from domain.ports import DialBrief
from store.schema.mapping import batch_of, call_of, campaign_of, contact_of, rules_version_of
from store.schema.tables import batches, calls, campaigns, contacts

# Built once: putting a statement together costs more than running it.
_READ = (
    select(contacts, batches, campaigns, calls)
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .join(campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .outerjoin(
        calls, and_(calls.c.contact_id == contacts.c.contact_id, calls.c.attempt == bindparam("this_attempt"))
    )
    .where(campaigns.c.deleted_at.is_(None), contacts.c.contact_id == bindparam("this_contact"))
)


async def read_brief(connection: AsyncConnection, contact_id: ContactId, attempt: int) -> DialBrief | None:
    """Return the brief, its counters left at zero; None when the contact no longer exists."""
    found = await connection.execute(_READ, {"this_contact": contact_id, "this_attempt": attempt})
    row = found.mappings().one_or_none()
    if row is None:
        return None
    return DialBrief(
        contact=contact_of(row),
        batch=batch_of(row),
        campaign=campaign_of(row),
        record=None if _has_no_call(row) else call_of(row),
        policy_version=rules_version_of(row),
    )


def _has_no_call(row: RowMapping) -> bool:
    return row[calls.c.execution_id] is None
