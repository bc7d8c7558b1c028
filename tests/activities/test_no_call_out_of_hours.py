"""No call begins while it is too early or late where its phone may ring: the dial gate against an oracle."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from activities.dial_gates import closed_gate_of
from domain.gates import Gate
from domain.number_zones import zones_of_number
from domain.ports import DialBrief
from domain.presets import PRESETS
from domain.wall_clock import zone_named
from domain.zones import FROM_NUMBER
from tests.builders import a_campaign, a_campaign_rules, a_contact, a_dial_brief
from tests.domain.calling_hours import a_week
from tests.domain.number_table import FALLBACK, NUMBERS
from tests.examples import examples

MONDAY_TO_FRIDAY, SATURDAY = range(5), 5

# What the laws say, written down apart from the table of presets; None where no call may begin that day.
LAWS: Mapping[str, Callable[[int], tuple[time, time] | None]] = {
    "us-tcpa": lambda _: (time(8), time(21)),
    "us-reg-f": lambda _: (time(8), time(21)),
    "us-fl": lambda _: (time(8), time(20)),
    "us-wa": lambda _: (time(8), time(20)),
    "ca-crtc": lambda day: (time(9), time(21, 30)) if day in MONDAY_TO_FRIDAY else (time(10), time(18)),
    "au-telemarketing": lambda day: (
        (time(9), time(20)) if day in MONDAY_TO_FRIDAY else (time(9), time(17)) if day == SATURDAY else None
    ),
}


MINUTE = timedelta(minutes=1)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
# Hours begin and end at these times, so that a minute before them tells most.
edges = st.builds(time, st.sampled_from([*range(4, 24)]), st.sampled_from([0, 30]))


@st.composite
def dials(draw: st.DrawFn) -> tuple[DialBrief, datetime, tuple[time, time] | None]:
    """A dial to one of the numbers under some rules at some instant, and the hours that are enforced."""
    number = draw(st.sampled_from(sorted(NUMBERS)))
    own = (time(draw(st.integers(4, 12))), time(draw(st.integers(13, 23))))
    enforced = draw(st.sampled_from([True, False, False]))
    rules = a_campaign_rules(
        timezone=FROM_NUMBER,
        fallback_timezone=FALLBACK,
        working_hours_enforced=enforced,
        working_hours=a_week(f"{own[0]:%H:%M}-{own[1]:%H:%M}"),
        presets=tuple(draw(st.lists(st.sampled_from(sorted(PRESETS)), max_size=2, unique=True))),
    )
    kept: Mapping[str, Any] = draw(
        st.sampled_from(
            [
                {},
                {"number_timezones": ("Asia/Tokyo",), "zones_version": "8.0/0"},
                {"number_timezones": zones_of_number(number)},
            ]
        )
    )
    brief = a_dial_brief(contact=a_contact(phone_number=number, **kept), campaign=a_campaign(rules=rules))
    place = draw(st.sampled_from(NUMBERS[number] or (FALLBACK,)))
    local = datetime.combine(draw(days), draw(edges)) - draw(st.sampled_from([timedelta(), MINUTE]))
    return brief, local.replace(tzinfo=ZoneInfo(place)).astimezone(UTC), own if enforced else None


def _lies_in(hours: tuple[time, time] | None, clock: time) -> bool:
    return hours is not None and hours[0] <= clock < hours[1]


@examples(500)
@given(dials())
def test_no_call_begins_outside_the_hours_of_any_place_where_the_phone_may_ring(
    asked: tuple[DialBrief, datetime, tuple[time, time] | None],
) -> None:
    brief, at, own = asked
    gate = closed_gate_of(brief, at)
    if gate is not None:
        assert gate is Gate.OUTSIDE_HOURS
        return
    for place in NUMBERS[brief.contact.phone_number] or (FALLBACK,):
        local = at.astimezone(ZoneInfo(place))
        assert own is None or _lies_in(own, local.time())
        for name in brief.campaign.rules.presets:
            assert _lies_in(LAWS[name](local.weekday()), local.time())


def test_every_preset_is_written_down_here() -> None:
    assert set(LAWS) == set(PRESETS)


def test_oracle_reads_the_rules_of_zones_that_the_product_reads() -> None:
    places = {place for known in NUMBERS.values() for place in known or (FALLBACK,)}
    winter = datetime(2026, 11, 15, 12, tzinfo=UTC)
    assert {place: winter.astimezone(ZoneInfo(place)).utcoffset() for place in places} == {
        place: winter.astimezone(zone_named(place)).utcoffset() for place in places
    }
