"""The hostile provider's memory: the oracle for *a phone rings at most once*."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """Everything that was asked, rung and reported, by attempt id."""

    attempts: dict[str, list[str]] = field(default_factory=dict)
    """Attempt ids in the order they first came, by called number."""
    requests: Counter[str] = field(default_factory=Counter)
    rings: Counter[str] = field(default_factory=Counter)
    reported: dict[str, list[str]] = field(default_factory=dict)
    """What Apollo answered to each webhook, in the order they were sent."""
    complaints: list[str] = field(default_factory=list)
    """What a well-behaved client would not have sent."""

    def note_request(self, number: str, attempt_id: str) -> int:
        """Take down a request for a call and return which attempt of the number it is for, from 0."""
        known = self.attempts.setdefault(number, [])
        if attempt_id not in known:
            known.append(attempt_id)
        self.requests[attempt_id] += 1
        return known.index(attempt_id)

    def note_ring(self, attempt_id: str) -> None:
        """Take down that a phone rings."""
        self.rings[attempt_id] += 1

    def note_answer(self, attempt_id: str, answer: str) -> None:
        """Take down what a webhook was answered."""
        self.reported.setdefault(attempt_id, []).append(answer)
