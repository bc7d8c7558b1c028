"""Slows down who guesses tokens: counts, per client address and in this process only, the tokens that failed.

Who shows the right one is let through wherever it was right before, whatever others behind the same address
do; else it waits until the address's minute is over.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from api.http.refusals import RateLimited

WINDOW = timedelta(minutes=1)
MAX_ADDRESSES = 5_000
MAX_TRUSTED = 10_000
_SITE_BITS = 64
"""One site owns that many addresses of version 6, and counts as one."""


@dataclass
class _Failures:
    ends_at: datetime
    by_secret: dict[int, int] = field(default_factory=dict)


class FailedTokens:
    """Allows an address so many failing tokens a minute, and each of them as many times; 0 is off."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._failures: dict[str, _Failures] = {}
        self._trusted: dict[int, None] = {}

    def admit(self, host: str, secret: str, now: datetime) -> None:
        """Let a token be looked up. Raises RateLimited."""
        failures = self._failures.get(_address_of(host))
        # Python's hash has another key in each process, and what it lets through is looked up all the same.
        if failures is None or failures.ends_at <= now or hash(secret) in self._trusted:
            return
        count = failures.by_secret.get(hash(secret))
        is_spent = len(failures.by_secret) >= self._per_minute if count is None else count >= self._per_minute
        if is_spent:
            raise RateLimited(max(1, math.ceil((failures.ends_at - now).total_seconds())))

    def failed(self, host: str, secret: str, now: datetime) -> None:
        """Count a token that was looked up in vain."""
        key, address = hash(secret), _address_of(host)
        self._trusted.pop(key, None)
        if self._per_minute == 0:
            return
        failures = self._failures.get(address)
        if failures is None or failures.ends_at <= now:
            failures = self._begin(address, now)
        if key in failures.by_secret or len(failures.by_secret) < self._per_minute:
            failures.by_secret[key] = failures.by_secret.get(key, 0) + 1

    def succeeded(self, secret: str) -> None:
        """Remember a token that was right; of too many the one is forgotten that was longest not shown."""
        if self._per_minute == 0:
            return
        key = hash(secret)
        self._trusted.pop(key, None)
        self._trusted[key] = None
        if len(self._trusted) > MAX_TRUSTED:
            del self._trusted[next(iter(self._trusted))]

    def _begin(self, address: str, now: datetime) -> _Failures:
        self._failures.pop(address, None)
        if len(self._failures) >= MAX_ADDRESSES:  # the one whose minute began first
            del self._failures[next(iter(self._failures))]
        begun = self._failures[address] = _Failures(ends_at=now + WINDOW)
        return begun


def _address_of(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(int(address) >> _SITE_BITS)
