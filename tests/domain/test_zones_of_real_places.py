"""The zones of numbers against places written down apart, and the corrections against their own promises."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers.timezone import time_zones_for_number

from domain.number_zones import MOST_ZONES, zones_of_number
from domain.wall_clock import zone_names
from domain.zone_corrections import CORRECTIONS, CORRECTIONS_VERSION, ZoneCorrection
from tests.domain.number_table import NUMBERS

SEASONS = [datetime(2026, month, 1, 12, tzinfo=UTC) for month in (1, 4, 7, 10)]
DIGESTS = {2: "02386a6e0015445b"}
"""Of all rows, by version: who changes a row raises the version, or zones that are kept stay as they are."""


def _clock(zone: str) -> tuple[timedelta | None, ...]:
    """How far a zone's clocks are from UTC in each season; its name may be spelt in several ways."""
    return tuple(at.astimezone(ZoneInfo(zone)).utcoffset() for at in SEASONS)


@pytest.mark.parametrize("number", NUMBERS)
def test_zones_of_a_number_have_the_clock_of_every_place_where_it_may_ring(number: str) -> None:
    places, learnt = NUMBERS[number], zones_of_number(number)

    if places is None:
        assert learnt == ()
    else:
        assert {_clock(each) for each in places} <= {_clock(each) for each in learnt}
        assert len(learnt) <= MOST_ZONES


def test_numbers_of_many_countries_are_tried() -> None:
    parsed = [phonenumbers.parse(each, None) for each in NUMBERS]

    assert len(NUMBERS) >= 60
    assert len({each.country_code for each in parsed}) >= 20
    assert len({phonenumbers.region_code_for_number(each) for each in parsed}) >= 25


@pytest.mark.parametrize("row", CORRECTIONS, ids=[each.prefix for each in CORRECTIONS])
def test_every_correction_has_a_source_and_adds_a_zone_to_a_number_that_is_tried(row: ZoneCorrection) -> None:
    tried = [each for each in NUMBERS if each.startswith(f"+{row.prefix}")]

    assert row.address.startswith(("https://", "http://"))
    assert row.where
    assert set(row.zones) <= zone_names()
    assert any(set(row.zones) - set(time_zones_for_number(phonenumbers.parse(each, None))) for each in tried)


def test_change_of_the_corrections_raises_their_version() -> None:
    rows = repr([(each.prefix, each.zones) for each in CORRECTIONS])

    assert {CORRECTIONS_VERSION: sha256(rows.encode()).hexdigest()[:16]}.items() <= DIGESTS.items()
