"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 9, 4, 12, 0, tzinfo=UTC)
"""A Friday."""


class FakeClock:
    """Returns one instant; `pass_time` moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, length: timedelta) -> None:
        """Move the clock forward."""
        self.now += length
