"""A contact's page: its story in order, why it is not called now, and what came of it."""

import re

import pytest
from starlette.responses import JSONResponse

from tests.web.browser import a_visitor
from tests.web.fake_api import FakeApi, a_world
from tests.web.objects import a_batch, a_call, a_contact, a_debug
from web.contact import verdict

PAGE = "/batches/btc_1/contacts/con_1"
BUSY = a_call(call_status="busy", hangup_reason="Busy Here", sip_status=486, duration_seconds=None)


def a_world_with(**changes: object) -> FakeApi:
    api = a_world()
    api.objects["batches/btc_1/contacts/con_1"] = a_contact(**changes)
    return api


async def test_story_tells_attempts_and_changes_in_order() -> None:
    second = a_call(
        attempt=2, kind="retry", started_at="2026-09-04T15:00:00Z", ended_at="2026-09-04T15:01:00Z"
    )
    api = a_world_with(call_records=[BUSY, second])
    api.objects["audit-log"] = [
        {
            "time": "2026-09-04T14:40:00Z",
            "token_name": "lena",
            "action": "contact.follow_up",
            "object": "con_1",
        }
    ]
    async with a_visitor(api) as browser:
        page = (await browser.open(PAGE)).text

    steps = re.findall(r"<strong>(.*?)</strong>", page)
    assert steps == [
        "Uploaded",
        "Attempt 1 (initial): busy",
        "contact follow up, by lena",
        "Attempt 2 (retry): completed",
        "Now: completed",
    ]
    assert "SIP status: 486" in page
    assert "Disposition: confirmed" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "Reached, with 1 attempt.", id="reached"),
        pytest.param(
            {"status": "max_retries_reached", "retry_count": 2, "call_records": [BUSY] * 3},
            "Not reached: 3 attempts, the last one busy, and every retry is spent (2).",
            id="retries spent",
        ),
        pytest.param(
            {"status": "no_answer", "call_records": [a_call(call_status="no_answer")]},
            "Not reached: 1 attempt, the last one no answer, and no retry follows.",
            id="no retry",
        ),
        pytest.param(
            {"status": "skipped", "skip_reason": "suppressed", "call_records": []},
            "Not called at all: its number is on the suppression list.",
            id="suppressed",
        ),
        pytest.param(
            {"status": "skipped", "skip_reason": "manual", "call_records": [BUSY]},
            "Not called again: somebody skipped it by hand.",
            id="skipped later",
        ),
        pytest.param({"status": "pending", "call_records": []}, "Not called yet.", id="waits"),
        pytest.param({"status": "in_progress"}, "Being called now.", id="on the phone"),
    ],
)
def test_verdict_says_in_a_sentence_what_became_of_the_contact(changes: dict[str, object], said: str) -> None:
    assert verdict(a_contact(**changes)) == said


async def test_waiting_contact_says_which_gates_hold_it_and_until_when() -> None:
    api = a_world_with(
        status="retrying", next_retry_at="2026-09-05T14:00:00Z", held_by=["us-tcpa"], call_records=[BUSY]
    )
    api.objects["batches/btc_1/debug"] = a_debug(
        diagnosis="outside_working_hours",
        warnings=[{"code": "provider_failing", "tip": "…"}],
        window={"open": False, "opens_at": "2026-09-05T13:00:00Z", "closes_at": None},
    )
    async with a_visitor(api) as browser:
        page = (await browser.open(PAGE)).text

    assert "2026-09-05 14:00:00 UTC" in page
    assert "The calling window is closed." in page
    assert "2026-09-05 13:00:00 UTC" in page
    assert "The preset us-tcpa lets nobody call it now." in page
    assert "The provider fails, so nobody is dialled." in page


async def test_contact_that_nothing_holds_waits_for_its_turn() -> None:
    async with a_visitor(a_world_with(status="pending", call_records=[])) as browser:
        page = (await browser.open(PAGE)).text

    assert "its turn comes as slots get free" in page


@pytest.mark.parametrize(
    ("status", "skip", "follow_up"),
    [
        pytest.param("pending", True, False, id="waits"),
        pytest.param("in_progress", False, False, id="on the phone"),
        pytest.param("completed", False, True, id="reached"),
        pytest.param("skipped", False, False, id="skipped"),
    ],
)
async def test_only_what_is_legal_is_offered(status: str, skip: bool, follow_up: bool) -> None:
    async with a_visitor(a_world_with(status=status)) as browser:
        page = (await browser.open(PAGE)).text

    assert (f"{PAGE}/skip" in page, f"{PAGE}/follow-up" in page) == (skip, follow_up)


async def test_contact_is_skipped_and_given_a_follow_up() -> None:
    api = a_world()
    async with a_visitor(api) as browser:
        await browser.open(PAGE)
        skipped = await browser.send(f"{PAGE}/skip")
        agreed = await browser.send(f"{PAGE}/follow-up", at="2026-09-05T18:00")

    assert api.writes() == [
        ("POST", "batches/btc_1/contacts/con_1/skip"),
        ("POST", "batches/btc_1/contacts/con_1/follow-up"),
    ]
    assert b'{"at":"2026-09-05T18:00"}' in api.bodies
    assert "not called (again)" in skipped.text
    assert "follow-up is scheduled" in agreed.text


async def test_person_is_erased_by_the_number_that_the_api_tells() -> None:
    api = a_world()
    api.answers["POST", "erasures"] = lambda _: JSONResponse(
        {"erasure_id": "era_1", "contacts": 2, "calls": 3, "events": 5}
    )
    async with a_visitor(api) as browser:
        await browser.open(PAGE)
        page = await browser.send(f"{PAGE}/erase")

    assert api.writes() == [("POST", "erasures")]
    assert b'{"phone_number":"+14155550104"}' in api.bodies
    assert "Erased: 2 contacts and 3 calls" in page.text


async def test_erased_person_is_shown_without_a_number_and_cannot_be_erased_again() -> None:
    async with a_visitor(a_world_with(phone_number="", external_id=None, call_variables={})) as browser:
        page = (await browser.open(PAGE)).text

    assert "<h1>No number" in page
    assert "Erase" not in page


async def test_contact_of_a_batch_that_has_not_begun_says_when_it_will() -> None:
    api = a_world_with(status="pending", call_records=[], not_before="2026-09-07T10:00:00Z")
    api.objects["batches/btc_1"] = a_batch(status="pending", scheduled_start="2026-09-06T09:00:00Z")
    async with a_visitor(api) as browser:
        page = (await browser.open(PAGE)).text

    assert "2026-09-06 09:00:00 UTC" in page
    assert "2026-09-07 10:00:00 UTC" in page


async def test_number_stands_in_no_address() -> None:
    async with a_visitor(a_world()) as browser:
        page = (await browser.open(PAGE)).text

    assert "4155550104" in page
    assert not [each for each in re.findall(r'(?:href|action)="([^"]*)"', page) if "4155550104" in each]
