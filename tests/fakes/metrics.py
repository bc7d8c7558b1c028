"""What a worker measured, in memory."""

from dataclasses import dataclass, field

from domain.call import CallRecord
from domain.telephony import DialResult


@dataclass
class FakeCallMetrics:
    """Implements CallMetrics."""

    settled: list[CallRecord] = field(default_factory=list)
    dials: list[DialResult] = field(default_factory=list)

    def call_settled(self, call: CallRecord) -> None:
        """Keep a call that was counted."""
        self.settled.append(call)

    def dial_answered(self, answer: DialResult, seconds: float) -> None:
        """Keep what a dial was answered."""
        self.dials.append(answer)
