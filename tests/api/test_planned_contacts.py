"""`priority` and `not_before` of contacts, and batches that are kept open, as clients send and see them."""

from typing import Any

import pytest

from domain.batch import BatchStatus
from domain.identity import BatchId
from domain.lifecycle import Action
from tests.api.test_csv_import import FORM, a_form
from tests.api.world import Json, World, a_problem, created, errors_of

NUMBER, OTHER = "+14155550104", "+14155550105"


async def _a_batch(
    world: World, *contacts: dict[str, Any], campaign: Json | None = None, **fields: Any
) -> Json:
    made = await world.create_campaign(**(campaign or {}))
    return await world.create_batch(made["campaign_id"], contacts=list(contacts), **fields)


async def _shown(world: World, batch: Json) -> list[tuple[str | None, int]]:
    answer = await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")
    return [(each["not_before"], each["priority"]) for each in answer.json()]


def _a_contact(number: str = NUMBER, **fields: Any) -> dict[str, Any]:
    return {"phone_number": number, **fields}


async def test_priority_and_not_before_are_kept_and_shown(world: World) -> None:
    planned = _a_contact(not_before="2026-09-07T08:00:00+02:00", priority=9)
    batch = await _a_batch(world, planned, _a_contact(OTHER))

    assert await _shown(world, batch) == [("2026-09-07T06:00:00Z", 9), (None, 0)]


@pytest.mark.parametrize(
    ("campaign", "batch", "given", "instant"),
    [
        pytest.param({}, {}, "2026-09-07T08:00:00", "2026-09-07T08:00:00Z", id="of the campaign, UTC"),
        pytest.param(
            {"timezone": "America/Chicago"},
            {},
            "2026-09-07T08:00:00",
            "2026-09-07T13:00:00Z",
            id="of the campaign",
        ),
        pytest.param(
            {"timezone": "America/Chicago"},
            {"timezone": "Asia/Tokyo"},
            "2026-09-07T08:00:00",
            "2026-09-06T23:00:00Z",
            id="of the batch",
        ),
        pytest.param(
            {"timezone": "from_number", "fallback_timezone": "Asia/Kolkata"},
            {},
            "2026-09-07T08:00:00",
            "2026-09-07T02:30:00Z",
            id="fallback, for zones of numbers are no clock",
        ),
        pytest.param(
            {"timezone": "Europe/Berlin"},
            {},
            "2027-03-28T02:30:00",
            "2027-03-28T01:30:00Z",
            id="skipped by clocks",
        ),
        pytest.param(
            {"timezone": "Europe/Berlin"}, {}, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z", id="shown twice"
        ),
    ],
)
async def test_time_without_an_offset_is_in_the_zone_of_its_batch(
    world: World, campaign: Json, batch: Json, given: str, instant: str
) -> None:
    kept = await _a_batch(world, _a_contact(not_before=given), campaign=campaign, **batch)
    assert await _shown(world, kept) == [(instant, 0)]


async def test_zone_of_the_contact_does_not_read_its_time(world: World) -> None:
    batch = await _a_batch(world, _a_contact(not_before="2026-09-07T08:00:00", timezone="Asia/Tokyo"))
    assert await _shown(world, batch) == [("2026-09-07T08:00:00Z", 0)]


async def test_appended_contacts_are_planned_in_the_zone_of_the_batch(world: World) -> None:
    batch = await _a_batch(world, _a_contact(), timezone="America/Denver")
    more = {"contacts": [_a_contact(), _a_contact(OTHER, not_before="2026-09-07T08:00:00", priority=1)]}
    created(await world.client.post(f"/api/v1/batches/{batch['batch_id']}/contacts", json=more))
    assert await _shown(world, batch) == [(None, 0), ("2026-09-07T14:00:00Z", 1)]


async def test_time_at_or_after_the_end_of_the_batch_is_accepted(world: World) -> None:
    end = "2026-09-08T08:00:00Z"
    batch = await _a_batch(world, _a_contact(not_before=end), scheduled_end=end)
    assert await _shown(world, batch) == [(end, 0)]


async def test_file_has_both_as_columns(world: World) -> None:
    campaign = await world.create_campaign(timezone="America/Chicago")
    file = (
        "phone_number,priority,not_before\n"
        f"{NUMBER},9,2026-09-07T08:00:00\n"
        f"{OTHER}, 3 , 2026-09-07T08:00:00Z \n"
        "+14155550106,,\n"
    )
    form = a_form(("campaign_id", campaign["campaign_id"]), ("keep_open", "true"), ("file", file))
    batch = created(await world.client.post("/api/v1/batches/upload", content=form, headers=FORM))

    assert await _shown(world, batch) == [("2026-09-07T13:00:00Z", 9), ("2026-09-07T08:00:00Z", 3), (None, 0)]
    assert batch["keep_open"] is True
    people = world.tables.contacts_of(BatchId(batch["batch_id"]))
    assert [dict(each.call_variables) for each in people] == [{}, {}, {}]


