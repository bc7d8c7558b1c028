"""Presets: what each allows by the clocks of the called person, and that they only narrow."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.batch import BatchOverrides, calling_hours_in_force
from domain.frequency import Counted, FrequencyCap
from domain.presets import PRESETS, caps_with_presets, schedules_of
from domain.public_holidays import is_holiday_calendar
from domain.settlement import is_to_be_followed
from domain.working_hours import CallingHours, closed_presets, is_open, next_opening, window_around
from tests.builders import a_campaign_rules
from tests.domain.calling_hours import a_week, hours_in, in_zone, open_times
from tests.domain.test_working_hours_properties import questions
from tests.examples import examples

NEW_YORK, SYDNEY, TORONTO = "America/New_York", "Australia/Sydney", "America/Toronto"
DAY = timedelta(days=1)
EVERY_DAY = ["Fri 04", "Sat 05", "Sun 06", "Mon 07"]
"""Friday to Monday of a week in September 2026, in which no clock changes."""


def under(
    *presets: str, zone: str = NEW_YORK, enforced: bool = False, week: str = "09:00-18:00"
) -> CallingHours:
    return replace(hours_in(zone, week, enforced=enforced), presets=schedules_of(presets))


def on(days: list[str], window: str, offset: str) -> list[str]:
    start, end = window.split("-")
    return [f"{day} {start}{offset} - {day} {end}{offset}" for day in days]


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        pytest.param("us-tcpa", NEW_YORK, on(EVERY_DAY, "08:00-21:00", "-0400"), id="us-tcpa"),
        pytest.param("us-reg-f", NEW_YORK, on(EVERY_DAY, "08:00-21:00", "-0400"), id="us-reg-f"),
        pytest.param("us-fl", NEW_YORK, on(EVERY_DAY, "08:00-20:00", "-0400"), id="us-fl"),
        pytest.param("us-wa", NEW_YORK, on(EVERY_DAY, "08:00-20:00", "-0400"), id="us-wa"),
        pytest.param(
            "ca-crtc",
            TORONTO,
            [
                *on(["Fri 04"], "09:00-21:30", "-0400"),
                *on(["Sat 05", "Sun 06"], "10:00-18:00", "-0400"),
                *on(["Mon 07"], "09:00-21:30", "-0400"),
            ],
            id="ca-crtc",
        ),
        pytest.param(
            "au-telemarketing",
            SYDNEY,
            [
                *on(["Fri 04"], "09:00-20:00", "+1000"),
                *on(["Sat 05"], "09:00-17:00", "+1000"),
                *on(["Mon 07"], "09:00-20:00", "+1000"),
            ],
            id="au-telemarketing",
        ),
    ],
)
def test_preset_opens_at_the_hours_of_its_law_where_no_others_are_enforced(
    name: str, zone: str, expected: list[str]
) -> None:
    assert open_times(under(name, zone=zone), "2026-09-04", "2026-09-07") == expected


def test_every_preset_has_hours_that_are_tried_here() -> None:
    assert list(PRESETS) == sorted(["us-tcpa", "us-reg-f", "us-fl", "us-wa", "ca-crtc", "au-telemarketing"])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_tells_its_law_its_address_and_when_they_were_compared(name: str) -> None:
    preset = PRESETS[name]

    assert preset.name == name
    assert preset.law
    assert preset.title
    assert preset.address.startswith("https://")
    assert date(2026, 11, 1) <= preset.checked_on
    assert preset.holidays is None or is_holiday_calendar(preset.holidays)


@pytest.mark.parametrize(
    ("presets", "week", "expected"),
    [
        # 08:00-21:00 by one law, 08:00-20:00 by another
        pytest.param(["us-tcpa", "us-fl"], None, ["08:00-20:00"], id="two presets"),
        pytest.param(
            ["us-tcpa"], "06:00-12:00 19:00-23:00", ["08:00-12:00", "19:00-21:00"], id="own hours too"
        ),
        pytest.param(["us-tcpa"], "22:00-07:00", [], id="own hours at night"),
        pytest.param([], "22:00-23:00", ["22:00-23:00"], id="no preset"),
    ],
)
def test_all_presets_and_the_campaigns_own_hours_hold_together(
    presets: list[str], week: str | None, expected: list[str]
) -> None:
    hours = under(*presets, enforced=week is not None, week=week or "09:00-18:00")

    opened = (
        []
        if next_opening(hours, in_zone(NEW_YORK, "2026-09-04T00:00")) is None
        else open_times(hours, "2026-09-04", "2026-09-04")
    )

    assert opened == [each for window in expected for each in on(["Fri 04"], window, "-0400")]


def test_hours_of_a_batch_do_not_open_what_a_preset_closes() -> None:
    rules = a_campaign_rules(presets=("us-fl",), timezone=NEW_YORK)
    night = BatchOverrides(working_hours_enforced=True, working_hours=a_week("19:00-23:00"))

    hours = calling_hours_in_force(night, rules, None)

    assert open_times(hours, "2026-09-04", "2026-09-04") == on(["Fri 04"], "19:00-20:00", "-0400")


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        pytest.param("2026-04-03", False, id="Good Friday"),
        pytest.param("2026-12-25", False, id="Christmas Day"),
        pytest.param("2026-04-02", True, id="the day before Good Friday"),
    ],
)
def test_nobody_is_called_on_the_holidays_of_a_preset(day: str, opens: bool) -> None:
    assert is_open(under("au-telemarketing", zone=SYDNEY), in_zone(SYDNEY, f"{day}T12:00")) is opens


def test_preset_holds_in_every_zone_in_which_a_phone_may_ring() -> None:
    hours = replace(under("us-tcpa"), also_in=("America/Los_Angeles",))

    # 08:00 in Los Angeles is 11:00 in New York, where 21:00 is 18:00 there
    assert open_times(hours, "2026-09-04", "2026-09-04") == on(["Fri 04"], "11:00-21:00", "-0400")


def test_preset_that_this_release_does_not_know_lets_nobody_be_called() -> None:
    hours, noon = under("us-unheard-of"), in_zone(NEW_YORK, "2026-09-04T12:00")

    assert not is_open(hours, noon)
    assert next_opening(hours, noon) is None
    assert closed_presets(hours, noon) == ("us-unheard-of",)


@pytest.mark.parametrize(
    ("clock", "closed"),
    [
        pytest.param("2026-09-04T07:59:59", ("us-tcpa", "us-fl"), id="a second before both open"),
        pytest.param("2026-09-04T08:00", (), id="both open"),
        pytest.param("2026-09-04T20:00", ("us-fl",), id="one has closed"),
        pytest.param("2026-09-04T21:00", ("us-tcpa", "us-fl"), id="both have closed"),
    ],
)
def test_presets_that_let_no_call_begin_are_named(clock: str, closed: tuple[str, ...]) -> None:
    assert closed_presets(under("us-tcpa", "us-fl"), in_zone(NEW_YORK, clock)) == closed


def test_window_is_that_of_the_presets_where_no_hours_are_enforced() -> None:
    window = window_around(under("us-tcpa"), in_zone(NEW_YORK, "2026-09-04T22:00"))

    assert window.opens_at == in_zone(NEW_YORK, "2026-09-05T08:00")
    assert window.closes_at == in_zone(NEW_YORK, "2026-09-05T21:00")


def test_caps_of_presets_hold_beside_a_campaigns_own_and_bear_their_names() -> None:
    own = FrequencyCap(2, DAY)

    assert caps_with_presets([own], ["us-reg-f", "us-tcpa", "us-unheard-of"]) == (
        own,
        FrequencyCap(7, 7 * DAY, Counted.ATTEMPTS, "us-reg-f"),
        FrequencyCap(1, 7 * DAY, Counted.CONVERSATIONS, "us-reg-f"),
    )


def test_change_of_presets_reaches_contacts_that_wait() -> None:
    before = a_campaign_rules(presets=("us-tcpa", "us-fl"))

    assert is_to_be_followed(before, replace(before, presets=("us-tcpa",)))
    assert not is_to_be_followed(before, replace(before, presets=("us-fl", "us-tcpa")))


@examples(150)
@given(asked=questions(), names=st.lists(st.sampled_from(sorted(PRESETS)), max_size=3, unique=True))
def test_presets_only_narrow(asked: tuple[CallingHours, datetime], names: list[str]) -> None:
    hours, at = asked
    narrowed = replace(hours, presets=schedules_of(names))

    assert is_open(narrowed, at) == (
        is_open(hours, at)
        and all(is_open(replace(hours, enforced=False, presets=schedules_of([name])), at) for name in names)
    )
    opening = next_opening(narrowed, at)
    if opening is not None:
        assert is_open(narrowed, opening)
        assert is_open(hours, opening)
        assert closed_presets(narrowed, opening) == ()
