"""Previews over HTTP: the checks of a create, a forecast for an answer, and nothing stored."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.assembly import install
from api.batches.forecasting import expected
from api.http.uploads import Places
from domain.call import CallStatus
from domain.forecast.forecast import Forecast
from domain.forecast.past_calls import FEWEST_CALLS
from domain.forecast.question import ForecastQuestion
from tests.api.world import Json, World, a_batch_body, build_world, errors_of
from tests.builders import a_status_event

PREVIEW = "/api/v1/batches/preview"
NOON = "2026-09-04T12:00:00Z"
"""What the clock shows, on a Friday."""
OFFICE = {"working_hours_enforced": True, "timezone": "America/Chicago"}
NINE_IN_CHICAGO = "2026-09-04T14:00:00Z"
ANN, BEN, EVE = "+14155550101", "+14155550102", "+14155550103"


async def previewed(world: World, campaign_id: str, *numbers: str, **fields: Any) -> Json:
    answer = await world.client.post(PREVIEW, json=a_batch_body(campaign_id, numbers, **fields))
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def a_campaign(world: World, **fields: Any) -> str:
    return str((await world.create_campaign(**fields))["campaign_id"])


async def suppress(world: World, number: str) -> None:
    (await world.client.post("/api/v1/suppressions", json={"phone_number": number})).raise_for_status()


async def call(world: World, campaign_id: str, number: str, ended: CallStatus | None = None) -> None:
    """Call a number; the phone rings on, or the call ends a minute later."""
    batch = await world.create_batch(campaign_id, [number])
    record = await world.dial_first(batch)
    if ended is not None:
        event = a_status_event(ended, happened_at=world.clock() + timedelta(minutes=1))
        await world.calls.record_event(record.execution_id, event, event_key="ended", body=None)


async def test_preview_counts_who_is_left_out_and_says_when_the_others_are_called(world: World) -> None:
    campaign_id = await a_campaign(world, **OFFICE)
    await suppress(world, BEN)

    body = await previewed(world, campaign_id, ANN, BEN, EVE, ANN)

    assert {name: body[name] for name in ("accepted", "invalid", "duplicates", "suppressed", "capped")} == {
        "accepted": 3,
        "invalid": 0,
        "duplicates": 1,
        "suppressed": 1,
        "capped": 0,
    }
    assert body["by_timezone"] == [
        {"timezone": "America/Chicago", "contacts": 3, "opens_at": NINE_IN_CHICAGO}
    ]
    assert body["first_call_at"] == NINE_IN_CHICAGO
    assert NINE_IN_CHICAGO < body["finishes_at"]["p50"] <= body["finishes_at"]["p90"]
    assert body["calls_expected"] >= 2
    assert body["cost_expected"] is None
    assert body["calls_by_hour"][0]["hour"] == NINE_IN_CHICAGO


async def test_preview_stores_nothing_and_asks_nothing_of_temporal(world: World) -> None:
    campaign_id = await a_campaign(world)
    world.engine.is_down = True

    await previewed(world, campaign_id, ANN, BEN)

    assert world.is_empty()
    listed = await world.client.get("/api/v1/campaigns")
    assert [each["status"] for each in listed.json()] == ["draft"]


async def test_bad_rows_are_counted_where_they_would_be_stored_as_skipped(world: World) -> None:
    campaign_id = await a_campaign(world)

    body = await previewed(world, campaign_id, ANN, "12", on_invalid="skip")

    assert (body["accepted"], body["invalid"]) == (1, 1)
    assert [each["contacts"] for each in body["by_timezone"]] == [1]


async def test_csv_form_is_previewed_at_the_same_path(world: World) -> None:
    campaign_id = await a_campaign(world)
    file = f"phone_number,timezone\n{ANN},Europe/Berlin\n{BEN},\n".encode()

    answer = await world.client.post(
        PREVIEW, data={"campaign_id": campaign_id}, files={"file": ("people.csv", file, "text/csv")}
    )

    assert answer.status_code == 200
    assert answer.json()["by_timezone"] == [
        {"timezone": "Europe/Berlin", "contacts": 1, "opens_at": NOON},
        {"timezone": "UTC", "contacts": 1, "opens_at": NOON},
    ]


async def test_contact_of_several_zones_is_counted_once_under_all_of_them(world: World) -> None:
    campaign_id = await a_campaign(
        world, timezone="from_number", fallback_timezone="UTC", working_hours_enforced=True
    )

    body = await previewed(world, campaign_id, "+12705550123", "+18005550123")

    assert body["by_timezone"] == [
        {"timezone": "America/Chicago+America/New_York", "contacts": 1, "opens_at": NINE_IN_CHICAGO},
        {"timezone": "UTC", "contacts": 1, "opens_at": NOON},
    ]


async def test_capped_numbers_and_those_on_another_call_are_told(world: World) -> None:
    earlier = await a_campaign(world)
    await call(world, earlier, ANN, CallStatus.BUSY)
    await call(world, earlier, BEN)
    capped = await a_campaign(world, frequency_caps=[{"max_calls": 1, "hours": 24}])

    body = await previewed(world, capped, ANN, BEN, EVE)
    later = await previewed(world, capped, ANN, BEN, EVE, scheduled_start="2026-09-05T12:00:00Z")

    assert (body["capped"], body["on_another_call"]) == (2, 1)
    assert (later["capped"], later["on_another_call"]) == (0, 1)


async def test_where_nobody_can_be_called_times_are_null_and_no_calls_expected(world: World) -> None:
    campaign_id = await a_campaign(world)
    await suppress(world, ANN)

    body = await previewed(world, campaign_id, ANN)

    assert (body["first_call_at"], body["finishes_at"]) == (None, {"p50": None, "p90": None})
    assert (body["calls_expected"], body["minutes_expected"], body["calls_by_hour"]) == (0, 0, [])


async def test_forecast_ends_at_the_scheduled_end_and_tells_whom_it_skips(world: World) -> None:
    campaign_id = await a_campaign(world, **OFFICE)

    body = await previewed(world, campaign_id, ANN, BEN, scheduled_end="2026-09-04T13:00:00Z")

    assert (body["first_call_at"], body["expired_expected"]) == (None, 2)
    assert body["by_timezone"][0]["opens_at"] is None


async def test_rates_are_those_of_the_organizations_calls_once_they_are_enough(world: World) -> None:
    campaign_id = await a_campaign(world)
    guessed = await previewed(world, campaign_id, ANN)
    for each in range(FEWEST_CALLS):
        await call(world, campaign_id, f"+1415555{1000 + each}", CallStatus.COMPLETED)

    body = await previewed(world, campaign_id, ANN)

    assert (guessed["assumptions"]["rates_from"], guessed["assumptions"]["calls_seen"]) == ("defaults", 0)
    assert body["assumptions"]["rates_from"] == "last_30_days"
    assert body["assumptions"]["calls_seen"] == FEWEST_CALLS
    assert body["assumptions"]["outcomes"] == {"completed": 1}
    assert (body["calls_expected"], body["finishes_at"]["p50"]) == (1, "2026-09-04T12:01:00Z")


async def test_assumptions_name_limits_and_what_was_taken_for_granted(world: World) -> None:
    limited = {"metadata": {"concurrency_limit": 4}, "calls_per_second": 0.5}
    campaign_id = await a_campaign(world, **limited)
    await world.create_batch(campaign_id)
    (await world.client.post(f"/api/v1/campaigns/{campaign_id}/pause")).raise_for_status()

    assumed = (await previewed(world, campaign_id, ANN, scheduled_end="2026-09-05T13:00:00Z"))["assumptions"]

    assert (assumed["slots"], assumed["calls_per_second"]) == (4, 0.5)
    assert [note.split(":")[0] for note in assumed["notes"]] == [
        "The campaign is paused",
        "The forecast ends at scheduled_end",
        "The provider and the workers take every call at once; rules and lists stay as they are now",
    ]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"unknown": 1}, (["body", "unknown"], "extra_forbidden"), id="unknown field"),
        pytest.param(
            {"scheduled_end": "2026-09-04T11:00:00Z"}, (["body", "scheduled_end"], "past_end"), id="past end"
        ),
        pytest.param({"timezone": "from_number"}, (["body", "timezone"], "fallback_timezone"), id="fallback"),
        pytest.param(
            {"contacts": [{"phone_number": "12"}]},
            (["body", "contacts", 0, "phone_number"], "phone_number"),
            id="bad row",
        ),
    ],
)
async def test_errors_are_those_of_the_create(
    world: World, fields: Json, error: tuple[list[str | int], str]
) -> None:
    body = a_batch_body(await a_campaign(world), **fields)

    answers = [await world.client.post(path, json=body) for path in (PREVIEW, "/api/v1/batches/")]

    assert [errors_of(each)[0] for each in answers] == [error, error]


async def test_unknown_and_cancelled_campaigns_are_refused_as_by_the_create(world: World) -> None:
    unknown = await world.client.post(PREVIEW, json=a_batch_body("cmp_none"))
    campaign_id = await a_campaign(world)
    (await world.client.post(f"/api/v1/campaigns/{campaign_id}/cancel")).raise_for_status()
    cancelled = await world.client.post(PREVIEW, json=a_batch_body(campaign_id))

    assert (unknown.status_code, cancelled.status_code) == (404, 409)


async def test_preview_takes_no_key_and_answers_the_same_question_alike(world: World) -> None:
    campaign_id = await a_campaign(world)
    body = a_batch_body(campaign_id)

    answers = [
        await world.client.post(PREVIEW, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]

    assert answers[0].json() == answers[1].json()
    assert "Idempotent-Replayed" not in answers[1].headers


async def test_one_forecast_is_worked_out_at_a_time_and_who_waits_too_long_is_told_to_come_back() -> None:
    world = await build_world()
    asked: list[ForecastQuestion] = []
    go_on = asyncio.Event()

    async def slow(question: ForecastQuestion) -> Forecast:
        asked.append(question)
        await go_on.wait()
        return expected(question)

    install(world.app, replace(world.parts, forecast=slow))
    world.app.state.forecast_places = Places(1, per_token=1, wait_seconds=0.05)
    async with world.client:
        campaign_id = await a_campaign(world)
        first = asyncio.create_task(previewed(world, campaign_id, ANN))
        while not asked:  # noqa: ASYNC110 - the request is on its way through the app
            await asyncio.sleep(0)
        refused = await world.client.post(PREVIEW, json=a_batch_body(campaign_id))
        go_on.set()
        await first
        again = await previewed(world, campaign_id, ANN)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "10"
    assert (len(asked), again["accepted"]) == (2, 1)
