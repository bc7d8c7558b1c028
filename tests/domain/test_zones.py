"""Which zones hold for a contact, and when several are open together."""

from typing import Any

import pytest

from domain.batch import (
    BatchOverrides,
    calling_hours_in_force,
    clock_zone,
    effective_timezones,
    hours_of_contact,
)
from domain.contact import ContactStatus, SkipReason
from domain.settlement import is_to_be_followed
from domain.working_hours import CallingHours, OpenWindow, is_open, next_opening, window_around
from domain.zones import FROM_NUMBER, NOT_LEARNT, OF_BATCH, zone_key, zones_in_force
from tests.builders import a_batch, a_campaign_rules, a_contact
from tests.domain.calling_hours import a_week, in_zone, utc

CHICAGO, NEW_YORK, BERLIN, AUCKLAND = (
    *("America/Chicago", "America/New_York"),
    *("Europe/Berlin", "Pacific/Auckland"),
)
OF_NUMBER = (CHICAGO, NEW_YORK)


@pytest.mark.parametrize(
    ("own", "followed", "of_number", "expected"),
    [
        pytest.param(BERLIN, FROM_NUMBER, (), (BERLIN,), id="a zone of its own comes first"),
        pytest.param(None, BERLIN, (), (BERLIN,), id="the batch's"),
        pytest.param(None, FROM_NUMBER, OF_NUMBER, OF_NUMBER, id="those of its number, as the batch says"),
        pytest.param(FROM_NUMBER, BERLIN, OF_NUMBER, OF_NUMBER, id="those of its number, as it says"),
        pytest.param(None, BERLIN, OF_NUMBER, (BERLIN,), id="the batch no longer asks for its number's"),
        pytest.param(None, FROM_NUMBER, (), (AUCKLAND,), id="its number tells none: the fallback"),
        pytest.param(None, FROM_NUMBER, None, (NOT_LEARNT,), id="nobody looked its number up"),
        pytest.param(FROM_NUMBER, BERLIN, None, (NOT_LEARNT,), id="asked for by itself, not looked up"),
        pytest.param(None, BERLIN, None, (BERLIN,), id="the batch's, nothing learnt"),
        pytest.param(BERLIN, FROM_NUMBER, None, (BERLIN,), id="a zone of its own, nothing learnt"),
        pytest.param(FROM_NUMBER, BERLIN, (), (AUCKLAND,), id="the fallback, not the batch's"),
        pytest.param("Etc/GMT+5", BERLIN, (), ("Etc/GMT+5",), id="a name with a plus sign"),
    ],
)
def test_zones_in_force(
    own: str | None, followed: str, of_number: tuple[str, ...] | None, expected: tuple[str, ...]
) -> None:
    assert zones_in_force(zone_key(own, of_number), followed, AUCKLAND) == expected


def test_without_a_fallback_a_number_of_no_zone_is_not_called() -> None:
    rules = a_campaign_rules(timezone=FROM_NUMBER)
    hours = calling_hours_in_force(BatchOverrides(), rules, OF_BATCH)

    assert not is_open(hours, utc("2026-09-07T12:00"))
    assert next_opening(hours, utc("2026-09-07T12:00")) is None


@pytest.mark.parametrize(
    ("batch", "campaign", "expected"),
    [
        pytest.param(None, BERLIN, BERLIN, id="campaign's zone"),
        pytest.param(CHICAGO, FROM_NUMBER, CHICAGO, id="batch's zone"),
        pytest.param(None, FROM_NUMBER, AUCKLAND, id="campaign asks for the number's"),
        pytest.param(FROM_NUMBER, BERLIN, AUCKLAND, id="batch asks for the number's"),
    ],
)
def test_dates_and_times_of_a_batch_are_read_in_one_zone(
    batch: str | None, campaign: str, expected: str
) -> None:
    rules = a_campaign_rules(timezone=campaign, fallback_timezone=AUCKLAND)

    assert clock_zone(BatchOverrides(timezone=batch), rules) == expected


def test_contact_has_its_zones_and_a_bad_row_none() -> None:
    rules = a_campaign_rules(timezone=FROM_NUMBER, fallback_timezone=AUCKLAND)
    bad = a_contact(status=ContactStatus.SKIPPED, skip_reason=SkipReason.INVALID_NUMBER)

    assert effective_timezones(a_contact(number_timezones=OF_NUMBER), a_batch(), rules) == OF_NUMBER
    assert effective_timezones(a_contact(number_timezones=()), a_batch(), rules) == (AUCKLAND,)
    assert effective_timezones(bad, a_batch(), rules) == ()


