"""Named timers of a workflow: each set once per instant, whatever else the main loop waits for."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow


class Alarms:
    """Keeps at most one timer per name; setting the same instant again changes nothing."""

    def __init__(self) -> None:
        self._set: dict[str, tuple[datetime, asyncio.Task[None]]] = {}

    def set(self, name: str, at: datetime | None, ring: Callable[[], None]) -> None:
        """Call `ring` at an instant, at once when it has passed; None takes the alarm back."""
        known = self._set.get(name)
        if known is not None and known[0] == at:
            return
        if known is not None:
            known[1].cancel()
            del self._set[name]
        if at is not None:
            self._set[name] = at, asyncio.create_task(_wait(name, at, ring))

    def is_set(self, name: str) -> bool:
        """Tell whether the alarm has yet to ring."""
        known = self._set.get(name)
        return known is not None and not known[1].done()

    def at(self, name: str) -> datetime | None:
        """Return when an alarm will ring, None when it is not set or has rung."""
        return self._set[name][0] if self.is_set(name) else None

    def waiting(self) -> list[tuple[datetime, str]]:
        """Return when and what for the alarms will ring."""
        return [(at, name) for name, (at, waiting) in self._set.items() if not waiting.done()]

    def clear(self) -> None:
        """Take every alarm back."""
        for _, waiting in self._set.values():
            waiting.cancel()
        self._set.clear()


async def _wait(name: str, at: datetime, ring: Callable[[], None]) -> None:
    await workflow.sleep(max(at - workflow.now(), timedelta()), summary=name)
    ring()
