"""Batches whose workflows rest until they are signalled, with nobody to call or none they know of."""

from datetime import datetime

from sqlalchemy import Select, exists, not_, or_, select

from domain.batch import TERMINAL_BATCH
from domain.contact import LIVE, WAITING
from store.schema.tables import batches, contacts


def with_reason_to_look(before: datetime, limit: int) -> Select[str]:
    """Select batches that were taken to rest before an instant and should look all the same, longest first.

    What was stored and not signalled shows in the rows: contacts, a close, an end.
    """
    c = batches.c
    somebody_is_left = exists().where(
        contacts.c.batch_id == c.batch_id, contacts.c.status.in_(sorted(LIVE | WAITING))
    )
    has_reason = or_(c.status.in_(sorted(TERMINAL_BATCH)), not_(c.keep_open), somebody_is_left)
    return select(c.batch_id).where(c.rests_since < before, has_reason).order_by(c.rests_since).limit(limit)
