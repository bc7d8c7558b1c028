"""The question for contacts that changed rules moved, for the workflows that sleep."""

from datetime import datetime

from sqlalchemy import Select, and_, func, select, union_all

from domain.call import OUTCOME_OF
from domain.contact import SLEEPING, TERMINAL, ContactStatus
from domain.identity import BatchId
from store.schema.tables import calls, contacts
from store.schema.zones import ZONE_KEY

# Changed rules complete and skip nobody; a completed contact may wait for a follow-up by now.
_ENDED = sorted(TERMINAL - {ContactStatus.COMPLETED, ContactStatus.SKIPPED})


def moved_since(
    batch_id: BatchId, since: datetime, after_position: int, limit: int
) -> Select[str, int, str | None, datetime | None, int]:
    """Select by position; each status is read from the index on its own, so that a page stops early."""
    c = contacts.c
    by_status = [
        select(
            c.contact_id,
            c.position,
            ZONE_KEY.label("zone"),
            func.coalesce(c.next_retry_at, c.follow_up_at).label("due_at"),
        )
        .where(c.batch_id == batch_id, c.status == status, c.updated_at >= since, c.position > after_position)
        .order_by(c.position)
        .limit(limit)
        .subquery()
        for status in (*sorted(SLEEPING), *_ENDED)
    ]
    moved = union_all(*(select(each) for each in by_status)).subquery("moved")
    # An attempt that was given back undialled is the one that is waited for.
    newest = (
        select(func.max(calls.c.attempt))
        .where(and_(calls.c.contact_id == moved.c.contact_id, calls.c.call_status.in_(OUTCOME_OF)))
        .scalar_subquery()
    )
    return (
        select(moved.c.contact_id, moved.c.position, moved.c.zone, moved.c.due_at, func.coalesce(newest, 0))
        .order_by(moved.c.position)
        .limit(limit)
    )
