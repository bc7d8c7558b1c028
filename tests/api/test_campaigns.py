"""Creating and reading campaigns."""

from typing import Any

import pytest

from tests.api.world import World, a_campaign_body, created, errors_of

DAY = {"start": "09:00", "end": "18:00", "enabled": True}
REST = {**DAY, "enabled": False}
SHOWN_HOURS = {
    **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), DAY),
    **dict.fromkeys(("saturday", "sunday"), REST),
}


async def test_campaign_of_required_fields_alone_takes_every_default(world: World) -> None:
    answer = await world.client.post("/api/v1/campaigns/", json=a_campaign_body())

    assert created(answer) == {
        "campaign_id": "cmp_000003",
        "organization_id": "org_demo",
        "name": "September",
        "agent_id": "agent_care",
        "status": "draft",
        "phone_numbers": ["+14155550180"],
        "phone_number_strategy": "round_robin",
        "sticky_caller_id": False,
        "calls_per_second": None,
        "working_hours_enforced": False,
        "timezone": "UTC",
        "fallback_timezone": None,
        "working_hours": SHOWN_HOURS,
        "blackout_dates": [],
        "holidays": None,
        "presets": [],
        "retry_policy": {
            "max_retries": 3,
            "strategy": "fixed",
            "cooldown_minutes": 30,
            "max_cooldown_minutes": 1440,
            "retry_on": ["busy", "no_answer", "failed"],
        },
        "max_follow_ups": 1,
        "frequency_caps": [],
        "on_machine": "continue",
        "disposition_rules": [],
        "default_call_variables": {},
        "metadata": {},
        "completed_calls": 0,
        "failed_calls": 0,
        "busy_calls": 0,
        "no_answer_calls": 0,
        "follow_up_calls": 0,
        "created_at": "2026-09-04T12:00:00Z",
        "updated_at": "2026-09-04T12:00:00Z",
    }


async def test_campaign_shows_what_was_given_and_reads_back_the_same(world: World) -> None:
    given: dict[str, Any] = {
        "organization_id": "org_demo",
        "phone_numbers": ["+14155550181", "+442083661177"],
        "phone_number_strategy": "least_loaded",
        "working_hours_enforced": True,
        "timezone": "America/Chicago",
        "working_hours": {
            "monday": {"start": "22:00", "end": "06:00"},
            "wednesday": {
                "windows": [{"start": "09:00", "end": "12:00"}, {"start": "13:30", "end": "19:00"}],
                "enabled": True,
            },
            "sunday": {"enabled": False},
        },
        "blackout_dates": ["2026-11-26"],
        "holidays": "US-CA",
        "retry_policy": {
            "max_retries": 0,
            "strategy": "exponential",
            "cooldown_minutes": 0.5,
            "max_cooldown_minutes": 20,
            "retry_on": ["failed", "busy"],
        },
        "max_follow_ups": 0,
        "default_call_variables": {"clinic": "Lakeside"},
        "metadata": {"concurrency_limit": 20, "deep": {"er": [None, 1.5]}},
    }

    campaign = await world.create_campaign(**given)
    read = await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")

    shown_hours = {
        **dict.fromkeys(SHOWN_HOURS, REST),
        "monday": {"start": "22:00", "end": "06:00", "enabled": True},
        "wednesday": given["working_hours"]["wednesday"],
    }
    shown_policy = {**given["retry_policy"], "retry_on": ["busy", "failed"]}
    expected = {**given, "working_hours": shown_hours, "retry_policy": shown_policy}
    assert {key: campaign[key] for key in given} == expected
    assert read.json() == campaign


async def test_retries_of_unknown_outcomes_are_made_only_where_they_are_asked_for(world: World) -> None:
    asked_for = ["busy", "unknown"]

    usual = await world.create_campaign()
    daring = await world.create_campaign(retry_policy={"retry_on": asked_for})

    assert "unknown" not in usual["retry_policy"]["retry_on"]
    assert daring["retry_policy"]["retry_on"] == asked_for


async def test_null_means_not_given(world: World) -> None:
    fields = (
        "organization_id",
        "phone_number_strategy",
        "working_hours_enforced",
        "timezone",
        "working_hours",
        "blackout_dates",
        "holidays",
        "fallback_timezone",
        "retry_policy",
        "max_follow_ups",
        "default_call_variables",
        "metadata",
    )
    plain = await world.create_campaign()

    nulled = await world.create_campaign(**dict.fromkeys(fields))

    assert {**nulled, "campaign_id": ""} == {**plain, "campaign_id": ""}


async def test_numbers_are_trimmed(world: World) -> None:
    campaign = await world.create_campaign(phone_numbers=[" +14155550180\n"])

    assert campaign["phone_numbers"] == ["+14155550180"]


async def test_alias_creates_a_campaign_too(world: World) -> None:
    answer = await world.client.post("/api/v1/campaigns/create", json=a_campaign_body())

    assert created(answer)["status"] == "draft"


