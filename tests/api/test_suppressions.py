"""Numbers an organization must not call, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from api.suppressions.schemas import SuppressionOut
from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.settlement import Settlement
from domain.suppression import OPTED_OUT
from tests.api.world import (
    CALLER_ID,
    OTHER_SECRET,
    Json,
    World,
    a_problem,
    bearer,
    created,
    errors_of,
)
from tests.builders import a_status_event

PATH = "/api/v1/suppressions"
NUMBER, OTHER_NUMBER = "+14155550123", "+14155550124"
FOREIGN = bearer(OTHER_SECRET)
NOT_FOUND = a_problem(404, "not-found", "Not Found", "Suppression not found")
NO_EXECUTION = a_problem(404, "not-found", "Not Found", "Execution not found")


async def _suppress(world: World, **body: object) -> Json:
    return created(await world.client.post(PATH, json={"phone_number": NUMBER, **body}))


async def _sleeper(world: World) -> tuple[Json, Any]:
    """A batch of one person who waits for a retry, and the call that was busy."""
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    record = await world.dial_first(batch)
    await world.calls.record_event(
        record.execution_id, a_status_event(CallStatus.BUSY), event_key="1", body=None
    )
    at = world.clock() + timedelta(hours=1)
    settlement = Settlement(status=ContactStatus.RETRYING, next_retry_at=at)
    await world.parts.contacts.settle(record.contact_id, 1, settlement, world.clock())
    return batch, record


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
async def test_listed_number_is_answered_with_its_whole_entry(world: World, path: str) -> None:
    body = {"phone_number": f" {NUMBER} ", "reason": "by letter", "expires_at": "2126-01-01T00:00:00"}
    entry = created(await world.client.post(path, json=body))
    (kept,) = world.tables.suppressions.values()
    assert entry == SuppressionOut.of(kept).model_dump(mode="json")
    assert (entry["phone_number"], entry["expires_at"]) == (NUMBER, "2126-01-01T00:00:00Z")
    assert entry["added_by"].startswith("tok_")
    assert entry["suppression_id"].startswith("sup_")
    assert (await world.client.get(f"{PATH}/{entry['suppression_id']}")).json() == entry


async def test_number_listed_again_is_200_with_its_entry_replaced(world: World) -> None:
    first = await _suppress(world, reason="first", expires_at="2126-01-01T00:00:00Z")
    again = await world.client.post(PATH, json={"phone_number": NUMBER, "reason": None})
    assert again.status_code == 200
    assert again.json() == {**first, "reason": None, "expires_at": None}


async def test_number_may_be_named_by_a_call_so_that_it_need_not_travel(world: World) -> None:
    batch, record = await _sleeper(world)
    entry = created(await world.client.post(PATH, json={"execution_id": record.execution_id}))
    assert (entry["phone_number"], entry["execution_id"]) == (NUMBER, record.execution_id)
    assert world.engine.skips == [(batch["batch_id"], record.contact_id, ContactStatus.RETRYING)]


@pytest.mark.parametrize("execution_id", ["exec_nobody", "", "exec_../x", "con_1"])
async def test_unknown_call_is_404(world: World, execution_id: str) -> None:
    answer = await world.client.post(PATH, json={"execution_id": execution_id})
    assert (answer.status_code, answer.json()) == (404, NO_EXECUTION)


async def test_foreign_call_is_404(world: World) -> None:
    _, record = await _sleeper(world)
    body = {"execution_id": record.execution_id}
    answer = await world.client.post(PATH, json=body, headers=FOREIGN)
    assert (answer.status_code, answer.json()) == (404, NO_EXECUTION)


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        pytest.param({}, ["body"], "one_number", id="no number"),
        pytest.param(
            {"phone_number": NUMBER, "execution_id": "exec_1"}, ["body"], "one_number", id="two numbers"
        ),
        pytest.param({"phone_number": "415"}, ["body", "phone_number"], "phone_number", id="no E.164"),
        pytest.param({"phone_number": 1}, ["body", "phone_number"], "string_type", id="number as number"),
        pytest.param(
            {"phone_number": NUMBER, "reason": "x" * 256}, ["body", "reason"], "string_too_long", id="long"
        ),
        pytest.param(
            {"phone_number": NUMBER, "reason": ""}, ["body", "reason"], "string_too_short", id="empty reason"
        ),
        pytest.param(
            {"phone_number": NUMBER, "reasons": "x"}, ["body", "reasons"], "extra_forbidden", id="unknown key"
        ),
        pytest.param(
            {"phone_number": NUMBER, "expires_at": "2020-01-01T00:00:00Z"},
            ["body", "expires_at"],
            "past_expiry",
            id="expired already",
        ),
        pytest.param(
            {"phone_number": NUMBER, "expires_at": "2026-02-31T00:00:00Z"},
            ["body", "expires_at"],
            "datetime",
            id="no such day",
        ),
    ],
)
async def test_wrong_entry_is_422_and_nothing_is_listed(
    world: World, body: Json, place: list[str], code: str
) -> None:
    answer = await world.client.post(PATH, json=body)
    assert errors_of(answer) == [(place, code)]
    assert world.tables.suppressions == {}


async def test_reason_of_255_characters_is_kept(world: World) -> None:
    assert (await _suppress(world, reason="x" * 255))["reason"] == "x" * 255


async def test_foreign_organization_is_403(world: World) -> None:
    body = {"phone_number": NUMBER, "organization_id": "org_other"}
    assert (await world.client.post(PATH, json=body)).status_code == 403
    assert (await world.client.get(PATH, params={"organization_id": "org_other"})).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PATH),
        ("GET", PATH),
        ("GET", f"{PATH}/sup_1"),
        ("DELETE", f"{PATH}/sup_1"),
        ("POST", f"{PATH}/import"),
    ],
)
async def test_every_endpoint_asks_for_a_token(world: World, method: str, path: str) -> None:
    answer = await world.client.request(method, path, headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_removed_entry_is_204_and_then_404(world: World) -> None:
    entry = f"{PATH}/{(await _suppress(world))['suppression_id']}"
    removed = await world.client.delete(entry)
    assert (removed.status_code, removed.content) == (204, b"")
    for answer in (await world.client.delete(entry), await world.client.get(entry)):
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_foreign_unknown_and_malformed_ids_are_404(world: World, method: str) -> None:
    entry = (await _suppress(world))["suppression_id"]
    answers = [
        await world.client.request(method, f"{PATH}/{entry}", headers=FOREIGN),
        await world.client.request(method, f"{PATH}/sup_nobody"),
        await world.client.request(method, f"{PATH}/con_1"),
    ]
    assert [(each.status_code, each.json()) for each in answers] == [(404, NOT_FOUND)] * 3
    assert len(world.tables.suppressions) == 1


async def test_list_is_newest_first_with_totals_and_neighbours(world: World) -> None:
    for digit in range(3):
        await _suppress(world, phone_number=f"+1415555019{digit}")
        world.clock.pass_time(timedelta(seconds=1))
    answer = await world.client.get(PATH, params={"skip": 1, "limit": 1})
    assert [each["phone_number"] for each in answer.json()] == ["+14155550191"]
    assert answer.headers["X-Total-Count"] == "3"
    assert 'rel="next"' in answer.headers["Link"]
    assert 'rel="prev"' in answer.headers["Link"]


async def test_list_may_be_asked_for_one_number(world: World) -> None:
    await _suppress(world)
    await _suppress(world, phone_number=OTHER_NUMBER)
    found = await world.client.get(f"{PATH}/", params={"phone_number": NUMBER})
    assert [each["phone_number"] for each in found.json()] == [NUMBER]
    nobody = await world.client.get(PATH, params={"phone_number": CALLER_ID})
    assert (nobody.status_code, nobody.json(), nobody.headers["X-Total-Count"]) == (200, [], "0")
    wrong = await world.client.get(PATH, params={"phone_number": "415"})
    assert errors_of(wrong) == [(["query", "phone_number"], "phone_number")]


async def test_suppressed_row_of_an_upload_is_accepted_and_stored_as_skipped(world: World) -> None:
    await _suppress(world)
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER, OTHER_NUMBER])
    assert batch["import_report"] == {"received": 2, "accepted": 2, "invalid": 0, "duplicates": 0}
    counters = batch["counters"]
    assert (counters["pending"], counters["skipped"]) == (1, 1)
    assert sum(counters.values()) == batch["total_contacts"] == 2
    listed = (await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")).json()
    assert [(each["status"], each["skip_reason"]) for each in listed] == [
        ("skipped", "suppressed"),
        ("pending", None),
    ]


async def test_entry_is_kept_and_answered_when_no_workflow_can_be_told(world: World) -> None:
    await _sleeper(world)
    world.engine.is_down = True
    await _suppress(world)
    (person,) = world.tables.contacts.values()
    assert person.status is ContactStatus.SKIPPED


async def test_webhook_of_an_opt_out_lists_the_number_and_ends_the_contact(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    record = await world.dial_first(batch)
    body = {"execution_id": record.execution_id, "call_status": "completed", "opted_out": True}
    answer = await world.client.post("/webhooks/call-status", json=body)
    assert (answer.status_code, answer.json()) == (200, {"result": "accepted"})
    (entry,) = world.tables.suppressions.values()
    assert (entry.phone_number, entry.reason, entry.added_by) == (NUMBER, OPTED_OUT, None)
    agreed = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=world.clock())
    stands = await world.parts.contacts.settle(record.contact_id, 1, agreed, world.clock())
    assert stands == Settlement(status=ContactStatus.COMPLETED)


async def test_opt_out_told_after_the_ending_still_counts(world: World) -> None:
    batch, record = await _sleeper(world)
    body = {"execution_id": record.execution_id, "call_status": "busy", "opted_out": True}
    assert (await world.client.post("/webhooks/call-status", json=body)).json() == {"result": "stale"}
    (person,) = world.tables.contacts.values()
    assert person.status is ContactStatus.SKIPPED
    assert world.engine.skips == [(batch["batch_id"], record.contact_id, ContactStatus.RETRYING)]


@pytest.mark.parametrize("flag", [False, None])
async def test_webhook_without_an_opt_out_lists_nobody(world: World, flag: bool | None) -> None:
    _, record = await _sleeper(world)
    body = {"execution_id": record.execution_id, "call_status": "busy", "opted_out": flag}
    assert (await world.client.post("/webhooks/call-status", json=body)).status_code == 200
    assert world.tables.suppressions == {}


@pytest.mark.parametrize(("flag", "listed"), [("true", 1), (1, 1), ("", 0), ("perhaps", 0), ([], 0)])
async def test_opt_out_that_is_no_boolean_costs_no_ending(world: World, flag: object, listed: int) -> None:
    _, record = await _sleeper(world)
    body = {"execution_id": record.execution_id, "call_status": "busy", "opted_out": flag}
    answer = await world.client.post("/webhooks/call-status", json=body)
    assert (answer.status_code, len(world.tables.suppressions)) == (200, listed)


async def test_opt_out_of_an_unknown_call_is_404(world: World) -> None:
    body = {"execution_id": "exec_nobody", "call_status": "completed", "opted_out": True}
    answer = await world.client.post("/webhooks/call-status", json=body)
    assert (answer.status_code, answer.json()) == (404, NO_EXECUTION)
