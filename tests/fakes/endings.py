"""Endings that wait to be delivered, in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from domain.ports import Backlog, UndeliveredEvent, WaitForEnding
from tests.fakes.tables import Tables

A_MOMENT = timedelta(milliseconds=5)


class FakeEndingStore:
    """Implements EndingStore; whoever listens hears nothing and looks again every moment."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def undelivered(self, *, after: int, limit: int) -> Sequence[UndeliveredEvent]:
        """Return endings that wait to be delivered, oldest first."""
        self._tables.require_up()
        waiting = [
            UndeliveredEvent(
                event_number=number,
                received_at=each.arrived_at,
                record=self._tables.calls[each.execution_id],
            )
            for number, each in enumerate(self._tables.events, start=1)
            if each.delivered_at is None and number > after
        ]
        return waiting[:limit]

    async def mark_delivered(self, event_numbers: Sequence[int], now: datetime) -> None:
        """Keep that the contacts' workflows were told of these events; the first time stands."""
        self._tables.require_up()
        for number in event_numbers:
            stored = self._tables.events[number - 1]
            if stored.delivered_at is None:
                self._tables.events[number - 1] = replace(stored, delivered_at=now)

    async def backlog(self) -> Backlog:
        """Return how many stored endings wait to be delivered, and since when."""
        self._tables.require_up()
        waiting = [each.arrived_at for each in self._tables.events if each.delivered_at is None]
        return Backlog(events=len(waiting), oldest_at=min(waiting, default=None))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[WaitForEnding]:
        """Wait for a moment."""
        self._tables.require_up()

        async def wait(patience: timedelta) -> None:
            await asyncio.sleep(min(patience, A_MOMENT).total_seconds())

        yield wait
