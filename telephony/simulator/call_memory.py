"""The simulator's bounded memory of calls and keys."""

from collections.abc import Iterator, Sequence

from domain.call import has_ended
from telephony.simulator.call import SimulatedCall


class CallMemory:
    """Every live call and the newest ended ones, `limit` together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_sid: dict[str, SimulatedCall] = {}
        self._by_execution: dict[str, list[SimulatedCall]] = {}

    def __iter__(self) -> Iterator[SimulatedCall]:
        return iter(self._by_sid.values())

    def keep(self, call: SimulatedCall) -> None:
        """Remember a call; above the limit the oldest ended one is forgotten."""
        self._by_sid[call.call_sid] = call
        if call.request.execution_id is not None:
            self._by_execution.setdefault(call.request.execution_id, []).append(call)
        if len(self._by_sid) > self._limit:
            oldest = next((each for each in self if has_ended(each.status)), None)
            if oldest is not None:
                self.forget(oldest)

    def get(self, call_sid: str) -> SimulatedCall | None:
        return self._by_sid.get(call_sid)

    def of_execution(self, execution_id: str) -> Sequence[SimulatedCall]:
        """Return the calls placed for an execution id, oldest first."""
        return self._by_execution.get(execution_id, ())

    def forget(self, call: SimulatedCall) -> None:
        """Drop a call from every look-up."""
        del self._by_sid[call.call_sid]
        execution_id = call.request.execution_id
        if execution_id is not None:
            siblings = self._by_execution[execution_id]
            siblings.remove(call)
            if not siblings:
                del self._by_execution[execution_id]


class ShortMemory:
    """Counts how often a key was seen, for the newest `limit` keys."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[str, int] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._seen

    def note(self, key: str) -> int:
        """Return how often the key was seen, this time included."""
        times = self._seen.pop(key, 0) + 1
        self._seen[key] = times
        if len(self._seen) > self._limit:
            del self._seen[next(iter(self._seen))]
        return times
