"""Any hours, any instant near a clock change: the answers agree with each other and with a walk by minute."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.working_hours import (
    CallingHours,
    DailyWindow,
    DayHours,
    WorkingHours,
    is_open,
    next_opening,
    window_around,
)
from tests.domain.calling_hours import the_zone, utc
from tests.examples import examples

INSTANT, MINUTE, DAY = timedelta.resolution, timedelta(minutes=1), timedelta(days=1)

# A zone and one of its clock changes, or any instant where it has none.
CLOCK_CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Africa/Cairo", "2026-04-23T22:00"),
    ("Africa/Cairo", "2026-10-29T21:00"),
    ("America/Santiago", "2026-09-06T04:00"),
    ("America/Santiago", "2026-04-05T03:00"),
    ("Asia/Beirut", "2026-03-28T22:00"),
    ("Asia/Jerusalem", "2026-03-27T00:00"),
    ("America/Nuuk", "2026-03-29T01:00"),
    ("Antarctica/Casey", "2020-10-03T16:01"),
    ("America/Sao_Paulo", "2026-10-18T03:00"),
    ("Asia/Kolkata", "2026-03-29T18:30"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Pacific/Kwajalein", "1993-08-21T12:00"),
]

# Half of the times lie where clocks change.
clock_times = st.one_of(
    st.builds(time, st.sampled_from([22, 23, 0, 1, 2, 3]), st.sampled_from([0, 15, 30, 45])),
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
)
daily_windows = st.builds(DailyWindow, clock_times, clock_times)
day_hours = st.builds(
    DayHours,
    enabled=st.sampled_from([True, True, False]),
    windows=st.lists(daily_windows, max_size=2).map(tuple),
)
# Three kinds of day in turn: drawing seven takes most of the time.
weeks = st.tuples(day_hours, day_hours, day_hours).map(lambda kinds: WorkingHours((*kinds, *kinds, kinds[0])))


@st.composite
def questions(draw: st.DrawFn, *, enforced: bool | None = None) -> tuple[CallingHours, datetime]:
    """Hours of a zone, and a whole minute within two days of a clock change there."""
    zone, text = draw(st.sampled_from(CLOCK_CHANGES))
    changed_at = utc(text)
    near = st.integers(-2, 3).map(lambda days: changed_at.date() + days * DAY)
    hours = CallingHours(
        enforced=draw(st.booleans()) if enforced is None else enforced,
        timezone=zone,
        working_hours=draw(weeks),
        blackout_dates=draw(st.frozensets(near, max_size=2)),
    )
    return hours, changed_at + draw(st.integers(-48 * 60, 24 * 60)) * MINUTE


def in_window(hours: CallingHours, local: datetime) -> bool:
    """Tell by the weekday's windows and those of the day before whether a local time lies in one."""
    today = hours.working_hours.days[local.weekday()]
    yesterday = hours.working_hours.days[local.weekday() - 1]
    clock = local.time()
    starts = any(
        window.start <= clock and (clock < window.end or window.end <= window.start)
        for window in today.windows
        if today.enabled
    )
    return starts or any(
        clock < window.end <= window.start for window in yesterday.windows if yesterday.enabled
    )


