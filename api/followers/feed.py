"""One reader for all who follow a batch in this process."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing

from api.followers.snapshots import END, Snapshot
from api.http.refusals import RateLimited
from domain.errors import BatchNotFound, TechnicalError

READ_EVERY_SECONDS = 0.5
"""No follower hears of changes more often."""
FOLLOWERS_IN_A_HURRY, SLOWEST = 250, 4
"""Beyond so many followers of a batch they get events more rarely, so that they cost no more; up to so many
times as rarely."""
REST_AFTER_FAILURE_SECONDS = 2.0
GATES = 10
"""Followers get events in so many groups, spread over the time between two reads, so that between them other
requests have their turn."""

MOST_FOLLOWERS = 2000
"""In one process, of all batches together."""
LONGEST_SECONDS = 900.0
"""Then the client comes again, and its token is looked at."""
_RETRY_AFTER_SECONDS = 10

Read = Callable[[], Awaitable[Snapshot]]


class Feed:
    """A batch that is read while somebody follows it."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._latest: Snapshot | None = None
        self._is_over = False
        """Nothing will change any more."""
        self._is_read = True
        """False once the reader has ended, whatever it ended by."""
        self._gates = [asyncio.Event() for _ in range(GATES)]
        self._shown: list[Snapshot | None] = [None] * GATES
        self.followers = 0
        self._came = 0
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_followed(self) -> bool:
        return self.followers > 0

    async def events(self, last_id: str | None, until: float) -> AsyncGenerator[bytes]:
        """Yield the batch, unless `last_id` names it as it stands, and then its changes.

        Ends with the batch, or by the clock of the event loop.
        """
        gate = self._enter()
        seen: Snapshot | None = None
        try:
            while True:
                news = self._gates[gate]
                shown = self._shown[gate] or self._latest
                if shown is not None and shown is not seen:
                    if seen is not None:
                        yield shown.since(seen)
                    elif shown.id != last_id:
                        yield shown.whole
                    seen = shown
                    continue
                if self._is_over and shown is self._latest:
                    yield END
                    return
                if not self._is_read or not await _opens(news, until):
                    return
        finally:
            self._leave()

    def _enter(self) -> int:
        self.followers += 1
        self._came += 1
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_on())
        return self._came % GATES

    def _leave(self) -> None:
        self.followers -= 1
        if not self.followers and self._reader is not None:
            self._reader.cancel()

    async def _read_on(self) -> None:
        try:
            await self._read_to_the_end()
        finally:
            self._is_read = False
            for gate in self._gates:
                gate.set()

    async def _read_to_the_end(self) -> None:
        while not self._is_over:
            try:
                found = await self._read()
            except BatchNotFound:
                self._is_over = True
                await self._tell()
            except TechnicalError:
                await asyncio.sleep(REST_AFTER_FAILURE_SECONDS)
            else:
                await self._take(found)

    @property
    def pause_seconds(self) -> float:
        """Return how far apart two reads are."""
        return READ_EVERY_SECONDS * min(max(1.0, self.followers / FOLLOWERS_IN_A_HURRY), SLOWEST)

    async def _take(self, found: Snapshot) -> None:
        if self._latest is not None and found.id == self._latest.id and not found.is_last:
            await asyncio.sleep(self.pause_seconds)
            return
        self._latest, self._is_over = found, found.is_last
        await self._tell()

    async def _tell(self) -> None:
        """Open one gate after the other; a reader that waits behind it finds a new one closed."""
        for gate in range(GATES):
            self._shown[gate] = self._latest
            opened, self._gates[gate] = self._gates[gate], asyncio.Event()
            opened.set()
            await asyncio.sleep(self.pause_seconds / GATES)


async def _opens(gate: asyncio.Event, until: float) -> bool:
    try:
        async with asyncio.timeout_at(until):
            await gate.wait()
    except TimeoutError:
        return False
    return True


class Feeds:
    """The feeds of one process, by whose batch it is."""

    def __init__(self) -> None:
        self._feeds: dict[Hashable, Feed] = {}
        self._followers = 0

    def admit(self) -> None:
        """Raise RateLimited when as many follow as may."""
        if self._followers >= MOST_FOLLOWERS:
            raise RateLimited(_RETRY_AFTER_SECONDS)

    async def events(self, key: Hashable, read: Read, last_id: str | None) -> AsyncGenerator[bytes]:
        """Follow a batch with all others who do; the last one to leave ends its reads."""
        feed = self._feeds.get(key)
        if feed is None or not feed.is_followed:
            feed = self._feeds[key] = Feed(read)
        self._followers += 1
        try:
            until = asyncio.get_running_loop().time() + LONGEST_SECONDS
            async with aclosing(feed.events(last_id, until)) as events:
                async for event in events:
                    yield event
        finally:
            self._followers -= 1
            if not feed.is_followed and self._feeds.get(key) is feed:
                del self._feeds[key]
