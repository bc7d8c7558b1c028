"""How a lifetime is written."""

from datetime import timedelta

import pytest

from domain.access import lifetime_of


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        pytest.param("60s", timedelta(minutes=1), id="seconds"),
        pytest.param("30m", timedelta(minutes=30), id="minutes"),
        pytest.param("12h", timedelta(hours=12), id="hours"),
        pytest.param("90d", timedelta(days=90), id="days"),
        pytest.param("3650d", timedelta(days=3650), id="longest"),
    ],
)
def test_lifetime_is_a_number_and_a_unit(text: str, lifetime: timedelta) -> None:
    assert lifetime_of(text) == lifetime


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("90", id="no unit"),
        pytest.param("d", id="no number"),
        pytest.param("0d", id="no time"),
        pytest.param("-1d", id="negative"),
        pytest.param("1.5d", id="fraction"),
        pytest.param("90 d", id="blank"),
        pytest.param("90D", id="upper case"),
        pytest.param("٩d", id="foreign digit"),
        pytest.param("90d\n", id="line end"),
        pytest.param("1w", id="unknown unit"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90d"):
        lifetime_of(text)


@pytest.mark.parametrize("text", ["3651d", "999999999d", "999999999s"])
def test_more_than_ten_years_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 3650d"):
        lifetime_of(text)
