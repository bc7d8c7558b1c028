"""Prefixes of numbers whose phones also ring in zones that the library `phonenumbers` does not name.

Each row names a source and the day it was compared with it; what could not be confirmed has no row.
A row adds zones and takes none away: it narrows when a call may begin.
"""

from dataclasses import dataclass
from datetime import date

CORRECTIONS_VERSION = 2
"""Rises with every change of the rows, so that zones are learnt again."""

_CENTRAL, _EASTERN = "America/Chicago", "America/New_York"
_CHECKED_ON = date(2026, 11, 30)


@dataclass(frozen=True)
class ZoneCorrection:
    """What is added for numbers that begin so."""

    prefix: str
    """First digits, without the plus sign."""
    zones: tuple[str, ...]
    where: str
    address: str
    """Where it can be read."""
    checked_on: date = _CHECKED_ON


CORRECTIONS = (
    ZoneCorrection(
        "1219",
        (_CENTRAL,),
        "north-west Indiana: Lake, Porter, La Porte, Newton and Jasper counties are on Central time",
        "https://www.bestofscherervilleindiana.com/where-does-eastern-time-zone-change-in-indiana",
    ),
    ZoneCorrection(
        "1270",
        (_CENTRAL, _EASTERN),
        "western Kentucky: Bowling Green is on Central time, Elizabethtown on Eastern",
        "https://visualfoodie.com/which-part-of-kentucky-is-in-the-central-time-zone",
    ),
    ZoneCorrection(
        "1364",
        (_CENTRAL, _EASTERN),
        "western Kentucky, the overlay of 270",
        "https://appblockcache.com/?p=769",
    ),
    ZoneCorrection(
        "1423",
        (_CENTRAL, _EASTERN),
        "eastern Tennessee: parts in either zone",
        "http://www.areacodeguide.com/423-area-code.php",
    ),
    ZoneCorrection(
        "1448",
        (_CENTRAL, _EASTERN),
        "Florida's panhandle, the overlay of 850",
        "https://en.wikipedia.org/wiki/Area_codes_850_and_448",
    ),
    ZoneCorrection(
        "1812",
        (_CENTRAL, _EASTERN),
        "southern Indiana: Evansville is on Central time",
        "https://www.areacodes.world/state/indiana-area-code",
    ),
    ZoneCorrection(
        "1850",
        (_CENTRAL, _EASTERN),
        "Florida's panhandle: either side of the Apalachicola",
        "https://eatsip365.com/understanding-the-850-area-code-time-zone",
    ),
    ZoneCorrection(
        "1930",
        (_CENTRAL, _EASTERN),
        "southern Indiana, the overlay of 812",
        "https://en.wikipedia.org/wiki/List_of_Indiana_area_codes",
    ),
    ZoneCorrection(
        "5581",
        ("America/Recife",),
        "Pernambuco, where the library names Fernando de Noronha alone",
        "https://nossavitoriape.com/2015/05/"
        "celulares-em-pernambuco-ganham-um-digito-a-mais-a-partir-deste-domingo.html",
    ),
    ZoneCorrection(
        "5587",
        ("America/Recife",),
        "Pernambuco",
        "https://nossavitoriape.com/2015/05/"
        "celulares-em-pernambuco-ganham-um-digito-a-mais-a-partir-deste-domingo.html",
    ),
    ZoneCorrection(
        "617",
        ("Australia/Brisbane",),
        "Queensland, ten hours before UTC all year",
        "https://www.idd.com.au/telephone-numbering-plan.php",
    ),
    ZoneCorrection(
        "7401",
        ("Europe/Kaliningrad",),
        "Kaliningrad, two hours before UTC",
        "https://www.infogalactic.com/info/Kaliningrad_oblast",
    ),
)
