"""The database's clock, as every process reads it: hours, limits and ends are judged by one clock alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import StoreUnavailable
from store.database.engine import single_statement

_log = structlog.get_logger()

READ_EVERY = timedelta(seconds=10)
DIFFERENCE_WORTH_TELLING = timedelta(seconds=1)

# Counts on while the machine sleeps, and no step of the machine's clock moves it.
_TICKS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    at: datetime
    """What the database's clock showed."""
    ticks: float
    """When it was read, in seconds of this process's own count."""
    uncertainty: float
    """Half of the seconds the question took."""


class DatabaseClock:
    """Tells the database's time without asking it each time; the machine's own until it was read once.

    Between two readings it runs on by a count of seconds that no step of the machine's clock moves.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reading: _Reading | None = None

    def __call__(self) -> datetime:
        """Return the present instant, in UTC."""
        if self._reading is None:
            return datetime.now(UTC)
        return self._reading.at + timedelta(seconds=_ticks() - self._reading.ticks)

    async def read(self) -> None:
        """Read the database's clock. Raises StoreUnavailable."""
        async with single_statement(self._engine) as connection:
            await connection.execute(select(1))  # a connection that is opened first takes its time
            before = _ticks()
            at = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
            after = _ticks()
        self._take(_Reading(at=at, ticks=(before + after) / 2, uncertainty=(after - before) / 2))

    async def keep_reading(self, every: timedelta = READ_EVERY) -> None:
        """Read the database's clock again and again, until cancelled; it runs on while that fails."""
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                await self.read()
            except StoreUnavailable:
                _log.warning("the database's clock could not be read; counting on from the last reading")

    def _take(self, reading: _Reading) -> None:
        known = self._reading
        if known is None:
            _tell_difference(reading.at)
        elif known.uncertainty < reading.uncertainty and _agree(known, reading):
            return  # a slow answer knows no better
        self._reading = reading


@asynccontextmanager
async def running_clock(engine: AsyncEngine) -> AsyncIterator[DatabaseClock]:
    """Return the database's clock, read again and again while it is in use."""
    clock = DatabaseClock(engine)
    with suppress(StoreUnavailable):
        await clock.read()
    reading = asyncio.create_task(clock.keep_reading(), name="database clock")
    try:
        yield clock
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _agree(known: _Reading, reading: _Reading) -> bool:
    counted = known.at + timedelta(seconds=reading.ticks - known.ticks)
    return abs((counted - reading.at).total_seconds()) <= reading.uncertainty


def _tell_difference(at: datetime) -> None:
    difference = abs(datetime.now(UTC) - at)
    if difference > DIFFERENCE_WORTH_TELLING:
        _log.warning("this machine's clock differs from the database's", seconds=difference.total_seconds())


def _ticks() -> float:
    return time.clock_gettime(_TICKS)
