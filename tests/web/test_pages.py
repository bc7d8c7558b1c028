"""How instants, lengths and numbers are written for people."""

from collections.abc import AsyncIterator

import pytest

from tests.web.browser import HOME, a_visitor
from tests.web.fake_api import a_world
from web.pages import count, instant, lasting, parsed, percent, tone, words


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(-3, "0 s", id="past"),
        pytest.param(59.4, "59 s", id="seconds"),
        pytest.param(61, "1 min 1 s", id="minutes and seconds"),
        pytest.param(754, "12 min", id="minutes"),
        pytest.param(3 * 3600 + 60, "3 h 1 min", id="hours"),
        pytest.param(50 * 3600, "2 d 2 h", id="days"),
    ],
)
def test_length_of_time_has_its_two_largest_units(seconds: float | None, written: str) -> None:
    assert lasting(seconds) == written


def test_instant_is_written_in_utc_and_marked_for_the_browsers_own_zone() -> None:
    assert instant("2026-09-04T16:20:31.250+02:00") == (
        '<time datetime="2026-09-04T14:20:31.250000+00:00">2026-09-04 14:20:31 UTC</time>'
    )
    assert instant(None) == "–"
    assert parsed("soon") is None


def test_numbers_shares_and_words_are_written_for_people() -> None:
    assert (count(1234567), count(None)) == ("1,234,567", "–")
    assert (percent(0.256), percent(None)) == ("26%", "–")
    assert (words("max_retries_reached"), words(None)) == ("max retries reached", "–")
    assert (tone("healthy"), tone("paused"), tone("worker_down")) == ("good", "calm", "bad")


async def test_campaigns_are_listed_in_parts() -> None:
    async with a_visitor(a_world()) as browser:
        page = (await browser.open("/campaigns?skip=nonsense")).text

    assert 'href="/campaigns/cmp_1">September check-ups</a>' in page


async def test_request_that_does_not_say_how_long_it_is_is_refused() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"token=x"

    async with a_visitor(a_world()) as browser:
        answer = await browser.client.post("/sign-in", content=endless(), headers={"Origin": HOME})

    assert answer.status_code == 411
