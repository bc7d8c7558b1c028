"""Campaigns: rules as a form, what the API says beside the field it is about, the week, the numbers."""

from http import HTTPStatus
from typing import Any

import pytest
from starlette.responses import JSONResponse

from tests.web.browser import a_visitor
from tests.web.fake_api import FakeApi, a_world
from tests.web.objects import COUNTERS, WEEK, a_campaign
from web.campaign import Span, week
from web.campaign_form import body_of, changes, errors_by_field, fields_of, spans_of

STATS = {
    "campaign_id": "cmp_1",
    "contact_counts": {**COUNTERS, "in_progress": 3},
    "batch_counts": {},
    "call_counters": {
        "completed_calls": 16,
        "failed_calls": 2,
        "busy_calls": 6,
        "no_answer_calls": 11,
        "follow_up_calls": 1,
    },
    "retry_breakdown": {},
    "in_flight_contacts": 10,
    "total_call_attempts": 36,
    "follow_up_attempts": 1,
    "answered_by_counts": {"human": 10, "machine": 5, "fax": 0, "unknown": 1},
    "disposition_counts": {"confirmed": 8},
}


def a_world_with_stats() -> FakeApi:
    api = a_world()
    api.objects |= {"campaigns/cmp_1/stats": STATS, "campaigns/cmp_1/batches": api.objects["batches"]}
    return api


def as_sent(**changed: str) -> dict[str, str]:
    return fields_of(a_campaign()) | changed


def test_form_that_nobody_touched_changes_nothing() -> None:
    campaign = a_campaign(
        calls_per_second=2.5,
        working_hours={
            day: {"windows": [{"start": "09:00", "end": "12:00"}], "enabled": True} for day in WEEK
        },
        disposition_rules=[{"disposition": "callback", "then": "follow_up", "after_minutes": 60}],
    )

    assert changes(campaign, fields_of(campaign)) == {}


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        pytest.param({"name": "October"}, {"name": "October"}, id="text"),
        pytest.param({"calls_per_second": "2.5"}, {"calls_per_second": 2.5}, id="number"),
        pytest.param({"calls_per_second": "fast"}, {"calls_per_second": "fast"}, id="no number: as typed"),
        pytest.param({"holidays": "US-CA"}, {"holidays": "US-CA"}, id="set"),
        pytest.param({"phone_numbers": "+1\r\n\r\n+2 "}, {"phone_numbers": ["+1", "+2"]}, id="lines"),
        pytest.param({"presets": "us-tcpa\nuk-ofcom"}, {"presets": ["us-tcpa", "uk-ofcom"]}, id="presets"),
        pytest.param({"sticky_caller_id": "on"}, {"sticky_caller_id": True}, id="box"),
        pytest.param(
            {"metadata.concurrency_limit": "7"},
            {"metadata": {"owner": "north", "concurrency_limit": 7}},
            id="limit",
        ),
        pytest.param({"metadata.concurrency_limit": ""}, {"metadata": {"owner": "north"}}, id="no limit"),
        pytest.param({"metadata": "{"}, {"metadata": "{"}, id="no JSON: as typed"),
        pytest.param(
            {"disposition_rules": "callback follow_up 90\nrefused complete"},
            {
                "disposition_rules": [
                    {"disposition": "callback", "then": "follow_up", "after_minutes": 90},
                    {"disposition": "refused", "then": "complete"},
                ]
            },
            id="rules",
        ),
        pytest.param(
            {"frequency_caps.1.max_calls": "9", "frequency_caps.1.hours": "168"},
            {"frequency_caps": [{"max_calls": 3, "hours": 24}, {"max_calls": 9, "hours": 168}]},
            id="another cap",
        ),
    ],
)
def test_only_what_was_changed_is_sent(changed: dict[str, str], body: dict[str, Any]) -> None:
    assert changes(a_campaign(), as_sent(**changed)) == body


def test_second_window_of_a_day_changes_the_hours_as_a_whole() -> None:
    changed = {"working_hours.monday.1.start": "19:00", "working_hours.monday.1.end": "20:00"}

    hours = changes(a_campaign(), as_sent(**changed))["working_hours"]

    assert hours["monday"] == {
        "windows": [{"start": "09:00", "end": "18:00"}, {"start": "19:00", "end": "20:00"}],
        "enabled": True,
    }
    assert hours["sunday"]["enabled"] is False
    assert set(hours) == set(WEEK)


@pytest.mark.parametrize(
    ("filled", "shown"),
    [
        pytest.param(0, 2, id="none: two"),
        pytest.param(1, 2, id="one: a second"),
        pytest.param(2, 3, id="two: a third"),
        pytest.param(10, 10, id="as many as a day may have"),
    ],
)
def test_day_has_room_for_another_window(filled: int, shown: int) -> None:
    fields = {f"working_hours.monday.{place}.start": "09:00" for place in range(filled)}

    assert spans_of(fields, "monday") == range(shown)