def as_instant(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def local_time(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def shifts_by(local: datetime, zone: ZoneInfo) -> timedelta:
    """How far a skipped local time moves forward; nothing for a time that clocks show."""
    return local_time(as_instant(local, zone), zone) - local


def moved_minutes(hours: CallingHours, day: date) -> set[datetime]:
    """Walk the local minutes around a date; return where the runs move that are in a window and skipped."""
    zone = the_zone(hours.timezone)
    midnight = datetime.combine(day, time.min)
    listed = hours.blackout_dates
    found: set[datetime] = set()
    run: list[datetime] = []
    for minute in range(-2 * 1440, 3 * 1440):
        local = midnight + minute * MINUTE
        if in_window(hours, local):
            run.append(local)
            continue
        if all(timedelta() < shifts_by(each, zone) < DAY and each.date() not in listed for each in run):
            found |= {as_instant(each, zone) for each in run}
        run = []
    return found


def open_minutes(hours: CallingHours, start: datetime, count: int) -> list[bool]:
    """Walk the minutes from `start`, asking each what local clocks show."""
    zone = the_zone(hours.timezone)
    moved = moved_minutes(hours, start.date()) if hours.enforced else set()
    opened = []
    for at in (start + minute * MINUTE for minute in range(count)):
        local = local_time(at, zone)
        allowed = not hours.enforced or in_window(hours, local) or at in moved
        opened.append(allowed and local.date() not in hours.blackout_dates)
    return opened


@examples(40)
@given(questions())
def test_every_minute_is_open_as_local_clocks_show_it(question: tuple[CallingHours, datetime]) -> None:
    hours, start = question

    opened = [is_open(hours, start + minute * MINUTE) for minute in range(1440)]

    assert opened == open_minutes(hours, start, 1440)


@examples(40)
@given(questions())
def test_opening_is_the_first_open_minute(question: tuple[CallingHours, datetime]) -> None:
    hours, start = question
    opened = open_minutes(hours, start, 1440)
    first = start + opened.index(True) * MINUTE if True in opened else None

    assert next_opening(hours, start, before=start + DAY) == first


@examples(100)
@given(questions())
def test_opening_is_open_and_the_instant_before_it_is_not(question: tuple[CallingHours, datetime]) -> None:
    hours, at = question
    opens_at = next_opening(hours, at)
    assume(opens_at is not None)
    assert opens_at is not None

    assert is_open(hours, opens_at)
    assert next_opening(hours, opens_at) == opens_at
    assert opens_at == at or not is_open(hours, opens_at - INSTANT)
    assert next_opening(hours, at, before=opens_at) is None
    assert next_opening(hours, at, before=opens_at + INSTANT) == opens_at


@examples(100)
@given(questions(enforced=True))
def test_window_is_open_throughout_and_closed_at_its_end(question: tuple[CallingHours, datetime]) -> None:
    hours, at = question
    found = window_around(hours, at)
    assume(found.closes_at is not None)
    assert found.closes_at is not None
    opens_at = found.opens_at or at

    step = (found.closes_at - opens_at) / 50
    assert all(is_open(hours, opens_at + part * step) for part in range(50))
    assert is_open(hours, found.closes_at - INSTANT)
    assert not is_open(hours, found.closes_at)


@examples(100)
@given(questions())
def test_window_around_says_what_the_other_two_say(question: tuple[CallingHours, datetime]) -> None:
    hours, at = question
    opened = is_open(hours, at)

    found = window_around(hours, at)

    upcoming = None if opened or not hours.enforced else next_opening(hours, at)
    assert (found.is_open, found.opens_at) == (opened, upcoming)


@examples(100)
@given(questions(), st.integers(0, int(DAY / INSTANT) - 1))
def test_blackout_date_is_never_open(question: tuple[CallingHours, datetime], microseconds: int) -> None:
    hours, at = question
    instant = at + microseconds * INSTANT
    shown = instant.astimezone(the_zone(hours.timezone)).date()

    assert not is_open(replace(hours, blackout_dates=hours.blackout_dates | {shown}), instant)


def clock(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


def cut(window: DailyWindow, share: float) -> list[tuple[int, DailyWindow]]:
    """Two windows of the same times, each with the days by which it starts later."""
    start = window.start.hour * 60 + window.start.minute
    length = (window.end.hour * 60 + window.end.minute - start) % 1440 or 1440
    middle = start + int(length * share)
    if middle in (start, start + length):
        return [(0, window)]
    return [
        (0, DailyWindow(window.start, clock(middle))),
        (middle // 1440, DailyWindow(clock(middle), window.end)),
    ]


def all_cut(week: WorkingHours, share: float) -> WorkingHours:
    days: list[list[DailyWindow]] = [[] for _ in range(7)]
    for number, day in enumerate(week.days):
        for window in day.windows if day.enabled else ():
            for later, part in cut(window, share):
                days[(number + later) % 7].append(part)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        DayHours(enabled=True, windows=tuple(day)) for day in days
    )
    return WorkingHours((monday, tuesday, wednesday, thursday, friday, saturday, sunday))


@examples(100)
@given(questions(enforced=True), st.floats(0, 1))
def test_windows_cut_in_two_change_nothing(question: tuple[CallingHours, datetime], share: float) -> None:
    hours, at = question
    in_parts = replace(hours, working_hours=all_cut(hours.working_hours, share))

    assert window_around(in_parts, at) == window_around(hours, at)


@examples(25)
@given(questions(), st.integers(0, 400), st.sampled_from([1, 2, 7]))
def test_hours_with_any_window_open_sooner_or_later(
    question: tuple[CallingHours, datetime], count: int, every: int
) -> None:
    hours, at = question
    listed = frozenset(at.date() + number * every * DAY for number in range(count))
    hours = replace(hours, blackout_dates=hours.blackout_dates | listed)
    has_window = any(day.enabled and day.windows for day in hours.working_hours.days)

    assert (next_opening(hours, at) is not None) is (has_window or not hours.enforced)


@examples(50)
@given(questions(enforced=True))
def test_hours_without_an_enabled_day_never_open(question: tuple[CallingHours, datetime]) -> None:
    hours, at = question
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        replace(day, enabled=False) for day in hours.working_hours.days
    )
    rest = WorkingHours((monday, tuesday, wednesday, thursday, friday, saturday, sunday))

    assert next_opening(replace(hours, working_hours=rest), at) is None
    assert not rest.any_day_enabled
