"""A new batch: the file is kept, looked at, and started once."""

from tempfile import SpooledTemporaryFile

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from tests.web.browser import Browser, a_visitor
from tests.web.fake_api import FakeApi, a_world
from tests.web.objects import a_batch
from web.sessions import MOST_DRAFTS, Draft, Sessions

FILE = b"callee_name,phone_number\nInes,+14155550104\nLena,+14155550102\n"
PREVIEW = {
    "accepted": 2,
    "invalid": 0,
    "duplicates": 0,
    "suppressed": 1,
    "capped": 0,
    "on_another_call": 0,
    "by_timezone": [{"timezone": "America/Chicago", "contacts": 2, "opens_at": "2026-09-04T14:00:00Z"}],
    "first_call_at": "2026-09-04T14:00:00Z",
    "finishes_at": {"p50": "2026-09-04T15:00:00Z", "p90": None},
    "calls_expected": 3,
    "minutes_expected": 2,
    "assumptions": {"rates_from": "defaults"},
}
BAD_ROW = {"loc": ["file", 3, "phone_number"], "msg": "Not a possible phone number", "type": "phone_number"}


def a_world_that_starts() -> FakeApi:
    api = a_world()
    report = {"received": 2, "accepted": 2, "invalid": 0, "duplicates": 0}
    api.objects["batches/upload"] = a_batch() | {"import_report": report}
    api.refuse("POST", "batches/preview", 405, detail="Method Not Allowed")
    return api


async def drop(browser: Browser, content: bytes = FILE, **fields: str) -> httpx.Response:
    await browser.open("/batches/new")
    return await browser.client.post(
        "/batches/new",
        data={"csrf": browser.csrf, "campaign_id": "cmp_1", **fields},
        files={"file": ("people.csv", content, "text/csv")},
    )


async def test_file_is_shown_before_anybody_is_called() -> None:
    api = a_world_that_starts()
    async with a_visitor(api) as browser:
        page = await drop(browser, concurrency_limit="3")

    assert page.url.path == "/batches/new/check"
    assert "people.csv, 2 rows" in page.text
    assert "Start calling" in page.text
    assert ("POST", "batches/upload") not in api.asked


async def test_preview_is_shown_where_the_api_makes_one() -> None:
    api = a_world_that_starts()
    api.answers["POST", "batches/preview"] = lambda _: JSONResponse(PREVIEW)
    async with a_visitor(api) as browser:
        page = (await drop(browser)).text

    assert "What it would do" in page
    assert "America/Chicago" in page
    assert "2026-09-04 15:00:00 UTC" in page


async def test_preview_of_the_others_is_shown_beside_rows_that_are_wrong() -> None:
    api = a_world_that_starts()

    def previewed(request: Request) -> JSONResponse:
        if b"reject" in api.bodies[-1]:
            problem = {"detail": "Validation failed", "errors": [BAD_ROW], "error_count": 1}
            return JSONResponse(problem, status_code=422)
        return JSONResponse(PREVIEW)

    api.answers["POST", "batches/preview"] = previewed
    async with a_visitor(api) as browser:
        page = (await drop(browser)).text

    assert "Not a possible phone number" in page
    assert "What it would do without the wrong rows" in page


async def test_api_without_time_for_a_preview_keeps_nobody_from_starting() -> None:
    api = a_world_that_starts()
    api.refuse("POST", "batches/preview", 429, detail="Rate limit exceeded")
    async with a_visitor(api) as browser:
        page = await drop(browser)

    assert "Start calling" in page.text


async def test_start_sends_the_file_and_its_fields_once() -> None:
    api = a_world_that_starts()
    keys: list[str] = []

    def started(request: Request) -> JSONResponse:
        keys.append(request.headers["idempotency-key"])
        return JSONResponse(api.objects["batches/upload"], status_code=201)

    api.answers["POST", "batches/upload"] = started
    async with a_visitor(api) as browser:
        await drop(browser, concurrency_limit="3", name="")
        page = await browser.send("/batches/new/start")

    assert page.url.path == "/batches/btc_1"
    assert "2 contacts are called." in page.text
    assert len(keys) == len(set(keys)) == 1
    sent = api.bodies[api.asked.index(("POST", "batches/upload"))]
    assert FILE in sent
    assert b'name="concurrency_limit"' in sent
    assert b'name="name"' not in sent


async def test_rows_that_are_wrong_are_shown_and_may_be_left_out() -> None:
    api = a_world_that_starts()
    api.refuse("POST", "batches/upload", 422, detail="Validation failed", errors=[BAD_ROW], error_count=1)
    async with a_visitor(api) as browser:
        await drop(browser)
        page = await browser.send("/batches/new/start")
        del api.answers["POST", "batches/upload"]
        done = await browser.send("/batches/new/start", on_invalid="skip")

    assert page.url.path == "/batches/new/check"
    assert "Not a possible phone number" in page.text
    assert "Start without the wrong rows" in page.text
    assert done.url.path == "/batches/btc_1"
    assert (
        b"skip"
        in [body for asked, body in zip(api.asked, api.bodies, strict=True) if "upload" in asked[1]][-1]
    )


async def test_file_that_is_no_table_is_refused_in_the_apis_words() -> None:
    api = a_world_that_starts()
    problem = {"loc": ["file"], "msg": "The file is not UTF-8", "type": "encoding"}
    api.refuse("POST", "batches/preview", 422, detail="Validation failed", errors=[problem], error_count=1)
    async with a_visitor(api) as browser:
        page = (await drop(browser, b"\xff\xfe\x00")).text

    assert "The file is not UTF-8" in page


async def test_nothing_to_upload_is_said() -> None:
    async with a_visitor(a_world_that_starts()) as browser:
        page = await drop(browser, b"")
        nothing = await browser.open("/batches/new/check")

    assert "Choose a CSV file" in page.text
    assert nothing.url.path == "/batches/new"


async def test_started_file_is_forgotten() -> None:
    async with a_visitor(a_world_that_starts()) as browser:
        await drop(browser)
        await browser.send("/batches/new/start")
        again = await browser.send("/batches/new/start")

    assert again.url.path == "/batches/new"


async def test_world_without_a_campaign_says_to_make_one_first() -> None:
    api = a_world()
    api.objects["campaigns"] = []
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/new")).text

    assert 'href="/campaigns/new"' in page


@pytest.mark.parametrize("more", [0, 1, 5])
def test_files_that_wait_are_bounded_and_the_oldest_is_closed(more: int) -> None:
    sessions = Sessions()
    drafts = []
    for number in range(MOST_DRAFTS + more):
        session = sessions.find(sessions.begin(f"gat_{number}"))
        assert session is not None
        content: SpooledTemporaryFile[bytes] = SpooledTemporaryFile()  # noqa: SIM115 - the sessions close it
        drafts.append(Draft(key="k", name="n", content=content, fields={}, rows=1))
        sessions.keep(session, drafts[-1])

    assert [each.content.closed for each in drafts] == [True] * more + [False] * MOST_DRAFTS
    sessions.end_all()
    assert all(each.content.closed for each in drafts)