@pytest.mark.parametrize(
    ("fields", "loc", "code"),
    [
        pytest.param({"priority": 10}, "priority", "less_than_equal", id="too high"),
        pytest.param({"priority": -1}, "priority", "greater_than_equal", id="negative"),
        pytest.param({"priority": "9"}, "priority", "int_type", id="text"),
        pytest.param({"priority": True}, "priority", "int_type", id="boolean"),
        pytest.param({"not_before": "2026-09-07"}, "not_before", "datetime", id="date alone"),
        pytest.param({"not_before": "2026-02-31T08:00:00"}, "not_before", "datetime", id="no such day"),
        pytest.param({"not_before": 1_790_000_000}, "not_before", "datetime_type", id="number"),
    ],
)
async def test_bad_plan_names_its_row_and_field(world: World, fields: Json, loc: str, code: str) -> None:
    campaign = await world.create_campaign()
    body = {"campaign_id": campaign["campaign_id"], "contacts": [_a_contact(), _a_contact(OTHER, **fields)]}
    answer = await world.client.post("/api/v1/batches/", json=body)
    assert errors_of(answer) == [(["body", "contacts", 1, loc], code)]


async def test_bad_plan_in_a_file_names_its_row_and_column(world: World) -> None:
    campaign = await world.create_campaign()
    file = f"phone_number,priority,not_before\n{NUMBER},high,tomorrow\n"
    form = a_form(("campaign_id", campaign["campaign_id"]), ("file", file))
    answer = await world.client.post("/api/v1/batches/upload", content=form, headers=FORM)
    assert errors_of(answer) == [
        (["file", 2, "not_before"], "datetime"),
        (["file", 2, "priority"], "int_type"),
    ]


async def test_local_time_that_leaves_the_calendar_in_the_zone_of_its_batch_is_refused(world: World) -> None:
    campaign = await world.create_campaign(timezone="America/Chicago")
    body = {
        "campaign_id": campaign["campaign_id"],
        "contacts": [_a_contact(not_before="9999-12-31T23:00:00")],
    }
    answer = await world.client.post("/api/v1/batches/", json=body)
    assert errors_of(answer) == [(["body", "contacts"], "datetime")]


async def test_batch_is_not_kept_open_unless_it_says_so(world: World) -> None:
    assert (await _a_batch(world, _a_contact()))["keep_open"] is False
    assert (await _a_batch(world, _a_contact(), keep_open=True))["keep_open"] is True


async def test_batch_is_kept_open_and_let_go_by_a_change(world: World) -> None:
    batch = await _a_batch(world, _a_contact())
    path = f"/api/v1/batches/{batch['batch_id']}"
    shown = [
        (await world.client.patch(path, json={"keep_open": wanted})).json()["keep_open"]
        for wanted in (True, None, True, False)
    ]
    assert shown == [True, False, True, False]


async def test_requeued_batch_is_kept_open_by_its_own_word(world: World) -> None:
    parent = await _a_batch(world, _a_contact(priority=5), keep_open=True)
    path = f"/api/v1/batches/{parent['batch_id']}"
    await world.client.post(f"{path}/cancel")
    shown = [
        created(await world.client.post(f"{path}/requeue", json={"statuses": ["skipped"], **fields}))[
            "keep_open"
        ]
        for fields in ({}, {"keep_open": True})
    ]
    assert shown == [False, True]


async def test_open_batch_is_closed_and_its_workflow_told(world: World) -> None:
    batch = await _a_batch(world, _a_contact(), keep_open=True)
    path = f"/api/v1/batches/{batch['batch_id']}"

    answer = await world.client.post(f"{path}/close")

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "batch_id": batch["batch_id"],
            "status": BatchStatus.IN_PROGRESS,
            "message": "Batch closed successfully",
        },
    )
    assert world.engine.acts == [(batch["batch_id"], Action.CLOSE)]
    assert world.tables.batches[BatchId(batch["batch_id"])].keep_open is False


async def test_batch_that_is_over_is_neither_closed_nor_opened(world: World) -> None:
    batch = await _a_batch(world, _a_contact(), keep_open=True)
    path = f"/api/v1/batches/{batch['batch_id']}"
    await world.client.post(f"{path}/cancel")
    closed = await world.client.post(f"{path}/close")
    assert closed.json() == a_problem(409, "conflict", "Conflict", "Batch is cancelled and cannot be closed")
    assert (await world.client.patch(path, json={"keep_open": False})).status_code == 409
