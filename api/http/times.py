"""Instants as the wire writes them."""

from datetime import UTC, datetime


def wire_time(instant: datetime) -> str:
    """Return an instant as ISO 8601 UTC ending in Z, with milliseconds unless they are zero."""
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond >= 1000 else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
