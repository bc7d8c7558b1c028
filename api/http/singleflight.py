"""One read for everybody who came while another one ran."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Singleflight(Generic[K, T]):
    """Reads each key once at a time; a read is shared only by those who came before it began.

    So nobody is told of a time before he asked, whoever wrote meanwhile, here or in another process.
    """

    def __init__(self, *, rest_seconds: float = 0) -> None:
        """Begin the reads of a key at least so far apart; whoever comes meanwhile shares the next one."""
        self._rest_seconds = rest_seconds
        self._rests_until: dict[K, float] = {}
        self._next: dict[K, asyncio.Task[T]] = {}
        self._newest: dict[K, asyncio.Task[T]] = {}
        """Of each key the last one made, until it ends."""

    async def ask(self, key: K, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what the next read finds. Raises what it raises, to everybody who waits for it."""
        coming = self._next.get(key)
        if coming is None:
            coming = asyncio.create_task(self._read(key, read, after=self._newest.get(key)))
            self._next[key] = self._newest[key] = coming
            coming.add_done_callback(partial(self._ended, key))
        # Whoever leaves must not take the read away from the others.
        return await asyncio.shield(coming)

    async def _read(
        self, key: K, read: Callable[[], Coroutine[Any, Any, T]], *, after: asyncio.Task[T] | None
    ) -> T:
        if after is not None:
            await asyncio.wait({after})
        await self._rest(key)
        del self._next[key]  # whoever comes from now on came after it began
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
            ended.exception()  # everybody may have left, and then nobody else looks at it
        for tasks in (self._next, self._newest):
            if tasks.get(key) is ended:
                del tasks[key]
