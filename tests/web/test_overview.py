"""The overview: what runs, what needs attention, and what is said when nobody answers."""

import re
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from tests.web.browser import a_visitor
from tests.web.fake_api import a_world
from tests.web.objects import a_batch, a_campaign, a_debug, an_activity


async def test_running_batches_and_live_calls_against_their_limit_are_shown() -> None:
    async with a_visitor(a_world()) as browser:
        page = (await browser.open("/")).text

    assert 'href="/batches/btc_1">north side</a>' in page
    assert 'aria-label="Live calls of September check-ups">5 of 5</meter>' in page
    assert "every batch that runs is healthy" in page


async def test_calls_per_minute_are_those_of_all_running_batches() -> None:
    api = a_world()
    api.objects["batches"] = [a_batch(), a_batch(batch_id="btc_2", name="south side")]
    api.objects["batches/btc_2/activity"] = api.objects["batches/btc_1/activity"]
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert "10 in the last 15 minutes, at most 10 in a minute" in page
    assert "14:20 UTC: 8 completed" in page


async def test_every_diagnosis_and_warning_that_is_not_healthy_is_shown_with_its_tip() -> None:
    api = a_world()
    api.objects["batches/btc_1/debug"] = a_debug(
        diagnosis="worker_down",
        diagnostics={"stuck_pending": False, "tip": "Start the worker."},
        warnings=[{"code": "high_no_answer", "tip": "Look at the hours."}],
    )
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert page.index("Start the worker.") < page.index("Look at the hours.")
    assert '<span class="tag bad">worker down</span>' in page
    assert "healthy" not in page


async def test_batch_that_needs_something_has_the_button_that_its_tip_asks_for() -> None:
    api = a_world()
    api.objects["batches/btc_1/debug"] = a_debug(
        diagnosis="worker_down", diagnostics={"stuck_pending": False, "tip": "Start the worker."}
    )
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert 'action="/batches/btc_1/act/dispatch"' in page
    assert 'id="remedy-btc_1">Dispatch</button>' in page


async def test_batches_that_could_not_be_asked_are_not_called_healthy() -> None:
    api = a_world()
    api.refuse("GET", "batches/btc_1/debug", 503, detail="Database is unreachable")
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert "1 of the batches could not be asked" in page
    assert "healthy" not in page


async def test_empty_world_says_what_to_do_first() -> None:
    api = a_world()
    api.objects |= {"campaigns": [], "batches": []}
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert "Make the first one" in page
    assert "Start one" in page
    assert "Nobody was called yet." in page
    assert "over" not in shown_headings(page)


def shown_headings(page: str) -> list[str]:
    """Return the ids of the page's sections."""
    return re.findall(r'<h2 id="([^"]+)">', page)


@pytest.mark.parametrize(
    ("statuses", "calls", "told"),
    [
        pytest.param(["in_progress"], [], "No call of the batches that run has ended", id="none ended"),
        pytest.param(["pending"], [], "No batch is running.", id="only one that waits for its start"),
        pytest.param(["completed"], [], "No batch is running.", id="one that ended long ago"),
        pytest.param(["in_progress"], None, "The calls could not be read just now.", id="not read"),
    ],
)
async def test_plot_without_calls_says_why_it_is_empty(
    statuses: list[str], calls: list[object] | None, told: str
) -> None:
    api = a_world()
    api.objects["batches"] = [a_batch(status=each) for each in statuses]
    api.objects["batches/btc_1/activity"] = an_activity(calls_by_minute=calls)
    if calls is None:
        api.refuse("GET", "batches/btc_1/activity", 503, detail="Database is unreachable")
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert f'<p class="empty">{told}' in page


async def test_batch_that_just_ended_is_found_and_its_calls_are_drawn() -> None:
    api = a_world()
    now = datetime.now(UTC).isoformat()
    api.objects["batches"] = [a_batch(status="completed", updated_at=now)]
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert "over" in shown_headings(page)
    assert 'href="/batches/btc_1">north side</a>' in page
    assert "5 in the last 15 minutes, at most 5 in a minute" in page
    assert "Nothing: no batch is running." in page


async def test_calls_of_batches_that_ended_long_ago_are_not_asked_for() -> None:
    api = a_world()
    api.objects["batches"] = [a_batch(status="completed")]
    async with a_visitor(api) as browser:
        await browser.open("/")

    assert ("GET", "batches/btc_1/activity") not in api.asked


async def test_api_that_is_away_is_said_and_the_page_comes_back_by_itself() -> None:
    api = a_world()
    async with a_visitor(api) as browser:
        api.is_away = True
        away = await browser.open("/")
        api.is_away = False
        back = await browser.open("/")

    assert away.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "Database is unreachable" in away.text
    assert 'data-away="1"' in away.text
    assert "<h1>Overview</h1>" in back.text


async def test_names_that_clients_chose_are_text_and_nothing_else() -> None:
    api = a_world()
    api.objects["campaigns"] = [a_campaign(name="<script>alert(1)</script>")]
    async with a_visitor(api) as browser:
        page = (await browser.open("/")).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("path", ["/nowhere", "/batches/btc_1/nothing"])
async def test_unknown_address_says_so(path: str) -> None:
    async with a_visitor(a_world()) as browser:
        answer = await browser.open(path)

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "No such page" in answer.text