def test_errors_stand_beside_the_field_they_are_about() -> None:
    errors: list[dict[str, Any]] = [
        {"loc": ["body", "retry_policy", "max_retries"], "msg": "at most 20"},
        {"loc": ["body", "phone_numbers", 1], "msg": "Not a possible phone number"},
        {"loc": ["body", "whatever"], "msg": "unknown"},
    ]

    found = errors_by_field(errors, {"retry_policy.max_retries", "retry_policy", "phone_numbers"})

    assert found == {
        "retry_policy.max_retries": ["at most 20"],
        "phone_numbers": ["1: Not a possible phone number"],
        "": ["whatever: unknown"],
    }


def test_window_past_midnight_goes_on_in_the_next_day() -> None:
    off = {"enabled": False}
    night = {"windows": [{"start": "22:00", "end": "02:30"}], "enabled": True}

    drawn = dict(week({**dict.fromkeys(WEEK, off), "sunday": night}))

    assert drawn["sunday"] == [Span(1320, 120)]
    assert drawn["monday"] == [Span(0, 150)]
    assert drawn["tuesday"] == []


async def test_campaign_shows_rules_week_numbers_and_batches() -> None:
    async with a_visitor(a_world_with_stats()) as browser:
        page = (await browser.open("/campaigns/cmp_1")).text

    assert 'name="name" value="September check-ups"' in page
    assert "09:00–18:00" in page
    assert "By machine" in page
    assert 'href="/batches/btc_1">north side</a>' in page


async def test_saved_rules_are_sent_as_a_change_and_said() -> None:
    api = a_world_with_stats()
    async with a_visitor(api) as browser:
        await browser.open("/campaigns/cmp_1")
        page = await browser.send("/campaigns/cmp_1", **as_sent(name="October"))

    assert api.writes() == [("PATCH", "campaigns/cmp_1")]
    assert b'{"name":"October"}' in api.bodies
    assert "The rules are changed" in page.text


async def test_refused_rules_stay_in_the_form_with_the_apis_own_words() -> None:
    api = a_world_with_stats()
    error = {"loc": ["body", "retry_policy", "max_retries"], "msg": "Input should be at most 20", "type": "x"}
    api.refuse("PATCH", "campaigns/cmp_1", 422, detail="Validation failed", errors=[error], error_count=1)
    async with a_visitor(api) as browser:
        await browser.open("/campaigns/cmp_1")
        page = await browser.send("/campaigns/cmp_1", **as_sent(**{"retry_policy.max_retries": "21"}))

    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="wrong-retry_policy.max_retries">Input should be at most 20' in page.text
    assert 'value="21"' in page.text


async def test_new_campaign_is_made_once_and_shown() -> None:
    api = a_world_with_stats()
    api.answers["POST", "campaigns"] = lambda _: JSONResponse(a_campaign(), status_code=201)
    async with a_visitor(api) as browser:
        form = await browser.open("/campaigns/new")
        page = await browser.send("/campaigns/new", **as_sent(key="k1"))

    assert "Making one calls nobody" in form.text
    assert page.url.path == "/campaigns/cmp_1"
    assert api.writes() == [("POST", "campaigns")]


async def test_refused_new_campaign_keeps_what_was_typed() -> None:
    api = a_world_with_stats()
    error = {"loc": ["body", "timezone"], "msg": "Not an IANA name", "type": "x"}
    api.refuse("POST", "campaigns", 422, detail="Validation failed", errors=[error], error_count=1)
    async with a_visitor(api) as browser:
        await browser.open("/campaigns/new")
        page = await browser.send("/campaigns/new", **as_sent(key="k1", timezone="Nowhere"))

    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="wrong-timezone">Not an IANA name' in page.text
    assert 'value="Nowhere"' in page.text


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
async def test_campaign_is_paused_resumed_and_cancelled(verb: str) -> None:
    api = a_world_with_stats()
    async with a_visitor(api) as browser:
        await browser.open("/campaigns/cmp_1")
        page = await browser.send(f"/campaigns/cmp_1/act/{verb}")

    assert api.writes() == [("POST", f"campaigns/cmp_1/{verb}")]
    assert "Done" in page.text


async def test_suppressions_are_added_looked_up_and_removed_without_a_number_in_an_address() -> None:
    api = a_world()
    entry = {
        "suppression_id": "sup_1",
        "phone_number": "+14155550199",
        "reason": "asked",
        "expires_at": None,
        "created_at": "2026-09-01T10:00:00Z",
    }
    api.objects["suppressions"] = [entry]
    async with a_visitor(api) as browser:
        page = await browser.open("/suppressions")
        found = await browser.send("/suppressions/look-up", phone_number="+14155550199")
        added = await browser.send("/suppressions", phone_number="+14155550199", reason="", expires_at="")
        await browser.send("/suppressions/sup_1/remove")

    assert "+14155550199" in page.text
    assert "Entries of this number" in found.text
    assert "not called any more" in added.text
    assert ("POST", "suppressions") in api.writes()
    assert ("DELETE", "suppressions/sup_1") in api.writes()
    assert b'{"phone_number":"+14155550199"}' in api.bodies
    assert all("4155550199" not in str(each.url) for each in (page, found, added))


def test_empty_form_says_nothing_of_its_own() -> None:
    body = body_of({})

    assert body["phone_numbers"] == []
    assert body["metadata"] == {}
    assert body["calls_per_second"] is None
