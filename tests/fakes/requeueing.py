"""Who is copied by a requeue."""

from datetime import datetime

from domain.batch import NewBatch
from domain.contact import Contact, SkipReason
from domain.ports import CalledAgain
from tests.fakes.tables import Tables


def is_called_again(
    tables: Tables, contact: Contact, new: NewBatch, which: CalledAgain, now: datetime
) -> bool:
    """Tell whether a requeue copies a contact."""
    if contact.status not in which.statuses:
        return False
    left_out = (SkipReason.INVALID_NUMBER, SkipReason.SUPPRESSED, SkipReason.ERASED)
    if contact.skip_reason in left_out or contact.erased_at is not None:
        return False
    if tables.is_suppressed(new.organization_id, contact.phone_number, now):
        return False
    newest = tables.newest_call(contact.contact_id)
    disposition = None if newest is None else newest.disposition
    return not which.dispositions or disposition in which.dispositions
