"""Which time zones hold for a contact: its own, its batch's or campaign's, or those of its number."""

from collections.abc import Sequence

FROM_NUMBER = "from_number"
"""Stands for a zone's name where the zones are those of the number that is called."""
OF_BATCH = ","
"""Key of contacts that follow their batch, and whose numbers tell no zone."""
NOT_LEARNT = "not_learnt"
"""Stands for the zones of a number that nobody has looked up yet: no such zone, so nothing opens in it."""

_COMMA = ","  # in no name of a zone


def zone_key(timezone: str | None, number_timezones: Sequence[str] | None) -> str | None:
    """Return one text for contacts whose zones are found alike; without a comma none of a number were learnt.

    None for those that follow their batch, and of whose numbers nothing was learnt.
    """
    if number_timezones is None:
        return timezone
    return _COMMA.join((timezone or "", _COMMA.join(number_timezones)))


def zones_in_force(key: str | None, followed: str, fallback: str | None) -> tuple[str, ...]:
    """Return the zones for a key: `followed` is the zone of batch or campaign, where the key names none.

    All of them hold. The fallback is for numbers without zones; where it is missing none is known.
    """
    own, learnt, of_number = (key or "").partition(_COMMA)
    named = own or followed
    if named != FROM_NUMBER:
        return (named,)
    if not learnt:
        return (NOT_LEARNT,)
    return tuple(filter(None, of_number.split(_COMMA))) or (fallback or FROM_NUMBER,)
