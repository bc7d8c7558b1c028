"""Public holidays of countries and their subdivisions, by the pinned library `holidays` and nothing else.

A code is that of a country, or of a country and a subdivision of it: `DE`, `US-CA`.
"""

import re
import warnings
from datetime import date
from functools import lru_cache

from holidays import HolidayBase, country_holidays
from holidays.constants import PUBLIC

# Other spellings that the library knows, such as `USA` and `DE-Bayern`, are no codes.
_CODE = re.compile(r"([A-Z]{2})(?:-(.{1,40}))?")


@lru_cache(maxsize=1024)
def is_holiday_calendar(code: str) -> bool:
    """Tell whether there is a calendar with this code."""
    shape = _CODE.fullmatch(code)
    if shape is None:
        return False
    country, subdivision = shape.groups()
    try:
        calendar = _calendar(country)
    except NotImplementedError:
        return False
    return subdivision is None or subdivision in calendar.subdivisions


@lru_cache(maxsize=4096)
def public_holidays(code: str, year: int) -> frozenset[date]:
    """Return the days of a year, observed ones included; none where they are unknown.

    Raises NotImplementedError for a code without a calendar.
    """
    country, _, subdivision = code.partition("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of years that a calendar does not know
        days = country_holidays(country, subdivision or None, years=year, expand=False, categories=PUBLIC)
    return frozenset(days)


def _calendar(country: str) -> HolidayBase:
    return country_holidays(country, categories=PUBLIC)
