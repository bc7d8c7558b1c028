"""Buttons for lists that live: people are added, called again, or leave with their batch or campaign."""

import json

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.web.browser import Browser, a_visitor
from tests.web.fake_api import FakeApi, a_world
from tests.web.objects import a_batch, a_campaign

FILE = b"phone_number\n+14155550104\n"
APPEND = "batches/btc_1/contacts/upload"


class Keys:
    """An API that keeps the idempotency keys it is sent."""

    def __init__(self, path: str, answer: dict[str, object]) -> None:
        self.api = a_world()
        self.sent: list[str | None] = []
        self._answer = answer
        self.api.answers["POST", path] = self._keep

    def _keep(self, request: Request) -> Response:
        self.sent.append(request.headers.get("idempotency-key"))
        return JSONResponse(self._answer, status_code=201)


def appending(**report: int) -> Keys:
    told = {"received": 1, "accepted": 1, "invalid": 0, "duplicates": 0, **report}
    return Keys(APPEND, {"batch_id": "btc_1", "total_contacts": 41, "import_report": told})


async def drop(browser: Browser, content: bytes = FILE, **fields: str) -> httpx.Response:
    return await browser.client.post(
        "/batches/btc_1/append",
        data={"csrf": browser.csrf, "key": "form-1", **fields},
        files={"file": ("people.csv", content, "text/csv")},
        headers={"Sec-Fetch-Site": "same-origin"},
    )


async def test_file_that_is_dropped_is_added_to_the_batch() -> None:
    world = appending(accepted=3, duplicates=2, invalid=1)
    async with a_visitor(world.api) as browser:
        await browser.open("/batches/btc_1")
        page = await drop(browser, on_invalid="skip")

    sent = world.api.bodies[world.api.asked.index(("POST", APPEND))]
    assert FILE in sent
    assert b"skip" in sent
    assert page.url.path == "/batches/btc_1"
    assert "3 contacts are added; 2 numbers are in it already; 1 bad rows were left out." in page.text


async def test_form_that_is_sent_twice_is_one_request_unless_its_file_is_another() -> None:
    world = appending()
    async with a_visitor(world.api) as browser:
        await browser.open("/batches/btc_1")
        for content in (FILE, FILE, FILE + b"+14155550105\n"):
            await drop(browser, content)

    first, second, other = world.sent
    assert first == second != other


async def test_nothing_to_add_is_said() -> None:
    world = appending()
    async with a_visitor(world.api) as browser:
        await browser.open("/batches/btc_1")
        page = await drop(browser, b"")

    assert "Choose a CSV file" in page.text
    assert world.sent == []


async def test_batch_that_ended_meanwhile_takes_nobody_and_says_so() -> None:
    api = a_world()
    api.refuse("POST", APPEND, 409, detail="Batch is completed and cannot take contacts")
    async with a_visitor(api) as browser:
        await browser.open("/batches/btc_1")
        page = await drop(browser)

    assert "Batch is completed and cannot take contacts" in page.text


async def test_people_are_called_again_in_a_new_batch() -> None:
    made = a_batch(batch_id="btc_2", total_contacts=7)
    world = Keys("batches/btc_1/requeue", made)
    world.api.objects["batches/btc_2"] = made
    async with a_visitor(world.api) as browser:
        await browser.open("/batches/btc_1")
        form = {"csrf": browser.csrf, "key": "form-1", "statuses": ["busy", "no_answer"]}
        page = await browser.client.post(
            "/batches/btc_1/requeue",
            data={**form, "dispositions": "call_back, later", "name": " second try ", "scheduled_start": ""},
            headers={"Sec-Fetch-Site": "same-origin"},
        )

    sent = world.api.bodies[world.api.asked.index(("POST", "batches/btc_1/requeue"))]
    assert json.loads(sent) == {
        "statuses": ["busy", "no_answer"],
        "dispositions": ["call_back", "later"],
        "name": "second try",
    }
    assert world.sent == ["form-1"]
    assert page.url.path == "/batches/btc_2"
    assert "7 contacts are called again, in this new batch." in page.text


async def test_nobody_to_call_again_is_said_in_the_apis_words() -> None:
    api = a_world()
    error = {"loc": ["body", "statuses"], "msg": "Nobody is left to call", "type": "nobody_left"}
    api.refuse("POST", "batches/btc_1/requeue", 422, detail="Validation failed", errors=[error])
    async with a_visitor(api) as browser:
        await browser.open("/batches/btc_1")
        page = await browser.send("/batches/btc_1/requeue", statuses="busy")

    assert "statuses: Nobody is left to call" in page.text
    assert page.url.path == "/batches/btc_1"


def a_world_where(status: str) -> FakeApi:
    api = a_world()
    api.objects["batches/btc_1"] = a_batch(status=status)
    api.objects["campaigns/cmp_1"] = a_campaign(status=status)
    api.objects["campaigns/cmp_1/batches"] = []
    return api


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        pytest.param("in_progress", {"act-append"}, id="goes on"),
        pytest.param("completed", {"act-delete"}, id="over"),
    ],
)
async def test_batch_takes_contacts_until_it_is_over_and_can_then_be_deleted(
    status: str, offered: set[str]
) -> None:
    async with a_visitor(a_world_where(status)) as browser:
        page = (await browser.open("/batches/btc_1")).text

    assert {each for each in ("act-append", "act-delete") if f'id="{each}"' in page} == offered
    assert 'id="act-requeue"' in page


@pytest.mark.parametrize(
    ("path", "leads_to"), [("batches/btc_1", "/campaigns/cmp_1"), ("campaigns/cmp_1", "/campaigns")]
)
async def test_what_is_over_is_deleted(path: str, leads_to: str) -> None:
    api = a_world_where("completed")
    api.answers["DELETE", path] = lambda _: Response(status_code=204)
    async with a_visitor(api) as browser:
        await browser.open(f"/{path}")
        page = await browser.send(f"/{path}/delete")

    assert api.writes() == [("DELETE", path)]
    assert page.url.path == leads_to
    assert "is deleted." in page.text


@pytest.mark.parametrize(
    ("status", "is_offered"),
    [
        (status, status in ("draft", "completed", "cancelled"))
        for status in ("draft", "active", "paused", "completed", "cancelled")
    ],
)
async def test_campaign_can_be_deleted_where_the_api_takes_it(status: str, is_offered: bool) -> None:
    async with a_visitor(a_world_where(status)) as browser:
        page = (await browser.open("/campaigns/cmp_1")).text

    assert ('id="act-delete"' in page) is is_offered
