"""What one relay remembers between its rounds; losing it costs a second delivery at most."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.identity import ExecutionId
from domain.ports import UndeliveredEvent

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=1)


@dataclass
class _Refusal:
    wait: timedelta
    due_at: datetime


class RelayMemory:
    """Which calls were refused and when each is tried again; which events were told and not marked yet."""

    def __init__(self) -> None:
        self._refusals: dict[ExecutionId, _Refusal] = {}
        self._met: set[ExecutionId] = set()
        self._unmarked: set[int] = set()

    def is_due(self, execution_id: ExecutionId, now: datetime) -> bool:
        """Tell whether a call's endings are to be tried."""
        refusal = self._refusals.get(execution_id)
        if refusal is None:
            return True
        self._met.add(execution_id)
        return now >= refusal.due_at

    def refused(self, execution_id: ExecutionId, now: datetime) -> bool:
        """Put a call off, each time for twice as long; True the first time."""
        before = self._refusals.get(execution_id)
        wait = FIRST_WAIT if before is None else min(before.wait * 2, LONGEST_WAIT)
        self._refusals[execution_id] = _Refusal(wait, now + wait)
        self._met.add(execution_id)
        return before is None

    def told(self, event: UndeliveredEvent) -> None:
        """Note a delivery that the store does not know of yet."""
        self._refusals.pop(event.record.execution_id, None)
        self._unmarked.add(event.event_number)

    def knows_told(self, event: UndeliveredEvent) -> bool:
        """Tell whether the event was delivered and could not be marked."""
        return event.event_number in self._unmarked

    def marked(self, event: UndeliveredEvent) -> None:
        """Forget an event that the store remembers now."""
        self._unmarked.discard(event.event_number)

    def end_of_pass(self) -> None:
        """Forget refused calls that were not met since the last pass: somebody else told them."""
        self._refusals = {call: each for call, each in self._refusals.items() if call in self._met}
        self._met = set()
