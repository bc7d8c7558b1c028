"""The room's one clock; whoever needs the time takes it as an argument and defaults to this."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present, aware."""
    return datetime.now(UTC)
