"""Adding contacts to a batch that is there: what may be sent, what comes of it, and who is told."""

from typing import Any

import httpx
import pytest

from domain.batch import TERMINAL_BATCH, BatchStatus
from tests.api.scene import NUMBERS, Scene, a_scene
from tests.api.world import Json, World, a_problem, errors_of

NEW = ("+14155550150", "+14155550151")


def rows(*numbers: str) -> list[Json]:
    return [{"phone_number": each} for each in numbers]


async def _append(scene: Scene, body: Json, path: str = "contacts", **headers: str) -> httpx.Response:
    return await scene.world.client.post(
        f"/api/v1/batches/{scene.batch_id}/{path}", json=body, headers=headers
    )


async def _upload(scene: Scene, csv: str, **fields: str) -> httpx.Response:
    return await scene.world.client.post(
        f"/api/v1/batches/{scene.batch_id}/contacts/upload",
        files={"file": ("people.csv", csv.encode(), "text/csv")},
        data=fields,
    )


def _report(received: int, accepted: int, invalid: int, duplicates: int) -> Json:
    return {"received": received, "accepted": accepted, "invalid": invalid, "duplicates": duplicates}


@pytest.mark.parametrize("path", ["contacts", "contacts/", "contacts/upload"])
async def test_contacts_are_added_and_the_batchs_workflow_is_told(world: World, path: str) -> None:
    scene = await a_scene(world)

    answer = await _append(scene, {"contacts": rows(*NEW)}, path)

    assert (answer.status_code, answer.json()) == (
        201,
        {"batch_id": scene.batch_id, "total_contacts": 5, "import_report": _report(2, 2, 0, 0)},
    )
    people = (await world.client.get(f"/api/v1/batches/{scene.batch_id}/contacts")).json()
    assert [each["phone_number"] for each in people] == [*NUMBERS, *NEW]
    counters = (await world.client.get(f"/api/v1/batches/{scene.batch_id}")).json()["counters"]
    assert sum(counters.values()) == 5
    assert world.engine.policy_changes == [scene.batch_id]


async def test_csv_file_is_read_as_in_an_upload_of_a_batch(world: World) -> None:
    scene = await a_scene(world)

    answer = await _upload(scene, f"mobile_number,external_id,callee_name\n{NEW[0]},P-1,Ines Moreau\n")

    assert answer.json()["import_report"] == _report(1, 1, 0, 0)
    [added] = [each for each in world.tables.contacts_of(scene.batch_id) if each.phone_number == NEW[0]]
    assert (added.external_id, added.call_variables) == ("P-1", {"callee_name": "Ines Moreau"})


async def test_report_counts_numbers_of_the_batch_and_of_the_request_as_duplicates(world: World) -> None:
    scene = await a_scene(world)

    body = {"contacts": rows(NEW[0], NUMBERS[0], NEW[0], "x"), "on_invalid": "skip"}
    answer = await _append(scene, body)

    assert answer.json()["import_report"] == _report(4, 1, 1, 2)
    assert answer.json()["total_contacts"] == 5


async def test_all_of_them_duplicates_is_201_with_nobody_accepted(world: World) -> None:
    scene = await a_scene(world)

    answer = await _append(scene, {"contacts": rows(*NUMBERS)})

    assert (answer.status_code, answer.json()["import_report"]) == (201, _report(3, 0, 0, 3))
    assert answer.json()["total_contacts"] == 3


@pytest.mark.parametrize(
    ("is_file", "place"),
    [
        pytest.param(False, ["body", "contacts", 1, "phone_number"], id="JSON"),
        pytest.param(True, ["file", 3, "phone_number"], id="CSV"),
    ],
)
async def test_refused_duplicate_of_the_batch_is_named_by_its_row(
    world: World, is_file: bool, place: list[Any]
) -> None:
    scene = await a_scene(world)
    before = scene.rows()

    if is_file:
        csv = f"phone_number\n{NEW[0]}\n{NUMBERS[0]}\n"
        answer = await _upload(scene, csv, on_duplicate="reject")
    else:
        answer = await _append(scene, {"contacts": rows(NEW[0], NUMBERS[0]), "on_duplicate": "reject"})

    assert errors_of(answer) == [(place, "duplicate")]
    assert NUMBERS[0] not in answer.text
    assert scene.rows() == before


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        pytest.param({}, ["contacts"], "missing", id="none"),
        pytest.param({"contacts": []}, ["contacts"], "too_short", id="empty"),
        pytest.param({"contacts": rows("x")}, ["contacts", 0, "phone_number"], "phone_number", id="bad row"),
        pytest.param(
            {"contacts": rows(*NEW), "name": "x"}, ["name"], "extra_forbidden", id="a batch's field"
        ),
    ],
)
async def test_what_cannot_be_read_is_422_and_adds_nobody(
    world: World, body: Json, place: list[Any], code: str
) -> None:
    scene = await a_scene(world)
    before = scene.rows()

    answer = await _append(scene, body)

    assert errors_of(answer) == [(["body", *place], code)]
    assert scene.rows() == before


async def test_more_than_a_request_may_hold_is_413(world: World) -> None:
    scene = await a_scene(world)

    answer = await _append(scene, {"contacts": [{}] * 100_001})

    detail = "A request is limited to 100,000 contacts"
    assert answer.json() == a_problem(413, "too-large", "Content Too Large", detail)


@pytest.mark.parametrize("status", BatchStatus)
async def test_only_a_batch_that_is_not_over_takes_contacts(world: World, status: BatchStatus) -> None:
    scene = await a_scene(world)
    scene.move_batch(status)

    answer = await _append(scene, {"contacts": rows(*NEW)})

    if status in TERMINAL_BATCH:
        detail = f"Batch is {status} and cannot take contacts"
        assert answer.json() == a_problem(409, "conflict", "Conflict", detail)
    else:
        assert answer.status_code == 201


async def test_without_temporal_it_is_503_and_adds_nobody(world: World) -> None:
    scene = await a_scene(world)
    world.engine.is_down, before = True, scene.rows()

    answer = await _append(scene, {"contacts": rows(*NEW)})

    assert (answer.status_code, scene.rows()) == (503, before)


async def test_repeated_key_adds_once_and_another_batch_is_another_body(world: World) -> None:
    first, second = await a_scene(world), await a_scene(world)
    body, key = {"contacts": rows(*NEW)}, {"Idempotency-Key": "more"}

    made = await _append(first, body, **key)
    again = await _append(first, body, "contacts/upload", **key)
    other = await _append(second, body, **key)

    assert (again.status_code, again.content) == (201, made.content)
    assert errors_of(other) == [(["header", "Idempotency-Key"], "idempotency_mismatch")]
    assert len(world.tables.contacts_of(first.batch_id)) == 5
