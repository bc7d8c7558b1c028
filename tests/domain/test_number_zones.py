"""In which zones a number may ring."""

import pytest

from domain.number_zones import MOST_ZONES, zones_of_number
from domain.wall_clock import zone_names

CENTRAL_AND_EASTERN = ("America/Chicago", "America/New_York")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param("+14155550123", ("America/Los_Angeles",), id="one zone"),
        pytest.param("+493012345678", ("Europe/Berlin",), id="a country of one zone"),
        pytest.param("+34600123456", ("Atlantic/Canary", "Europe/Madrid"), id="a mobile may be in either"),
        pytest.param("+79161234567", ("Europe/Moscow",), id="over five: where the number was given out"),
        pytest.param("+18005550123", (), id="toll-free"),
        pytest.param("+8821612345678", (), id="no country"),
        pytest.param("+5215512345678", (), id="of no zone that is known"),
        pytest.param("+12705550123", CENTRAL_AND_EASTERN, id="western Kentucky"),
        pytest.param("+12195550123", CENTRAL_AND_EASTERN, id="north-west Indiana"),
        pytest.param("+18505550123", CENTRAL_AND_EASTERN, id="Florida's panhandle"),
        pytest.param("+14235550123", CENTRAL_AND_EASTERN, id="eastern Tennessee"),
        pytest.param("", (), id="no number"),
        pytest.param("1234", (), id="not E.164"),
    ],
)
def test_zones_of_a_number_are_those_of_the_library_and_the_corrections(
    number: str, expected: tuple[str, ...]
) -> None:
    assert zones_of_number(number) == expected


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        pytest.param("+61730000000", "Australia/Brisbane", id="Queensland"),
        pytest.param("+74012123456", "Europe/Kaliningrad", id="Kaliningrad"),
        pytest.param("+558132123456", "America/Recife", id="Recife"),
    ],
)
def test_correction_adds_a_zone(number: str, zone: str) -> None:
    zones = zones_of_number(number)

    assert zone in zones
    assert len(zones) <= MOST_ZONES
    assert set(zones) <= zone_names()
