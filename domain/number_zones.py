"""In which time zones a telephone number may ring, by the library `phonenumbers` and corrections."""

from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number, time_zones_for_number

from domain.zone_corrections import CORRECTIONS, CORRECTIONS_VERSION
from domain.zones import FROM_NUMBER, zone_key

ZONES_VERSION = f"{phonenumbers.__version__}/{CORRECTIONS_VERSION}"
"""The data by which this release learns zones; kept beside them."""
MOST_ZONES = 5
"""A number that may ring in more zones than these tells nothing about who answers."""


def zones_of_number(e164: str) -> tuple[str, ...]:
    """Return the zones in which a number may ring, by name.

    None for toll-free numbers, for those that no zone is known of, and for those of more than `MOST_ZONES`.
    """
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return ()
    if phonenumbers.number_type(number) == PhoneNumberType.TOLL_FREE:
        return ()
    found = set(time_zones_for_number(number))
    if len(found) > MOST_ZONES:
        found = set(time_zones_for_geographical_number(number))
    if UNKNOWN_TIMEZONE in found:
        return ()
    for correction in CORRECTIONS:
        if e164.startswith(f"+{correction.prefix}"):
            found.update(correction.zones)
    return tuple(sorted(found)) if len(found) <= MOST_ZONES else ()


@dataclass(frozen=True, kw_only=True)
class KeptZones:
    """What is kept of where a contact's phone may ring."""

    phone_number: str
    timezone: str | None
    number_timezones: Sequence[str] | None
    zones_version: str | None

    def key_under(self, followed: str) -> str | None:
        """Return the key by which its zones are found, see `zones_in_force`; outdated ones are looked up."""
        is_asked_for = (self.timezone or followed) == FROM_NUMBER
        if is_asked_for and self.zones_version != ZONES_VERSION:
            return zone_key(self.timezone, zones_of_number(self.phone_number))
        return zone_key(self.timezone, self.number_timezones)
