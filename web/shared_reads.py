"""Dear reads, made once for everybody who asks for the same within a moment."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

MOST = 1000
"""Answers kept; the oldest is forgotten first."""


class SharedReads:
    """Answers by what was asked; one that is on its way is waited for by all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def get(self, asked: Hashable, seconds: float, read: Callable[[], Awaitable[Any]]) -> Any:
        """Return an answer of at most so many seconds ago, else read it. A failure is kept for nobody."""
        known = self._answers.get(asked)
        if known is None or self._is_old(*known, seconds):
            known = (self._clock(), asyncio.ensure_future(read()))
            known[1].add_done_callback(_looked_at)
            self._answers[asked] = known
            self._answers.move_to_end(asked)
            if len(self._answers) > MOST:
                self._answers.popitem(last=False)
        # Who goes away leaves the answer to the others.
        return await asyncio.shield(known[1])

    def _is_old(self, began: float, answer: "asyncio.Task[Any]", seconds: float) -> bool:
        failed = answer.done() and (answer.cancelled() or answer.exception() is not None)
        return failed or (answer.done() and self._clock() - began > seconds)


def _looked_at(answer: "asyncio.Task[Any]") -> None:
    if not answer.cancelled():
        answer.exception()
