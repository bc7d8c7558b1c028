"""One question for everybody who asks it at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

FRESH_SECONDS = 0.3
KEPT_SECONDS = 1.0
"""How old an answer may be that is given when the next one is slow."""
PATIENCE_SECONDS = 0.05
"""How long the next answer is waited for while a former one is kept."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class CoalescingCache(Generic[K, T]):
    """Asks once per key, however many wait for the answer, and gives it to those who come a moment later."""

    def __init__(self) -> None:
        self._shared: dict[K, asyncio.Task[T]] = {}
        self._kept: dict[K, asyncio.Task[T]] = {}
        self._running: set[asyncio.Task[T]] = set()
        self._bridged: set[asyncio.Task[T]] = set()
        """Running questions in whose place a former answer was given."""

    async def ask(self, key: K, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer to a question that runs, or ran within the last 0.3 seconds; else ask it.

        Where the answer is slow, one given within the last second is returned instead.
        Raises what the question raises, to everybody who waits for it.
        """
        asked = self._shared.get(key)
        if asked is None:
            asked = self._shared[key] = asyncio.create_task(question())
            self._running.add(asked)
            asked.add_done_callback(partial(self._answered, key))
        former = self._kept.get(key)
        if former is not None and not asked.done():
            await asyncio.wait({asked}, timeout=PATIENCE_SECONDS)
            # Meanwhile somebody may have changed what was asked about.
            if not asked.done() and self._shared.get(key) is asked:
                self._bridged.add(asked)
                return former.result()
        # Whoever leaves must not take the question away from the others.
        return await asyncio.shield(asked)

    def is_late(self, key: K) -> bool:
        """Tell whether the answer is so slow that no former one is left to be given in its place."""
        asked = self._shared.get(key)
        return asked in self._bridged and key not in self._kept

    def forget(self, key: K) -> None:
        """Ask anew from now on: what was asked before knows nothing of a change made since."""
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
