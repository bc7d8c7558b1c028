"""What a worker counts and times of its calls."""

from typing import Protocol

from domain.call import CallRecord
from domain.telephony import DialResult


class CallMetrics(Protocol):
    """Counts kept by this process; none of them may hold a number, name or id."""

    def call_settled(self, call: CallRecord) -> None:
        """Count a call that has ended, once."""

    def dial_answered(self, answer: DialResult, seconds: float) -> None:
        """Keep how long the provider took to answer a dial."""
