"""One read for many requests: one that is never older than a request, and one that may be a moment old."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

FRESH_SECONDS = 0.3
KEPT_SECONDS = 1.0
"""How old an answer may be that is returned while the next one is slow."""
PATIENCE_SECONDS = 0.05
"""How long a request waits for the next answer while a former one is kept."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Singleflight(Generic[K, T]):
    """Reads each key once at a time; a read is shared only by the requests that came before it began.

    So no answer is older than its request, whichever process wrote meanwhile.
    """

    def __init__(self, *, rest_seconds: float = 0) -> None:
        """Begin the reads of a key at least so far apart; requests in between share the next one."""
        self._rest_seconds = rest_seconds
        self._rests_until: dict[K, float] = {}
        self._next: dict[K, asyncio.Task[T]] = {}
        self._newest: dict[K, asyncio.Task[T]] = {}
        """The last read of each key, until it ends."""

    async def ask(self, key: K, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what the next read finds. Raises what it raises, in every request that waits for it."""
        coming = self._next.get(key)
        if coming is None:
            coming = asyncio.create_task(self._read(key, read, after=self._newest.get(key)))
            self._next[key] = self._newest[key] = coming
            coming.add_done_callback(partial(self._ended, key))
        # A client that leaves must not cancel the read of the others.
        return await asyncio.shield(coming)

    async def _read(
        self, key: K, read: Callable[[], Coroutine[Any, Any, T]], *, after: asyncio.Task[T] | None
    ) -> T:
        if after is not None:
            await asyncio.wait({after})
        await self._rest(key)
        del self._next[key]  # later requests come after it began
        return await read()

    async def _rest(self, key: K) -> None:
        if not self._rest_seconds:
            return
        loop = asyncio.get_running_loop()
        if key in self._rests_until:
            await asyncio.sleep(self._rests_until[key] - loop.time())
        until = self._rests_until[key] = loop.time() + self._rest_seconds
        loop.call_at(until, self._rested, key, until)

    def _rested(self, key: K, until: float) -> None:
        if self._rests_until.get(key) == until:
            del self._rests_until[key]

    def _ended(self, key: K, ended: asyncio.Task[T]) -> None:
        if not ended.cancelled():
            ended.exception()  # retrieved here, since every client may have left
        for tasks in (self._next, self._newest):
            if tasks.get(key) is ended:
                del tasks[key]


class CoalescingCache(Generic[K, T]):
    """Asks a question once per key, and returns its answer to the requests of the next moment too."""

    def __init__(self) -> None:
        self._shared: dict[K, asyncio.Task[T]] = {}
        self._kept: dict[K, asyncio.Task[T]] = {}
        self._running: set[asyncio.Task[T]] = set()
        self._bridged: set[asyncio.Task[T]] = set()
        """Running questions in whose place a former answer was returned."""

    async def ask(self, key: K, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer to a question that runs, or ran within the last 0.3 seconds; else ask it.

        Where the answer is slow, one given within the last second is returned instead.
        Raises what the question raises, in every request that waits for it.
        """
        asked = self._shared.get(key)
        if asked is None:
            asked = self._shared[key] = asyncio.create_task(question())
            self._running.add(asked)
            asked.add_done_callback(partial(self._answered, key))
        former = self._kept.get(key)
        if former is not None and not asked.done():
            await asyncio.wait({asked}, timeout=PATIENCE_SECONDS)
            # An action may have forgotten the key meanwhile.
            if not asked.done() and self._shared.get(key) is asked:
                self._bridged.add(asked)
                return former.result()
        # A client that leaves must not cancel the question of the others.
        return await asyncio.shield(asked)

    def is_late(self, key: K) -> bool:
        """Return whether the answer is so slow that no former one is left to return in its place."""
        asked = self._shared.get(key)
        return asked in self._bridged and key not in self._kept

    def forget(self, key: K) -> None:
        """Ask again from now on: a question asked before knows nothing of a change made since."""
        self._shared.pop(key, None)
        self._kept.pop(key, None)

    def _answered(self, key: K, asked: asyncio.Task[T]) -> None:
        self._running.discard(asked)
        self._bridged.discard(asked)
        if asked.cancelled() or asked.exception() is not None:
            _drop(self._shared, key, asked)
        elif self._shared.get(key) is asked:
            self._kept[key] = asked
            loop = asyncio.get_running_loop()
            loop.call_later(FRESH_SECONDS, _drop, self._shared, key, asked)
            loop.call_later(KEPT_SECONDS, _drop, self._kept, key, asked)


def _drop(tasks: dict[K, asyncio.Task[T]], key: K, asked: asyncio.Task[T]) -> None:
    if tasks.get(key) is asked:
        del tasks[key]
