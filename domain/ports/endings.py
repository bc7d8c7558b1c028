"""Endings of calls on their way from the webhook that told them to the workflows of their contacts."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.call import CallRecord


@dataclass(frozen=True, kw_only=True)
class UndeliveredEvent:
    """A stored ending of which the contact's workflow has not been told."""

    event_number: int
    received_at: datetime
    record: CallRecord
    """The call as it stands now."""


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How far the delivery of stored endings is behind."""

    events: int
    oldest_at: datetime | None
    """When the oldest of them was received, None when there is none."""


WaitForEnding = Callable[[timedelta], Awaitable[None]]
"""Return once an ending may have been stored, after so long at the latest."""


class EndingStore(Protocol):
    """Stored endings that wait to be delivered."""

    async def undelivered(self, *, after: int, limit: int) -> Sequence[UndeliveredEvent]:
        """Return endings that wait to be delivered, oldest first, those numbered above `after`."""

    async def mark_delivered(self, event_numbers: Sequence[int], now: datetime) -> None:
        """Mark these events as delivered to the contacts' workflows; the first time stands."""

    async def backlog(self) -> Backlog:
        """Return how many stored endings wait to be delivered, and since when."""

    def listening(self) -> AbstractAsyncContextManager[WaitForEnding]:
        """Listen for endings as they are stored, by whichever process; some may go unheard."""


class EndingDelivery(Protocol):
    """The way from a stored ending to the workflow of its contact."""

    async def deliver(self, record: CallRecord) -> bool:
        """Tell the contact's workflow where its call stands; False when it cannot be told now.

        True also when that workflow is over, for then nobody waits for the news.
        """
