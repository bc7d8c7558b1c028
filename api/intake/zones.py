"""The names of time zones Apollo accepts."""

import zoneinfo
from functools import cache

# Present in some installations; neither names a place on earth.
_NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})


@cache
def known_zones() -> frozenset[str]:
    """Return every IANA name this machine can compute with."""
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES
