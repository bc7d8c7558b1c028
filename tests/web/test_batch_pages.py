"""A batch's page and its contacts: how far, why not further, and the buttons that do something about it."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.web.browser import a_visitor
from tests.web.fake_api import READING_TOKEN, a_world
from tests.web.objects import COUNTERS, a_batch, a_debug, an_activity

NOBODY = dict.fromkeys(COUNTERS, 0)


async def test_progress_slots_pace_and_time_left_are_shown() -> None:
    api = a_world()
    this = datetime.now(UTC).replace(second=0, microsecond=0)
    ended = {"completed": 8, "busy": 2, "no_answer": 0, "failed": 0, "unknown": 0}
    api.objects["batches/btc_1/activity"] = an_activity(
        calls_by_minute=[
            {"minute": (this - timedelta(minutes=back)).isoformat(), **ended} for back in range(10, 0, -1)
        ]
    )
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert "<dd>18 <small>of 40</small></dd>" in page
    assert "<dd>5 <small>of 5</small></dd>" in page
    assert "<dd>10.0</dd>" in page  # calls per minute
    assert "2 min 12 s" in page  # 22 who are not done, ten a minute
    assert "14 completed, 3 in flight, 2 dispatched, 4 retrying" in page


async def test_diagnosis_has_its_tip_and_the_button_that_does_it() -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(status="paused", paused_by="batch")
    api.objects["batches/btc_1/debug"] = a_debug(
        diagnosis="paused", diagnostics={"stuck_pending": False, "tip": "Resume the batch."}
    )
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert "Resume the batch." in page
    assert 'id="remedy">Resume</button>' in page


async def test_worker_that_is_down_is_said_in_red_with_its_tip_and_the_numbers_stay() -> None:
    api = a_world()
    tip = "No worker is running: contacts wait. Start the worker, then POST /api/v1/batches/btc_1/dispatch."
    api.objects["batches/btc_1/debug"] = a_debug(
        diagnosis="worker_down", diagnostics={"stuck_pending": True, "tip": tip}
    )
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert '<span class="tag bad">worker down</span>' in page
    assert tip in page
    assert 'id="remedy">Dispatch</button>' in page
    assert "<dd>18 <small>of 40</small></dd>" in page


async def test_batch_that_its_campaign_holds_has_no_button_that_would_be_refused() -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(status="paused", paused_by="campaign")
    api.objects["batches/btc_1/debug"] = a_debug(
        diagnosis="paused", diagnostics={"stuck_pending": False, "tip": "Resume the campaign."}
    )
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert 'id="remedy"' not in page


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        pytest.param("pending", {"start", "pause", "cancel"}, id="pending"),
        pytest.param("in_progress", {"pause", "dispatch", "cancel"}, id="in progress"),
        pytest.param("paused", {"resume", "cancel"}, id="paused"),
        pytest.param("completed", set(), id="over"),
    ],
)
async def test_only_what_is_legal_is_offered(status: str, shown: set[str]) -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(status=status)
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    verbs = ("start", "pause", "resume", "dispatch", "cancel")
    assert {verb for verb in verbs if f'id="act-{verb}"' in page} == shown


async def test_batch_that_is_kept_open_can_be_closed() -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(keep_open=True)
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert 'id="act-close"' in page


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "dispatch", "close"])
async def test_button_asks_the_api_once_and_its_answer_is_said_once(verb: str) -> None:
    api = a_world()
    api.objects[f"batches/btc_1/{verb}"] = {"message": f"Batch {verb} done"}
    async with a_visitor(api) as browser:
        await browser.open("/batches/btc_1")
        page = await browser.send(f"/batches/btc_1/act/{verb}")
        again = await browser.open("/batches/btc_1")

    assert api.writes() == [("POST", f"batches/btc_1/{verb}")]
    assert f"Batch {verb} done" in page.text
    assert f"Batch {verb} done" not in again.text


async def test_refusal_is_said_in_the_apis_words() -> None:
    api = a_world()
    api.refuse("POST", "batches/btc_1/resume", 409, detail="Campaign is paused; resume the campaign first")
    async with a_visitor(api) as browser:
        await browser.open("/batches/btc_1")
        page = await browser.send("/batches/btc_1/act/resume")

    assert "Campaign is paused; resume the campaign first" in page.text
    assert page.url.path == "/batches/btc_1"


async def test_token_that_may_only_read_is_told_so() -> None:
    api = a_world()
    async with a_visitor(api, READING_TOKEN) as browser:
        await browser.open("/batches/btc_1")
        page = await browser.send("/batches/btc_1/act/pause")

    assert "Token does not allow this" in page.text


async def test_action_without_an_answer_says_to_look_before_it_is_repeated() -> None:
    api = a_world()
    api.refuse("POST", "batches/btc_1/pause", 503, detail="Temporal is unreachable")
    async with a_visitor(api) as browser:
        await browser.open("/batches/btc_1")
        page = await browser.send("/batches/btc_1/act/pause")

    assert "Temporal is unreachable" in page.text
    assert "before you try again" in page.text


async def test_open_page_that_asks_again_does_not_use_up_what_is_to_be_said() -> None:
    api = a_world()
    api.objects["batches/btc_1/pause"] = {"message": "Batch paused successfully"}
    async with a_visitor(api) as browser:
        await browser.open("/batches/btc_1")
        sent = await browser.client.post(
            "/batches/btc_1/act/pause", data={"csrf": browser.csrf}, follow_redirects=False
        )
        live = await browser.open("/batches/btc_1", **{"X-Live": "1"})
        page = await browser.open("/batches/btc_1")

    assert sent.status_code == HTTPStatus.SEE_OTHER
    assert "Batch paused successfully" not in live.text
    assert "Batch paused successfully" in page.text


async def test_page_lives_on_without_diagnosis_and_activity() -> None:
    api = a_world()
    for path in ("batches/btc_1/debug", "batches/btc_1/activity"):
        api.refuse("GET", path, 503, detail="Database is unreachable")
    async with a_visitor(api) as browser:
        page = await browser.open("/batches/btc_1")

    assert page.status_code == HTTPStatus.OK
    assert "could not be asked just now" in page.text
    assert page.text.count("The calls could not be read just now.") == 3
    assert "No call" not in page.text


async def test_dear_reads_are_made_once_for_everybody_with_the_same_token() -> None:
    api = a_world()
    async with a_visitor(api) as browser:
        for _ in range(3):
            await browser.open("/batches/btc_1")

    assert api.asked.count(("GET", "batches/btc_1/debug")) == 1
    assert api.asked.count(("GET", "batches/btc_1")) == 3


async def test_workflow_is_linked_in_temporals_web_ui() -> None:
    async with a_visitor(a_world()) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert 'href="http://temporal.test/namespaces/default/workflows/batch%2Fbtc_1/run-1"' in page


async def test_answers_by_hour_and_newest_calls_are_shown() -> None:
    async with a_visitor(a_world()) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert "<td>09:00</td>" in page
    assert "80%" in page
    assert 'href="/batches/btc_1/contacts/con_1">+14155550104</a>' in page


async def test_batch_of_nobody_is_drawn_too() -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(counters=NOBODY, total_contacts=0)
    async with a_visitor(api) as browser:
        page = await browser.open("/batches/btc_1")

    assert page.status_code == HTTPStatus.OK
    assert 'aria-label="Contacts: nobody"' in page.text


async def test_export_is_passed_on_as_it_comes() -> None:
    api = a_world()
    headers = {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": 'attachment; filename="btc_1.csv"',
    }
    api.answers["GET", "batches/btc_1/export.csv"] = lambda request: Response(
        f"rows={request.query_params['rows']}", headers=headers
    )
    async with a_visitor(api) as browser:
        answer = await browser.open("/batches/btc_1/export.csv?rows=calls")

    assert answer.text == "rows=calls"
    assert answer.headers["content-disposition"] == headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"


async def test_contacts_are_listed_by_status_and_in_parts() -> None:
    api = a_world()
    contact = api.objects["batches/btc_1/contacts"][0]
    asked: list[str] = []

    def listed(request: Request) -> Response:
        asked.append(request.url.query)
        return JSONResponse([contact] * 50, headers={"X-Total-Count": "120"})

    api.answers["GET", "batches/btc_1/contacts"] = listed
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1/contacts?status=no_answer&skip=50")).text
        await browser.open("/batches/btc_1/contacts?status=nonsense&skip=-5")

    assert asked == ["limit=50&skip=50&status=no_answer", "limit=50&skip=0"]
    assert "51 to 100 of 120" in page
    assert "status=no_answer&amp;skip=100" in page or "status=no_answer&skip=100" in page


@pytest.mark.parametrize(
    ("status", "every"),
    [
        pytest.param("in_progress", 5, id="while it goes on"),
        pytest.param("completed", 0, id="once it is over"),
    ],
)
async def test_contacts_are_kept_fresh_while_they_change(status: str, every: int) -> None:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(status=status)
    async with a_visitor(api) as browser:
        page = (await browser.open("/batches/btc_1/contacts")).text

    assert f'<body data-every="{every}">' in page
    assert "1 contact</p>" in page


async def test_progress_leads_to_the_contacts_of_each_status() -> None:
    async with a_visitor(a_world()) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert '<a href="/batches/btc_1/contacts?status=in_progress">in flight</a>' in page
    assert '<a href="/batches/btc_1/contacts?status=retrying">retrying</a>' in page


async def test_unknown_batch_says_so() -> None:
    api = a_world()
    api.refuse("GET", "batches/btc_9", 404, detail="Batch not found")
    async with a_visitor(api) as browser:
        page = await browser.open("/batches/btc_9")

    assert page.status_code == HTTPStatus.NOT_FOUND
    assert "Batch not found" in page.text
