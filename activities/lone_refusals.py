"""Attempts that a provider calls misconfigured while it takes others: then it is about their number."""

from domain.identity import ExecutionId

LONE_REFUSALS = 5
"""Refusals of one attempt, calls of others taken between any two, after which it is refused for good.

A provider of which a part is misconfigured refuses some calls and takes others; so many by chance are rare.
"""
_REMEMBERED = 1_000
"""Attempts; the oldest are forgotten first, which costs them a few more refusals."""


class LoneRefusals:
    """Counts by attempt, for one process."""

    def __init__(self) -> None:
        self._taken = 0
        self._refusals: dict[ExecutionId, tuple[int, int]] = {}
        """How often each was refused, and how many calls had been taken at the last time."""

    def note_taken(self) -> None:
        """Remember that the provider took a call."""
        self._taken += 1

    def note_refused(self, attempt: ExecutionId) -> int:
        """Return how often an attempt was refused, counting those that had calls taken between them."""
        count, taken_before = self._refusals.pop(attempt, (0, -1))
        count += self._taken > taken_before
        self._refusals[attempt] = (count, self._taken)
        if len(self._refusals) > _REMEMBERED:
            del self._refusals[next(iter(self._refusals))]
        return count
