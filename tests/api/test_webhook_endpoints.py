"""Endpoints of webhooks over HTTP: made, changed, tested, replayed; a secret is shown once."""

from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest

from domain.identity import EndpointId
from tests.api.world import OTHER_SECRET, Json, World, bearer, created, errors_of

PATH = "/api/v1/webhook-endpoints"
DELIVERIES = "/api/v1/webhook-deliveries"
URL = "https://hooks.example.com/apollo"


async def an_endpoint(world: World, **fields: Any) -> Json:
    return created(await world.client.post(PATH, json={"url": URL, **fields}))


async def test_endpoint_is_answered_with_its_secret_once(world: World) -> None:
    made = await an_endpoint(world, events=["call.ended"], description="CRM")
    endpoint_id, secret = made.pop("endpoint_id"), made.pop("secret")

    assert endpoint_id.startswith("whe_")
    assert secret.startswith("whsec_")
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    assert made == {
        "organization_id": "org_demo",
        "url": URL,
        "events": ["call.ended"],
        "description": "CRM",
        "enabled": True,
        "disabled_reason": None,
        "failing_since": None,
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    shown = (await world.client.get(f"{PATH}/{endpoint_id}")).json()
    assert shown == {"endpoint_id": endpoint_id, **made}
    assert (await world.client.get(PATH)).json() == [shown]


async def test_endpoint_without_events_is_told_all(world: World) -> None:
    assert (await an_endpoint(world))["events"] is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param({}, ["body", "url"], id="no url"),
        pytest.param({"url": "http://hooks.example.com"}, ["body", "url"], id="http"),
        pytest.param({"url": "https://a:b@hooks.example.com"}, ["body", "url"], id="credentials"),
        pytest.param({"url": None}, ["body", "url"], id="null url"),
        pytest.param({"url": URL, "events": []}, ["body", "events"], id="no events"),
        pytest.param({"url": URL, "events": ["batch.dropped"]}, ["body", "events", 0], id="unknown event"),
        pytest.param({"url": URL, "events": ["call.ended"] * 2}, ["body", "events"], id="event twice"),
        pytest.param({"url": URL, "enabled": "yes"}, ["body", "enabled"], id="no boolean"),
        pytest.param({"url": URL, "secret": "mine"}, ["body", "secret"], id="secret of one's own"),
    ],
)
async def test_bad_endpoint_is_refused_at_its_field(world: World, body: Json, place: list[object]) -> None:
    answer = await world.client.post(PATH, json=body)

    assert [loc for loc, _ in errors_of(answer)] == [place]
    assert not world.webhooks.endpoints


async def test_twenty_first_endpoint_is_a_conflict(world: World) -> None:
    for _ in range(20):
        await an_endpoint(world)

    refused = await world.client.post(PATH, json={"url": URL})

    assert refused.status_code == 409
    assert refused.json()["detail"] == (
        "Organization has 20 webhook endpoints, the most it may have; delete one first"
    )


async def test_change_keeps_what_it_leaves_out_and_null_is_the_default(world: World) -> None:
    made = await an_endpoint(world, events=["call.ended"], description="CRM")
    path = f"{PATH}/{made['endpoint_id']}"

    off = (await world.client.patch(path, json={"enabled": False})).json()
    back = (await world.client.patch(path, json={"events": None, "enabled": None})).json()

    assert (off["enabled"], off["events"], off["description"]) == (False, ["call.ended"], "CRM")
    assert (back["enabled"], back["events"], back["description"]) == (True, None, "CRM")
    assert errors_of(await world.client.patch(path, json={"url": None}))[0][0] == ["body", "url"]


async def test_deleted_endpoint_is_gone(world: World) -> None:
    path = f"{PATH}/{(await an_endpoint(world))['endpoint_id']}"

    assert (await world.client.delete(path)).status_code == 204
    gone = await world.client.get(path)

    assert (gone.status_code, gone.json()["detail"]) == (404, "Webhook endpoint not found")


async def test_rotated_secret_is_another_and_the_old_one_signs_for_a_day(world: World) -> None:
    made = await an_endpoint(world)

    rotated = (await world.client.post(f"{PATH}/{made['endpoint_id']}/rotate-secret")).json()

    assert rotated["secret"] != made["secret"]
    assert rotated["endpoint_id"] == made["endpoint_id"]
    assert world.webhooks.secrets[EndpointId(made["endpoint_id"])] == [rotated["secret"], made["secret"]]
    assert rotated["previous_expires_at"] > made["created_at"]


