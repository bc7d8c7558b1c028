"""Datetimes as clients write them and as Apollo writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.http.wire import wire_time
from domain.given_time import parse_given_time


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-09-07T08:00:00Z", "Asia/Tokyo", datetime(2026, 9, 7, 8, tzinfo=UTC)),
        ("2026-09-07t08:00:00z", "UTC", datetime(2026, 9, 7, 8, tzinfo=UTC)),
        ("2026-09-07 08:00", "UTC", datetime(2026, 9, 7, 8, tzinfo=UTC)),
        ("2026-09-07T08:00:00+0530", "UTC", datetime(2026, 9, 7, 2, 30, tzinfo=UTC)),
        ("2026-09-07T08:00:00-05", "UTC", datetime(2026, 9, 7, 13, tzinfo=UTC)),
        ("2026-09-07T08:00:00.123456789Z", "UTC", datetime(2026, 9, 7, 8, 0, 0, 123456, UTC)),
        ("2026-09-07T08:00:00,5Z", "UTC", datetime(2026, 9, 7, 8, 0, 0, 500000, UTC)),
        ("1970-01-01T00:00:00Z", "UTC", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", "UTC", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        # Lord Howe skips half an hour: 02:15 on 4 October 2026 becomes 02:45 at UTC+11.
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", datetime(2026, 10, 3, 15, 45, tzinfo=UTC)),
        # Its half hour comes back on 5 April 2026; the first 01:45 is at UTC+11.
        ("2026-04-05T01:45:00", "Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),
    ],
)
def test_time_means_this_instant_in_its_zone(text: str, zone: str, instant: datetime) -> None:
    assert parse_given_time(text).instant(zone) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-09-07",
        "08:00:00",
        "20260907T080000Z",
        "2026-W37-1T08:00:00Z",
        "2026-02-31T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "2026-09-07T24:00:00Z",
        "2026-09-07T08:60:00Z",
        "2026-09-07T08:00:60Z",
        "2026-09-07T08:00:00+24:00",
        "2026-09-07T08:00:00Z ",
        "2026-09-07T08:00:00 Europe/Paris",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "1900-01-01T00:00:00",
        "9999-12-31T23:59:59-00:01",
        "２０２６-09-07T08:00:00Z",
        "1757232000",
    ],
)
def test_anything_else_is_no_date_and_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(Give|No such|Time is)"):
        parse_given_time(text)


def test_local_time_is_held_to_the_years_once_its_zone_is_known() -> None:
    early, late = parse_given_time("1970-01-01T00:30:00"), parse_given_time("9999-12-31T23:30:00")

    assert early.instant("UTC") == datetime(1970, 1, 1, 0, 30, tzinfo=UTC)
    assert late.instant("Asia/Tokyo") == datetime(9999, 12, 31, 14, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="1970 to 9999"):
        early.instant("Asia/Tokyo")
    with pytest.raises(ValueError, match="1970 to 9999"):
        late.instant("America/Chicago")


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 9, 4, 14, tzinfo=UTC), "2026-09-04T14:00:00Z"),
        (datetime(2026, 9, 4, 14, 0, 0, 250_999, UTC), "2026-09-04T14:00:00.250Z"),
        (datetime(2026, 9, 4, 14, 0, 0, 999, UTC), "2026-09-04T14:00:00Z"),
        (datetime(2026, 9, 4, 14, tzinfo=timezone(timedelta(hours=-5))), "2026-09-04T19:00:00Z"),
    ],
)
def test_instants_are_written_in_utc_with_milliseconds_where_there_are_any(
    instant: datetime, text: str
) -> None:
    assert wire_time(instant) == text