@pytest.mark.parametrize(
    ("fields", "loc", "code"),
    [
        pytest.param({"nmae": "x"}, ["nmae"], "extra_forbidden", id="unknown key"),
        pytest.param({"status": "active"}, ["status"], "extra_forbidden", id="status"),
        pytest.param({"name": None}, ["name"], "string_type", id="null for a required field"),
        pytest.param({"name": 1}, ["name"], "string_type", id="number as text"),
        pytest.param({"name": " \t"}, ["name"], "blank", id="blank name"),
        pytest.param({"name": ""}, ["name"], "string_too_short", id="empty name"),
        pytest.param({"name": "x" * 256}, ["name"], "string_too_long", id="long name"),
        pytest.param({"agent_id": ""}, ["agent_id"], "string_too_short", id="empty agent"),
        pytest.param({"agent_id": "x" * 256}, ["agent_id"], "string_too_long", id="long agent"),
        pytest.param({"phone_numbers": []}, ["phone_numbers"], "too_short", id="no number"),
        pytest.param({"phone_numbers": "+14155550180"}, ["phone_numbers"], "list_type", id="no list"),
        pytest.param(
            {"phone_numbers": ["+14155550180", " +14155550180"]}, ["phone_numbers"], "repeated", id="repeated"
        ),
        pytest.param(
            {"phone_numbers": ["+14155550180", "4155550181"]},
            ["phone_numbers", 1],
            "phone_number",
            id="no plus",
        ),
        pytest.param(
            {"phone_numbers": [f"+1415555{n:04}" for n in range(1001)]},
            ["phone_numbers"],
            "too_long",
            id="1001 numbers",
        ),
        pytest.param({"phone_number_strategy": "best"}, ["phone_number_strategy"], "enum", id="strategy"),
        pytest.param(
            {"working_hours_enforced": 1}, ["working_hours_enforced"], "bool_type", id="1 as boolean"
        ),
        pytest.param(
            {"working_hours_enforced": "true"}, ["working_hours_enforced"], "bool_type", id="text as boolean"
        ),
        pytest.param({"timezone": "Mars/Olympus"}, ["timezone"], "timezone", id="no zone"),
        pytest.param({"timezone": "america/chicago"}, ["timezone"], "timezone", id="zone in lower case"),
        pytest.param({"timezone": "../etc/passwd"}, ["timezone"], "timezone", id="path as zone"),
        pytest.param(
            {"working_hours": {"mon": DAY}}, ["working_hours", "mon"], "extra_forbidden", id="weekday"
        ),
        pytest.param(
            {"working_hours": {"monday": {"start": "25:00", "end": "18:00"}}},
            ["working_hours", "monday", "start"],
            "clock_time",
            id="25:00",
        ),
        pytest.param(
            {"working_hours": {"monday": {"start": "9:00", "end": "18:00"}}},
            ["working_hours", "monday", "start"],
            "clock_time",
            id="one digit",
        ),
        pytest.param(
            {"working_hours": {"monday": {**DAY, "windows": [{"start": "09:00", "end": "10:00"}]}}},
            ["working_hours", "monday"],
            "day_hours",
            id="both forms in one day",
        ),
        pytest.param(
            {"working_hours": {"monday": {}}},
            ["working_hours", "monday"],
            "day_hours",
            id="enabled without times",
        ),
        pytest.param(
            {"working_hours": {"monday": {"start": "09:00"}}},
            ["working_hours", "monday"],
            "day_hours",
            id="start without end",
        ),
        pytest.param(
            {"working_hours": {"monday": {"windows": []}}},
            ["working_hours", "monday", "windows"],
            "too_short",
            id="no window",
        ),
        pytest.param(
            {"working_hours": {"monday": {"windows": [{"start": "09:00", "end": "10:00"}] * 11}}},
            ["working_hours", "monday", "windows"],
            "too_long",
            id="eleven windows",
        ),
        pytest.param(
            {"working_hours_enforced": True, "working_hours": {"monday": REST}},
            ["working_hours"],
            "no_enabled_day",
            id="enforced with no enabled day",
        ),
        pytest.param({"blackout_dates": ["2026-02-31"]}, ["blackout_dates", 0], "date", id="31 February"),
        pytest.param({"blackout_dates": ["20261126"]}, ["blackout_dates", 0], "date", id="no dashes"),
        pytest.param(
            {"timezone": "from_number"}, ["fallback_timezone"], "fallback_timezone", id="no fallback"
        ),
        pytest.param(
            {"fallback_timezone": "from_number"}, ["fallback_timezone"], "timezone", id="fallback is no zone"
        ),
        pytest.param({"holidays": "US-XX"}, ["holidays"], "holidays", id="no such subdivision"),
        pytest.param({"holidays": "usa"}, ["holidays"], "holidays", id="no such country"),
        pytest.param({"holidays": ["US"]}, ["holidays"], "string_type", id="several calendars"),
        pytest.param({"holidays": "U" * 65}, ["holidays"], "string_too_long", id="65 characters"),
        pytest.param(
            {"blackout_dates": ["2026-11-26"] * 1001}, ["blackout_dates"], "too_long", id="1001 dates"
        ),
        pytest.param(
            {"retry_policy": {"max_retries": 21}},
            ["retry_policy", "max_retries"],
            "less_than_equal",
            id="21 retries",
        ),
        pytest.param(
            {"retry_policy": {"max_retries": "3"}},
            ["retry_policy", "max_retries"],
            "int_type",
            id="text as integer",
        ),
        pytest.param(
            {"retry_policy": {"max_retries": 3.0}},
            ["retry_policy", "max_retries"],
            "int_type",
            id="3.0 as integer",
        ),
        pytest.param(
            {"retry_policy": {"max_retries": True}},
            ["retry_policy", "max_retries"],
            "int_type",
            id="true as integer",
        ),
        pytest.param(
            {"retry_policy": {"cooldown_minutes": 0}},
            ["retry_policy", "cooldown_minutes"],
            "greater_than",
            id="no cooldown",
        ),
        pytest.param(
            {"retry_policy": {"cooldown_minutes": 10080.5}},
            ["retry_policy", "cooldown_minutes"],
            "less_than_equal",
            id="over a week",
        ),
        pytest.param(
            {"retry_policy": {"retry_on": ["completed"]}},
            ["retry_policy", "retry_on", 0],
            "literal_error",
            id="retry on completed",
        ),
        pytest.param(
            {"retry_policy": {"retry_on": ["busy", "busy"]}},
            ["retry_policy", "retry_on"],
            "repeated",
            id="outcome twice",
        ),
        pytest.param(
            {"retry_policy": {"jitter": True}},
            ["retry_policy", "jitter"],
            "extra_forbidden",
            id="unknown rule",
        ),
        pytest.param({"max_follow_ups": 11}, ["max_follow_ups"], "less_than_equal", id="eleven follow-ups"),
        pytest.param({"metadata": []}, ["metadata"], "dict_type", id="array as object"),
        pytest.param({"metadata": {"concurrency_limit": 0}}, ["metadata"], "concurrency_limit", id="limit 0"),
        pytest.param(
            {"metadata": {"concurrency_limit": 2001}}, ["metadata"], "concurrency_limit", id="limit 2001"
        ),
        pytest.param(
            {"metadata": {"concurrency_limit": True}}, ["metadata"], "concurrency_limit", id="true as limit"
        ),
        pytest.param(
            {"default_call_variables": {"a": "é" * 8190}},  # {"a":"…"} is 8 bytes and 2 for each letter
            ["default_call_variables"],
            "too_large",
            id="object over 16 KB",
        ),
    ],
)
async def test_bad_field_is_422_at_its_place_and_stores_nothing(
    world: World, fields: dict[str, object], loc: list[str | int], code: str
) -> None:
    answer = await world.client.post("/api/v1/campaigns/", json=a_campaign_body(**fields))

    assert errors_of(answer) == [(["body", *loc], code)]
    assert not world.tables.campaigns


