"""An open page of a batch hears that something changed, and nothing of what."""

from http import HTTPStatus

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.web.browser import a_browser, a_console, a_visitor
from tests.web.fake_api import FakeApi, a_world
from tests.web.objects import a_batch
from web import app

EVENTS = (
    b'event: batch\nid: 1\ndata: {"name":"north side"}\n\n'
    b": ping - 2026-09-04 14:20:31\n\n"
    b'event: change\nid: 2\ndata: {"status":"paused"}\n\n'
    b"event: end\ndata: {}\n\n"
)
TOLD = "event: change\ndata: {}\n\n" * 2 + "event: end\ndata: {}\n\n"


def a_world_with_events() -> FakeApi:
    api = a_world()
    api.answers["GET", "batches/btc_1/events"] = lambda _: Response(EVENTS, media_type="text/event-stream")
    return api


async def test_page_is_told_that_its_batch_changed_and_nothing_of_it() -> None:
    async with a_visitor(a_world_with_events()) as browser:
        answer = await browser.open("/batches/btc_1/events")

    assert answer.text == TOLD
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_nobody_follows_without_a_session() -> None:
    api = a_world_with_events()
    async with a_browser(a_console(api)) as browser:
        answer = await browser.open("/batches/btc_1/events")

    assert answer.url.path == "/sign-in"
    assert api.asked == []


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        pytest.param(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND, id="unknown batch"),
        pytest.param(HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, id="too many follow"),
    ],
)
async def test_page_that_the_api_lets_not_follow_is_no_stream_and_leaves_its_place(
    status: HTTPStatus, shown: HTTPStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_FOLLOWERS", 1)
    api = a_world()
    api.refuse("GET", "batches/btc_1/events", status, detail="No")
    async with a_visitor(api) as browser:
        refused = await browser.open("/batches/btc_1/events")
        api.answers.update(a_world_with_events().answers)
        followed = [await browser.open("/batches/btc_1/events") for _ in range(2)]

    assert refused.status_code == shown
    assert [each.text for each in followed] == [TOLD, TOLD]


async def test_more_pages_than_may_follow_are_refused_without_asking_the_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "MOST_FOLLOWERS", 0)
    api = a_world_with_events()
    async with a_visitor(api) as browser:
        answer = await browser.open("/batches/btc_1/events")

    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert ("GET", "batches/btc_1/events") not in api.asked


async def test_stream_ends_with_the_session() -> None:
    api = a_world()
    console = a_console(api)

    def events(_: Request) -> Response:
        console.state.web.sessions.end_all()  # signed out meanwhile
        return Response(EVENTS)

    api.answers["GET", "batches/btc_1/events"] = events
    async with a_browser(console) as browser:
        await browser.sign_in()
        answer = await browser.open("/batches/btc_1/events")

    assert answer.text == ""


@pytest.mark.parametrize(
    ("status", "follows"),
    [pytest.param("paused", True, id="goes on"), pytest.param("expired", False, id="over")],
)
async def test_page_follows_a_batch_that_is_not_over(status: str, follows: bool) -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(status=status)
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert ('data-follow="/batches/btc_1/events"' in page) is follows
