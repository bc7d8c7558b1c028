"""Contacts that sleep until a later attempt, and whose time has moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.identity import BatchId, ContactId


@dataclass(frozen=True, kw_only=True)
class RescheduledContact:
    """A contact that waited for a further attempt when the rules changed, as its row is now."""

    contact_id: ContactId
    position: int
    attempt: int
    """The one that is waited for."""
    due_at: datetime | None
    """None once no further attempt follows."""
    zone: str | None
    """The contact's own."""


class RescheduledStore(Protocol):
    """Contacts that sleep until a later attempt."""

    async def rescheduled_since(
        self, batch_id: BatchId, since: datetime, after_position: int, limit: int
    ) -> Sequence[RescheduledContact]:
        """Return contacts moved at that instant or later that wait, or would wait still, by position.

        Contacts that came to wait or to such an end since are among them.
        """