CALIFORNIA = "+14155550123"


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        pytest.param({}, ("America/Los_Angeles",), id="never learnt"),
        pytest.param(
            {"number_timezones": (BERLIN,), "zones_version": "8.0/0"},
            ("America/Los_Angeles",),
            id="learnt by older data",
        ),
        pytest.param({"number_timezones": (BERLIN,)}, (BERLIN,), id="learnt by this release"),
        pytest.param({"timezone": BERLIN}, (BERLIN,), id="not asked for"),
        pytest.param({"phone_number": ""}, (AUCKLAND,), id="no number"),
    ],
)
def test_zones_that_are_not_learnt_by_the_data_of_this_release_are_looked_up_for_one_contact(
    kept: dict[str, Any], expected: tuple[str, ...]
) -> None:
    rules = a_campaign_rules(timezone=FROM_NUMBER, fallback_timezone=AUCKLAND)
    contact = a_contact(**{"phone_number": CALIFORNIA, **kept})

    assert hours_of_contact(contact, BatchOverrides(), rules).timezones == expected


def test_nothing_opens_for_contacts_whose_zones_nobody_has_learnt() -> None:
    rules = a_campaign_rules(timezone=FROM_NUMBER, fallback_timezone=AUCKLAND)
    hours = calling_hours_in_force(BatchOverrides(), rules, zone_key(None, None))

    assert next_opening(hours, utc("2026-09-07T12:00")) is None


def in_both(text: str, *zones: str, enforced: bool = True, **more: object) -> CallingHours:
    first, *others = zones or OF_NUMBER
    return CallingHours(
        enforced=enforced,
        timezone=first,
        also_in=tuple(others),
        working_hours=a_week(text),
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-09-07T09:30", False, id="open in the east only"),
        pytest.param("2026-09-07T10:00", True, id="opens in the west"),
        pytest.param("2026-09-07T17:59:59", True, id="an instant before the east closes"),
        pytest.param("2026-09-07T18:00", False, id="open in the west only"),
    ],
)
def test_window_must_be_open_in_all_zones(at: str, expected: bool) -> None:
    assert is_open(in_both("09:00-18:00"), in_zone(NEW_YORK, at)) is expected


def test_window_of_several_zones_is_what_they_share() -> None:
    opens_at, closes_at = in_zone(NEW_YORK, "2026-09-08T10:00"), in_zone(NEW_YORK, "2026-09-08T18:00")
    hours = in_both("09:00-18:00")

    assert window_around(hours, in_zone(NEW_YORK, "2026-09-07T18:00")) == OpenWindow(
        False, opens_at, closes_at
    )


def test_holiday_in_any_zone_blocks() -> None:
    hours = in_both("", BERLIN, AUCKLAND, enforced=False, holidays="DE")

    # Christmas begins in Auckland at noon of the 24th in Berlin, and ends in Berlin.
    assert is_open(hours, in_zone(BERLIN, "2026-12-24T11:59"))
    assert not is_open(hours, in_zone(BERLIN, "2026-12-24T12:00"))
    assert next_opening(hours, in_zone(BERLIN, "2026-12-24T12:00")) == in_zone(BERLIN, "2026-12-27T00:00")


def test_windows_that_never_meet_never_open() -> None:
    hours = in_both("09:00-10:00", BERLIN, AUCKLAND)

    assert next_opening(hours, utc("2026-09-07T12:00")) is None
    assert window_around(hours, utc("2026-09-07T12:00")) == OpenWindow(False, None, None)


def test_windows_that_meet_in_another_season_open_then() -> None:
    # From Berlin to Auckland it is 10 hours in July, and 12 from the end of October.
    hours = in_both("09:00-10:00 21:00-22:00", BERLIN, AUCKLAND)

    assert next_opening(hours, utc("2026-07-01T00:00")) == in_zone(BERLIN, "2026-10-25T09:00")


@pytest.mark.parametrize("field", ["timezone", "fallback_timezone", "holidays"])
def test_change_of_where_and_when_reaches_every_batch(field: str) -> None:
    before = a_campaign_rules()
    after = a_campaign_rules(**{field: "US" if field == "holidays" else AUCKLAND})

    assert is_to_be_followed(before, after)
