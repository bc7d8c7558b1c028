"""Calling contacts of a batch again: what may be said, and what comes of it."""

from typing import Any

import httpx
import pytest

from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import TERMINAL, ContactStatus
from tests.api.scene import NUMBERS, Scene, a_scene
from tests.api.test_batch_changes import RICH
from tests.api.world import Json, World, a_problem, created, errors_of

OWN = ("name", "metadata", "scheduled_end")
COMPLETED = {"statuses": ["completed"]}


async def _requeue(scene: Scene, body: Json, **headers: str) -> httpx.Response:
    return await scene.world.client.post(
        f"/api/v1/batches/{scene.batch_id}/requeue", json=body, headers=headers
    )


async def _read(scene: Scene) -> Json:
    read: Json = (await scene.world.client.get(f"/api/v1/batches/{scene.batch_id}")).json()
    return read


async def test_contacts_that_ended_so_are_called_again_in_a_batch_that_names_its_parent(world: World) -> None:
    scene = await a_scene(world)

    batch = created(await _requeue(scene, COMPLETED))

    assert (batch["parent_batch_id"], batch["campaign_id"]) == (scene.batch_id, scene.campaign_id)
    assert (batch["status"], batch["total_contacts"], batch["counters"]["pending"]) == ("in_progress", 1, 1)
    people = (await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")).json()
    assert [each["phone_number"] for each in people] == [NUMBERS[0]]
    read = await world.client.get(f"/api/v1/batches/{batch['batch_id']}")
    assert read.json() == batch
    assert batch["batch_id"] in world.engine.started


async def test_uploaded_batch_has_no_parent(world: World) -> None:
    scene = await a_scene(world)

    assert (await _read(scene))["parent_batch_id"] is None


@pytest.mark.parametrize("status", BatchStatus)
async def test_parent_in_any_status_is_requeued_and_stays_as_it_is(world: World, status: BatchStatus) -> None:
    scene = await a_scene(world)
    scene.move_batch(status)
    before = await _read(scene)

    assert (await _requeue(scene, COMPLETED)).status_code == 201

    assert await _read(scene) == before


async def test_what_is_left_out_is_the_parents_but_for_words_and_schedule(world: World) -> None:
    scene = await a_scene(world, **RICH)
    parent = await _read(scene)

    batch = created(await _requeue(scene, COMPLETED))

    assert {name for name in RICH if batch[name] != parent[name]} == set(OWN)
    assert (batch["name"], batch["metadata"], batch["scheduled_end"]) == (None, {}, None)


@pytest.mark.parametrize("field", [each for each in RICH if each != "working_hours"])
async def test_what_is_given_is_the_new_batchs_own(world: World, field: str) -> None:
    scene = await a_scene(world)

    batch = created(await _requeue(scene, {**COMPLETED, field: RICH[field]}))

    assert batch[field] == RICH[field]
    assert (await _read(scene))[field] != RICH[field]


@pytest.mark.parametrize("field", [each for each in RICH if each not in OWN])
async def test_null_is_what_a_batch_has_without_the_field(world: World, field: str) -> None:
    plain = await _read(await a_scene(world))
    scene = await a_scene(world, **RICH)

    batch = created(await _requeue(scene, {**COMPLETED, field: None}))

    assert batch[field] == plain[field]


async def test_local_start_is_in_the_zone_of_the_parent(world: World) -> None:
    scene = await a_scene(world, timezone="Asia/Tokyo")

    batch = created(await _requeue(scene, {**COMPLETED, "scheduled_start": "2026-09-07T09:00:00"}))

    assert (batch["scheduled_start"], batch["status"]) == ("2026-09-07T00:00:00Z", "pending")


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        pytest.param({}, ["statuses"], "missing", id="no status"),
        pytest.param({"statuses": []}, ["statuses"], "too_short", id="empty"),
        pytest.param({"statuses": ["pending"]}, ["statuses", 0], "not_terminal", id="waits"),
        pytest.param({"statuses": ["in_progress"]}, ["statuses", 0], "not_terminal", id="is live"),
        pytest.param({"statuses": ["gone"]}, ["statuses", 0], "enum", id="unknown"),
        pytest.param({**COMPLETED, "dispositions": []}, ["dispositions"], "too_short", id="no disposition"),
        pytest.param({**COMPLETED, "contacts": []}, ["contacts"], "extra_forbidden", id="contacts"),
        pytest.param({**COMPLETED, "campaign_id": "x"}, ["campaign_id"], "extra_forbidden", id="campaign"),
        pytest.param(
            {**COMPLETED, "scheduled_end": "2026-09-04T11:00:00Z"}, ["scheduled_end"], "past_end", id="past"
        ),
        pytest.param({"statuses": ["busy"]}, ["statuses"], "nobody_left", id="nobody left"),
        pytest.param(
            {**COMPLETED, "dispositions": ["refused"]}, ["statuses"], "nobody_left", id="nobody said so"
        ),
        pytest.param(
            {**COMPLETED, "working_hours_enforced": True, "working_hours": {"monday": {"enabled": False}}},
            ["working_hours"],
            "no_enabled_day",
            id="never open",
        ),
    ],
)
async def test_request_that_cannot_be_is_422_and_makes_nothing(
    world: World, body: Json, place: list[Any], code: str
) -> None:
    scene = await a_scene(world)
    rows = scene.rows()

    answer = await _requeue(scene, body)

    assert errors_of(answer) == [(["body", *place], code)]
    assert scene.rows() == rows


@pytest.mark.parametrize("status", sorted(TERMINAL))
async def test_every_end_of_a_contact_can_be_named(world: World, status: ContactStatus) -> None:
    scene = await a_scene(world)
    scene.move_contact(scene.answered, status)

    assert created(await _requeue(scene, {"statuses": [status]}))["total_contacts"] == 1


async def test_suppressed_number_is_nobody(world: World) -> None:
    scene = await a_scene(world)
    await world.client.post("/api/v1/suppressions", json={"phone_number": NUMBERS[0]})

    assert errors_of(await _requeue(scene, COMPLETED)) == [(["body", "statuses"], "nobody_left")]


async def test_cancelled_campaign_is_409(world: World) -> None:
    scene = await a_scene(world)
    await scene.post("campaigns/{campaign_id}/cancel")
    assert world.tables.campaigns[scene.campaign_id].status is CampaignStatus.CANCELLED

    answer = await _requeue(scene, COMPLETED)

    detail = "Campaign is cancelled and cannot accept new batches"
    assert answer.json() == a_problem(409, "conflict", "Conflict", detail)


async def test_another_organization_in_the_body_is_403(world: World) -> None:
    scene = await a_scene(world)

    assert (await _requeue(scene, {**COMPLETED, "organization_id": "org_other"})).status_code == 403


async def test_without_temporal_it_is_503_and_makes_nothing(world: World) -> None:
    scene = await a_scene(world)
    world.engine.is_down, rows = True, scene.rows()

    assert ((await _requeue(scene, COMPLETED)).status_code, scene.rows()) == (503, rows)


async def test_repeated_key_makes_one_batch_and_another_parent_is_another_body(world: World) -> None:
    first, second = await a_scene(world), await a_scene(world)
    key = {"Idempotency-Key": "again"}

    made = await _requeue(first, COMPLETED, **key)
    again = await _requeue(first, COMPLETED, **key)
    other = await _requeue(second, COMPLETED, **key)

    assert (again.status_code, again.content) == (201, made.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert errors_of(other) == [(["header", "Idempotency-Key"], "idempotency_mismatch")]
    assert len(world.tables.batches) == 3
