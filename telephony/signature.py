"""The webhook signature: `t=<unix seconds>,v1=<hex>`, HMAC-SHA256 over the time, a dot and the raw body."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

SIGNATURE_HEADER = "Jambonz-Signature"

TOLERANCE = timedelta(seconds=300)
"""Both ways: a sender's retries keep the first time, and clocks differ."""

_LONGEST_TIME = 12
"""Digits: enough for any date, too few to make parsing costly."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the header for a body sent at `timestamp`, in unix seconds."""
    return f"t={timestamp},v1={_digest(secret, str(timestamp), body)}"


def verify(header: str | None, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Tell whether any of the secrets signed these bytes within 300 s of `now`, inclusive.

    A header may carry several `v1` parts and parts of other names, but one time only.
    """
    time, given = _read(header, now)
    return any(
        hmac.compare_digest(_digest(secret, time, body).encode(), each.encode())
        for secret in secrets
        for each in given
    )


def can_verify(header: str | None, now: datetime) -> bool:
    """Tell whether the header could be valid for any body, before the body is read."""
    return bool(_read(header, now)[1])


def _read(header: str | None, now: datetime) -> tuple[str, list[str]]:
    """Return a header's time and its signatures; no signatures when the time is missing or far from now."""
    parts = [part.strip().partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not _is_near(times[0], now):
        return "", []
    return times[0], [value for name, _, value in parts if name == "v1"]


def _is_near(time: str, now: datetime) -> bool:
    if not (time.isascii() and time.isdigit() and len(time) <= _LONGEST_TIME):
        return False
    return abs(int(time) - now.timestamp()) <= TOLERANCE.total_seconds()


def _digest(secret: str, time: str, body: bytes) -> str:
    return hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
