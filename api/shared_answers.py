"""One question for everybody who asks it at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

FRESH_SECONDS = 0.3

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SharedAnswers(Generic[K, T]):
    """Asks once per key, however many wait for the answer, and gives it to those who come a moment later."""

    def __init__(self) -> None:
        self._shared: dict[K, asyncio.Task[T]] = {}
        self._running: set[asyncio.Task[T]] = set()

    async def ask(self, key: K, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer to a question that runs, or ran within the last 0.3 seconds; else ask it.

        Raises what the question raises, to everybody who waits for it.
        """
        asked = self._shared.get(key)
        if asked is None:
            asked = self._shared[key] = asyncio.create_task(question())
            self._running.add(asked)
            asked.add_done_callback(partial(self._answered, key))
        # Whoever leaves must not take the question away from the others.
        return await asyncio.shield(asked)

    def forget(self, key: K) -> None:
        """Ask anew from now on: what was asked before knows nothing of a change made since."""
        self._shared.pop(key, None)

    def _answered(self, key: K, asked: asyncio.Task[T]) -> None:
        self._running.discard(asked)
        if asked.cancelled() or asked.exception() is not None:
            self._drop(key, asked)
        else:
            asyncio.get_running_loop().call_later(FRESH_SECONDS, self._drop, key, asked)

    def _drop(self, key: K, asked: asyncio.Task[T]) -> None:
        if self._shared.get(key) is asked:
            del self._shared[key]
