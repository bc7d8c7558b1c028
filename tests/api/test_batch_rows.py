"""The contacts of an upload: good rows, bad rows, rows that stand twice."""

from typing import Any

import pytest

from tests.api.world import World, a_problem, created, errors_of

BATCHES = "/api/v1/batches/"
GOOD = {"phone_number": "+14155550123"}
OTHER = {"phone_number": "+14155550124"}


async def _post(world: World, rows: list[Any], **fields: object) -> Any:
    campaign = await world.create_campaign()
    return await world.client.post(
        BATCHES, json={"campaign_id": campaign["campaign_id"], "contacts": rows, **fields}
    )


async def _contacts(world: World, batch: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")
    listed: list[dict[str, Any]] = answer.json()
    return listed


BAD_ROWS = [
    pytest.param({}, ["phone_number"], "missing", id="no number"),
    pytest.param({"phone_number": None}, ["phone_number"], "string_type", id="null number"),
    pytest.param({"phone_number": 14155550123}, ["phone_number"], "string_type", id="number as integer"),
    pytest.param({"phone_number": "12345"}, ["phone_number"], "phone_number", id="no plus"),
    pytest.param({"phone_number": "+1415555012"}, ["phone_number"], "phone_number", id="too short"),
    pytest.param({"phone_number": "+1 4155550123"}, ["phone_number"], "phone_number", id="inner space"),
    pytest.param({**GOOD, "timezone": "Nowhere"}, ["timezone"], "timezone", id="zone"),
    pytest.param({**GOOD, "external_id": ""}, ["external_id"], "string_too_short", id="empty reference"),
    pytest.param({**GOOD, "external_id": "x" * 256}, ["external_id"], "string_too_long", id="long reference"),
    pytest.param({**GOOD, "external_id": 7}, ["external_id"], "string_type", id="number as reference"),
    pytest.param({**GOOD, "call_variables": []}, ["call_variables"], "dict_type", id="array of variables"),
    pytest.param(
        {**GOOD, "call_variables": {"a": "x" * 16_400}}, ["call_variables"], "too_large", id="over 16 KB"
    ),
]
BROKEN_ROWS = [
    pytest.param("+14155550123", [], "model_type", id="text"),
    pytest.param(None, [], "model_type", id="null"),
    pytest.param({**GOOD, "phone": "x"}, ["phone"], "extra_forbidden", id="unknown key"),
]


@pytest.mark.parametrize(("row", "loc", "code"), [*BAD_ROWS, *BROKEN_ROWS])
async def test_one_bad_row_refuses_the_whole_upload(
    world: World, row: object, loc: list[str | int], code: str
) -> None:
    answer = await _post(world, [OTHER, row])

    assert errors_of(answer) == [(["body", "contacts", 1, *loc], code)]
    assert world.is_empty()


@pytest.mark.parametrize(("row", "loc", "code"), BROKEN_ROWS)
async def test_what_is_no_row_at_all_is_refused_also_when_bad_rows_are_skipped(
    world: World, row: object, loc: list[str | int], code: str
) -> None:
    answer = await _post(world, [OTHER, row], on_invalid="skip")

    assert errors_of(answer) == [(["body", "contacts", 1, *loc], code)]
    assert world.is_empty()


@pytest.mark.parametrize(("row", "loc", "code"), BAD_ROWS)
async def test_bad_row_is_stored_as_skipped_on_request(
    world: World, row: object, loc: list[str], code: str
) -> None:
    batch = created(await _post(world, [row, OTHER], on_invalid="skip"))

    bad, good = await _contacts(world, batch)
    assert batch["import_report"] == {"received": 2, "accepted": 1, "invalid": 1, "duplicates": 0}
    assert (batch["total_contacts"], batch["counters"]["skipped"], batch["counters"]["pending"]) == (2, 1, 1)
    assert (bad["position"], bad["status"], bad["skip_reason"]) == (1, "skipped", "invalid_number")
    assert bad["skip_detail"].startswith(f"{loc[0]}: ")
    assert (good["position"], good["status"], good["skip_detail"]) == (2, "pending", None)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param({"phone_number": "call me"}, "call me", id="as received"),
        pytest.param({"phone_number": " 12 "}, " 12 ", id="untrimmed"),
        pytest.param({"phone_number": "1" * 70}, "1" * 64, id="cut to 64 characters"),
        pytest.param({}, "", id="missing"),
        pytest.param({"phone_number": 4155550123}, "4155550123", id="a number"),
    ],
)
async def test_number_of_a_skipped_row_is_shown_as_received(
    world: World, sent: dict[str, object], kept: str
) -> None:
    row = {
        **sent,
        "external_id": "P-1",
        "timezone": "America/Denver",
        "call_variables": {"callee_name": "Ina"},
    }

    batch = created(await _post(world, [row, OTHER], on_invalid="skip"))

    bad = (await _contacts(world, batch))[0]
    shown = {key: bad[key] for key in ("phone_number", "external_id", "timezone", "call_variables")}
    assert shown == {**row, "phone_number": kept}