async def test_object_of_exactly_16_kb_is_accepted(world: World) -> None:
    campaign = await world.create_campaign(metadata={"a": "é" * 8188})  # 8 bytes and 2 for each letter

    assert len(campaign["metadata"]["a"]) == 8188


async def test_missing_required_fields_are_all_named(world: World) -> None:
    answer = await world.client.post("/api/v1/campaigns/", json={})

    assert errors_of(answer) == [
        (["body", "name"], "missing"),
        (["body", "agent_id"], "missing"),
        (["body", "phone_numbers"], "missing"),
    ]


async def test_no_error_text_quotes_what_was_sent(world: World) -> None:
    body = a_campaign_body(phone_numbers=["+1999999"], timezone="Secretland", metadata={"a": "x" * 20_000})

    answer = await world.client.post("/api/v1/campaigns/", json=body)

    assert len(errors_of(answer)) == 3
    assert "+1999999" not in answer.text
    assert "Secretland" not in answer.text


async def test_campaigns_are_listed_newest_first_and_filtered_by_status(world: World) -> None:
    first = await world.create_campaign(name="first")
    second = await world.create_campaign(name="second")
    await world.create_batch(first["campaign_id"])

    everything = await world.client.get("/api/v1/campaigns/")
    drafts = await world.client.get("/api/v1/campaigns/?status=draft")
    either = await world.client.get("/api/v1/campaigns/?status=draft&status=active")
    none = await world.client.get("/api/v1/campaigns/?status=cancelled")

    assert [each["name"] for each in everything.json()] == ["second", "first"]
    assert drafts.json() == [second]
    assert len(either.json()) == 2
    assert (none.status_code, none.json(), none.headers["x-total-count"]) == (200, [], "0")


async def test_batches_of_a_campaign_are_listed_with_their_counters(world: World) -> None:
    campaign = await world.create_campaign()
    other = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    await world.create_batch(other["campaign_id"])
    del batch["import_report"]

    for path in ("batches", "batches/"):
        answer = await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}/{path}")

        assert answer.json() == [batch]
