"""Which time zones hold for a contact: its own, its batch's or campaign's, or those of its number."""

from collections.abc import Sequence

FROM_NUMBER = "from_number"
"""Stands for a zone's name where the zones are those of the number that is called."""

_COMMA = ","  # in no name of a zone


def zone_key(timezone: str | None, number_timezones: Sequence[str]) -> str | None:
    """Return one text for contacts whose zones are found alike; None for those that follow their batch."""
    return _COMMA.join((timezone or "", *number_timezones)) or None


def zones_in_force(key: str | None, followed: str, fallback: str | None) -> tuple[str, ...]:
    """Return the zones for a key: `followed` is the zone of batch or campaign, where the key names none.

    All of them hold. The fallback is for numbers without zones; where it is missing none is known.
    """
    own, *of_number = (key or "").split(_COMMA)
    named = own or followed
    if named != FROM_NUMBER:
        return (named,)
    return tuple(of_number) or (fallback or FROM_NUMBER,)