async def test_only_bad_rows_are_422_also_when_bad_rows_are_skipped(world: World) -> None:
    answer = await _post(world, [{}, {"phone_number": "1"}], on_invalid="skip")

    assert errors_of(answer) == [(["body", "contacts"], "no_valid_contact")]
    assert world.is_empty()


async def test_good_row_keeps_everything_it_came_with(world: World) -> None:
    row = {
        "phone_number": "+14155550123",
        "call_variables": {"callee_name": "Ravi", "due": None, "n": 1.0},
        "timezone": "America/Denver",
        "external_id": "P-2301",
    }

    batch = created(await _post(world, [{**row, "phone_number": " +14155550123 "}]))

    (contact,) = await _contacts(world, batch)
    assert {key: contact[key] for key in row} == row


async def test_later_rows_with_the_same_number_are_dropped(world: World) -> None:
    rows = [{**GOOD, "external_id": "first"}, OTHER, {"phone_number": " +14155550123"}, GOOD]

    batch = created(await _post(world, rows))

    contacts = await _contacts(world, batch)
    assert [(each["position"], each["external_id"]) for each in contacts] == [(1, "first"), (2, None)]
    assert batch["import_report"] == {"received": 4, "accepted": 2, "invalid": 0, "duplicates": 2}


async def test_same_number_twice_is_422_on_request_and_names_the_rows(world: World) -> None:
    answer = await _post(world, [GOOD, OTHER, GOOD, GOOD], on_duplicate="reject")

    loc = ["body", "contacts", 2, "phone_number"]
    assert errors_of(answer) == [
        (loc, "duplicate"),
        (["body", "contacts", 3, "phone_number"], "duplicate"),
    ]
    assert answer.json()["errors"][0]["msg"] == "Same number as contact 0"
    assert world.is_empty()


async def test_bad_rows_take_no_part_in_duplicate_detection(world: World) -> None:
    bad = {**GOOD, "timezone": "Nowhere"}

    batch = created(await _post(world, [bad, GOOD, bad], on_invalid="skip", on_duplicate="reject"))

    assert batch["import_report"] == {"received": 3, "accepted": 1, "invalid": 2, "duplicates": 0}


async def test_all_kinds_of_errors_are_counted_and_a_hundred_listed(world: World) -> None:
    rows: list[object] = [{"phone_number": "x", "timezone": "y"}] * 80

    answer = await _post(world, rows, concurrency_limit=0)

    assert len(answer.json()["errors"]) == 100
    assert answer.json()["error_count"] == 161
    assert errors_of(answer)[0] == (["body", "concurrency_limit"], "greater_than_equal")


async def test_more_than_100_000_contacts_are_413_before_any_row_is_read(world: World) -> None:
    answer = await world.client.post(BATCHES, json={"campaign_id": 7, "contacts": [0] * 100_001})

    expected = a_problem(413, "too-large", "Content Too Large", "A batch is limited to 100,000 contacts")
    assert (answer.status_code, answer.json()) == (413, expected)


async def test_blanks_around_a_zone_are_trimmed_wherever_one_is_given(world: World) -> None:
    campaign = await world.create_campaign(timezone=" America/Denver")
    row = {"phone_number": "+14155550123", "timezone": "Asia/Kolkata\n"}

    batch = await world.create_batch(campaign["campaign_id"], timezone="\tEurope/Berlin ", contacts=[row])

    zones = (campaign["timezone"], batch["timezone"], (await _contacts(world, batch))[0]["timezone"])
    assert zones == ("America/Denver", "Europe/Berlin", "Asia/Kolkata")
