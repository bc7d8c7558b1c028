"""A person who asks to be forgotten: what is emptied of a contact and its calls, and what came of it.

The database empties rows by itself, with the triggers `contacts_stay_erased` and `calls_stay_erased`; the two
functions say the same of objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.call import CallRecord
from domain.contact import Contact
from domain.identity import ErasureId
from domain.suppression import SkippedContact


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What an organization held of a person, and holds no more."""

    erasure_id: ErasureId
    contacts: int
    calls: int
    events: int
    """Bodies of events, received and posted."""
    skipped: Sequence[SkippedContact] = ()
    """Contacts that waited to be called."""


def erased_contact(contact: Contact) -> Contact:
    """Return a contact without what it says of its person."""
    return replace(
        contact,
        phone_number="",
        external_id=None,
        timezone=None,
        number_timezones=None,
        call_variables={},
        skip_detail=None,
    )


def erased_call(record: CallRecord) -> CallRecord:
    """Return a call without its number and its texts."""
    return replace(
        record,
        to_number="",
        recording_url=None,
        transcript=None,
        summary=None,
        sentiment=None,
        hangup_by=None,
        hangup_reason=None,
        error=None,
        disposition_note=None,
        disposition_data=None,
    )
