"""People who ask to be forgotten."""

from datetime import datetime
from typing import Protocol

from domain.erasure import Erasure
from domain.identity import OrganizationId


class ErasureStore(Protocol):
    """What organizations hold of people."""

    async def erase(self, organization_id: OrganizationId, phone_number: str, now: datetime) -> Erasure:
        """Empty whatever the organization holds of the person with this number; again, it finds nothing.

        Contacts that wait are skipped; one on the phone is emptied when its call has ended, and is not called
        again. The number stays suppressed where it was.
        """