async def test_test_is_a_delivery_whatever_the_endpoint_subscribes_to(world: World) -> None:
    made = await an_endpoint(world, events=["batch.completed"], enabled=False)

    accepted = await world.client.post(f"{PATH}/{made['endpoint_id']}/test")
    delivery = (await world.client.get(f"{DELIVERIES}/{accepted.json()['delivery_id']}")).json()

    assert accepted.status_code == 202
    assert (delivery["type"], delivery["state"], delivery["attempts"]) == ("endpoint.test", "pending", [])
    assert delivery["event_id"].startswith("evt_")
    [body] = world.webhooks.bodies.values()
    assert f'"data":{{"endpoint_id":"{made["endpoint_id"]}"}}' in body


async def test_replay_takes_the_instant_from_which_on(world: World) -> None:
    path = f"{PATH}/{(await an_endpoint(world))['endpoint_id']}"

    accepted = await world.client.post(f"{path}/replay", json={"since": "2026-09-04T14:00:00Z"})
    [(_, since)] = world.webhooks.replays
    await world.client.patch(path, json={"enabled": False})
    refused = await world.client.post(f"{path}/replay", json={"since": "2026-09-04T14:00:00Z"})

    assert (accepted.status_code, accepted.json()["since"]) == (202, "2026-09-04T14:00:00Z")
    assert since.isoformat() == "2026-09-04T14:00:00+00:00"
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "Webhook endpoint is disabled; enable it first",
    )


async def test_deliveries_are_filtered_and_paged(world: World) -> None:
    one, other = await an_endpoint(world), await an_endpoint(world)
    for made in (one, one, other):
        await world.client.post(f"{PATH}/{made['endpoint_id']}/test")

    of_one = await world.client.get(DELIVERIES, params={"endpoint_id": one["endpoint_id"], "limit": 1})
    failed = await world.client.get(DELIVERIES, params={"state": "failed"})
    unknown = await world.client.get(DELIVERIES, params={"endpoint_id": "nothing"})
    odd = await world.client.get(DELIVERIES, params={"state": "lost"})

    assert (len(of_one.json()), of_one.headers["X-Total-Count"]) == (1, "2")
    assert (failed.json(), unknown.json()) == ([], [])
    assert odd.status_code == 422


async def test_foreign_endpoints_and_deliveries_are_not_there(world: World) -> None:
    made = await an_endpoint(world)
    path = f"{PATH}/{made['endpoint_id']}"
    delivery = (await world.client.post(f"{path}/test")).json()["delivery_id"]
    theirs = bearer(OTHER_SECRET)

    answers = [
        await world.client.get(path, headers=theirs),
        await world.client.patch(path, json={"enabled": False}, headers=theirs),
        await world.client.delete(path, headers=theirs),
        await world.client.post(f"{path}/rotate-secret", headers=theirs),
        await world.client.post(f"{path}/test", headers=theirs),
        await world.client.post(f"{path}/replay", json={"since": "2026-09-04T14:00:00Z"}, headers=theirs),
        await world.client.get(f"{DELIVERIES}/{delivery}", headers=theirs),
        await world.client.post(f"{DELIVERIES}/{delivery}/replay", headers=theirs),
    ]

    assert [each.status_code for each in answers] == [404] * len(answers)
    assert (await world.client.get(PATH, headers=theirs)).json() == []
    assert (await world.client.get(DELIVERIES, headers=theirs)).json() == []


async def test_deliveries_are_measured_by_state_with_the_age_of_the_oldest(world: World) -> None:
    path = f"{PATH}/{(await an_endpoint(world))['endpoint_id']}"
    empty = await _measured(world)
    await world.client.post(f"{path}/test")
    world.clock.pass_time(timedelta(seconds=6))

    waiting = await _measured(world)
    world.tables.is_down = True

    assert empty == {"pending": "0.0", "delivered": "0.0", "failed": "0.0", "age": "0.0"}
    assert waiting == {"pending": "1.0", "delivered": "0.0", "failed": "0.0", "age": "6.0"}
    assert set((await _measured(world)).values()) == {"NaN"}


async def _measured(world: World) -> dict[str, str]:
    told = {}
    for line in (await world.client.get("/metrics")).text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("apollo_webhook_deliveries{"):
            told[name.split('"')[1]] = value
        elif name == "apollo_webhook_delivery_oldest_age_seconds":
            told["age"] = value
    return told
