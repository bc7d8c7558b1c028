"""What a token opens, and for how long."""

import re
from datetime import timedelta
from enum import StrEnum

TOKEN_MARK = "gat_"  # noqa: S105 - how every token starts
LONGEST_LIFETIME = timedelta(days=3650)
_LIFETIME = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class TokenScope(StrEnum):
    """What the holder of a token may ask for."""

    FULL = "full"
    READ = "read"
    """Whatever only reads, but for the tokens themselves."""
    AGENT = "agent"
    """What a voice application asks and tells about its own call."""


def lifetime_of(text: str) -> timedelta:
    """Return a lifetime written as `90d`, `12h`, `30m` or `60s`. Raises ValueError, which says how to."""
    found = _LIFETIME.fullmatch(text)
    if found is None:
        raise ValueError("Write a number and s, m, h or d, such as 90d")
    lifetime = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if lifetime > LONGEST_LIFETIME:
        raise ValueError(f"Must be at most {LONGEST_LIFETIME.days}d")
    return lifetime
