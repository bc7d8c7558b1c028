"""The time of a batch's last look, set by hand."""

from dataclasses import dataclass
from datetime import datetime

from tests.builders import MONDAY_NOON


@dataclass
class FakeLookClock:
    """What a batch takes for the time."""

    now: datetime = MONDAY_NOON
    goes_by_looks: bool = True
