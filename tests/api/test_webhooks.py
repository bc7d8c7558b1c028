"""What providers report: who may, what becomes of it, and who is told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from domain.call import AttemptKind, CallRecord, CallStatus, StatusEvent
from domain.contact import ContactStatus
from telephony.signature import sign
from tests import fakes
from tests.api.world import OTHER_SECRET, World, a_problem, bearer, build_world, errors_of
from tests.fakes.tables import StoredEvent

PATHS = ["/webhooks/call-status", "/api/v1/webhooks/call-status"]
NO_TOKEN = {"Authorization": ""}
JSON = {"Content-Type": "application/json"}
SIGNED = a_problem(401, "unauthorized", "Unauthorized", "Invalid or missing signature")
UNSIGNED = a_problem(401, "unauthorized", "Unauthorized", "Unsigned webhooks are not accepted")


async def _dialled(world: World) -> CallRecord:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    return await world.dial_first(batch)


async def _report(world: World, call: CallRecord, status: str, **fields: object) -> tuple[int, Any]:
    body = {"execution_id": call.execution_id, "call_status": status, **fields}
    answer = await world.client.post(PATHS[0], json=body, headers=NO_TOKEN)
    return answer.status_code, answer.json()


async def _waiting(world: World) -> list[CallStatus]:
    """Return the endings that wait to be delivered to a workflow."""
    waiting = await world.parts.endings.undelivered(after=0, limit=100)
    return [each.record.call_status for each in waiting]


@pytest.mark.parametrize("path", PATHS)
async def test_ending_is_stored_and_accepted_without_a_token_and_waits_to_be_delivered(
    world: World, path: str
) -> None:
    call = await _dialled(world)
    body = {"execution_id": call.execution_id, "call_status": "No-Answer", "anything": [1]}

    answer = await world.client.post(path, json=body, headers=NO_TOKEN)

    (stored,) = world.tables.events
    assert (answer.status_code, answer.json()) == (200, {"result": "accepted"})
    assert stored == StoredEvent(
        execution_id=call.execution_id,
        event_key=sha256(answer.request.content).hexdigest(),
        event=StatusEvent(status=CallStatus.NO_ANSWER, happened_at=world.clock()),
        body=body,
        delivered_at=None,
    )
    assert await _waiting(world) == [CallStatus.NO_ANSWER]
    assert world.tables.calls[call.execution_id].call_status is CallStatus.NO_ANSWER


@pytest.mark.parametrize(
    ("word", "status"), [("Early-Media", CallStatus.RINGING), ("answered", CallStatus.IN_PROGRESS)]
)
async def test_ringing_and_answered_move_the_rows_and_wake_nobody(
    world: World, word: str, status: CallStatus
) -> None:
    call = await _dialled(world)

    assert await _report(world, call, word) == (200, {"result": "accepted"})

    assert world.tables.calls[call.execution_id].call_status is status
    assert world.tables.contacts[call.contact_id].status is ContactStatus.IN_PROGRESS
    assert await _waiting(world) == []


async def test_native_form_is_read_and_found_by_the_providers_call_id(world: World) -> None:
    call = await _dialled(world)
    body = {"call_sid": call.provider_call_id, "call_status": "busy", "sip_status": 486, "sip_reason": "Busy"}

    answer = await world.client.post(PATHS[0], json=body)

    kept = world.tables.calls[call.execution_id]
    assert answer.json() == {"result": "accepted"}
    assert (kept.call_status, kept.sip_status, kept.hangup_reason) == (CallStatus.BUSY, 486, "Busy")


async def test_repeated_late_and_disordered_events_change_nothing_and_do_not_wait_for_delivery(
    world: World,
) -> None:
    call = await _dialled(world)

    answers = [
        await _report(world, call, "in-progress"),
        await _report(world, call, "in-progress"),
        await _report(world, call, "ringing"),
        await _report(world, call, "completed", event_id="e-1"),
        await _report(world, call, "busy", event_id="e-1"),
        await _report(world, call, "busy", event_id="e-2"),
    ]

    results = ["accepted", "duplicate", "stale", "accepted", "duplicate", "stale"]
    assert answers == [(200, {"result": each}) for each in results]
    assert await _waiting(world) == [CallStatus.COMPLETED]
    assert world.tables.calls[call.execution_id].call_status is CallStatus.COMPLETED


async def test_further_event_with_the_same_ending_fills_gaps_and_schedules_nothing(world: World) -> None:
    call = await _dialled(world)
    await _report(world, call, "completed")
    answer = await _report(world, call, "completed", summary="Visit confirmed.", total_cost=0.031)

    kept = world.tables.calls[call.execution_id]
    assert answer == (200, {"result": "stale"})
    assert (kept.summary, kept.total_cost, len(await _waiting(world))) == ("Visit confirmed.", 0.031, 1)


async def test_ending_is_stored_and_accepted_while_temporal_is_down(world: World) -> None:
    call = await _dialled(world)
    world.engine.is_down = True

    answer = await _report(world, call, "completed")

    assert answer == (200, {"result": "accepted"})
    assert [each.delivered_at for each in world.tables.events] == [None]


@pytest.mark.parametrize(
    ("body", "named_by"),
    [
        pytest.param({"call_status": "singing"}, "call_sid", id="unknown native status"),
        pytest.param({"call_sid": "p-2", "call_status": "completed"}, "parent_call_sid", id="child leg"),
    ],
)
async def test_what_says_nothing_of_an_attempt_is_stored_once_and_ignored(
    world: World, body: dict[str, object], named_by: str
) -> None:
    call = await _dialled(world)
    body = {**body, named_by: call.provider_call_id}

    answers = [await world.client.post(PATHS[0], json=body) for _ in range(2)]

    assert [(each.status_code, each.json()) for each in answers] == [(200, {"result": "ignored"})] * 2
    assert [(each.execution_id, each.event, each.body) for each in world.tables.events] == [
        (call.execution_id, None, body)
    ]
    assert world.tables.calls[call.execution_id] == call
    assert await _waiting(world) == []


@pytest.mark.parametrize("word", ["ringing", "completed"])
async def test_tag_of_one_attempt_on_the_call_of_another_moves_neither(world: World, word: str) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    first, second = [
        await world.dial(each.contact_id, 1, AttemptKind.INITIAL)
        for each in world.tables.contacts_of(batch["batch_id"])
    ]
    before = dict(world.tables.calls), dict(world.tables.contacts)
    tag = {"attempt_id": second.execution_id}
    body = {"call_sid": first.provider_call_id, "call_status": word, "customerData": tag}

    answer = await world.client.post(PATHS[0], json=body)

    assert (answer.status_code, answer.json()) == (200, {"result": "ignored"})
    assert (world.tables.calls, world.tables.contacts) == before
    assert [(each.execution_id, each.event) for each in world.tables.events] == [(second.execution_id, None)]


async def test_tag_names_the_attempt_of_a_call_nobody_knows_yet(world: World) -> None:
    call = await _dialled(world)
    world.tables.calls[call.execution_id] = replace(call, provider_call_id=None)
    tag = {"attempt_id": call.execution_id}
    body = {"call_sid": "p-new", "call_status": "completed", "customerData": tag}

    answer = await world.client.post(PATHS[0], json=body)

    kept = world.tables.calls[call.execution_id]
    assert answer.json() == {"result": "accepted"}
    assert (kept.call_status, kept.provider_call_id) == (CallStatus.COMPLETED, "p-new")


@pytest.mark.parametrize("word", ["ringing", "singing"])
async def test_what_the_dial_carried_comes_back_and_is_not_stored(world: World, word: str) -> None:
    call = await _dialled(world)
    tag = {"attempt_id": call.execution_id, "brief": '{"variables":{"callee_name":"Ada"},"context":{}}'}
    body = {"call_sid": call.provider_call_id, "call_status": word}

    await world.client.post(PATHS[0], json={**body, "customerData": tag, "tag": tag})

    assert [(each.execution_id, each.body) for each in world.tables.events] == [(call.execution_id, body)]


async def test_event_after_an_ending_is_kept(world: World) -> None:
    call = await _dialled(world)
    for word in ("completed", "ringing"):
        await _report(world, call, word)

    assert [each.event.status for each in world.tables.events if each.event is not None] == [
        CallStatus.COMPLETED,
        CallStatus.RINGING,
    ]


async def test_call_of_any_organization_is_reported_without_saying_whose_it_is(world: World) -> None:
    call = await _dialled(world)
    body = {"execution_id": call.execution_id, "call_status": "ringing"}

    answer = await world.client.post(PATHS[0], json=body, headers=bearer(OTHER_SECRET))

    assert (answer.status_code, answer.json()) == (200, {"result": "accepted"})


@pytest.mark.parametrize("path", PATHS)
async def test_trailing_slash_is_404_and_never_a_redirect(world: World, path: str) -> None:
    answer = await world.client.post(path + "/", json={})

    assert answer.json() == a_problem(404, "not-found", "Not Found", "Not Found")


async def test_unknown_native_status_is_stored_under_the_attempt_its_tag_names(world: World) -> None:
    call = await _dialled(world)
    body = {"call_sid": "p-2", "call_status": "singing", "tag": {"attempt_id": call.execution_id}}

    answer = await world.client.post(PATHS[0], json=body)

    assert answer.json() == {"result": "ignored"}
    assert [each.execution_id for each in world.tables.events] == [call.execution_id]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"call_sid": "p-none", "call_status": "singing"}, id="call"),
        pytest.param(
            {"call_sid": "p-2", "call_status": "singing", "tag": {"attempt_id": "exec_none"}}, id="attempt"
        ),
        pytest.param(
            {"call_sid": "p-2", "parent_call_sid": "p-none", "call_status": "completed"}, id="parent"
        ),
    ],
)
async def test_what_says_nothing_of_nobodys_call_is_acknowledged_and_ignored(
    world: World, body: dict[str, object]
) -> None:
    answer = await world.client.post(PATHS[0], json=body)

    assert (answer.status_code, answer.json()) == (200, {"result": "ignored"})
    assert not world.tables.events


async def test_what_cannot_be_stored_is_not_acknowledged(world: World) -> None:
    call = await _dialled(world)
    world.tables.is_down = True

    answer = await world.client.post(
        PATHS[0], json={"call_sid": call.provider_call_id, "call_status": "singing"}
    )

    assert answer.status_code == 503


@pytest.mark.parametrize(("word", "result"), [("ringing", "accepted"), ("singing", "ignored")])
@pytest.mark.parametrize(
    "field",
    [
        pytest.param(rb'"note": "a\u0000b"', id="null character"),
        pytest.param(rb'"note": [{"deep": "\u0000"}]', id="deep inside"),
        pytest.param(rb'"no\u0000te": 1', id="in a name"),
        pytest.param(rb'"note": "\ud800"', id="half a pair"),
    ],
)
async def test_unknown_field_that_the_database_cannot_keep_costs_no_event(
    world: World, word: str, result: str, field: bytes
) -> None:
    call = await _dialled(world)
    tag = f'"customerData": {{"attempt_id": "{call.execution_id}"}}'
    raw = f'{{"call_sid": "{call.provider_call_id}", "call_status": "{word}", {tag}, '.encode() + field + b"}"

    answer = await world.client.post(PATHS[0], content=raw, headers=JSON)

    assert (answer.json(), len(world.tables.events)) == ({"result": result}, 1)


async def test_null_character_goes_and_the_rest_of_the_transcript_stays(world: World) -> None:
    call = await _dialled(world)

    told = await _report(world, call, "completed", transcript="Hel\x00lo.", summary="\x00")

    record = world.tables.calls[call.execution_id]
    assert (told, record.transcript, record.summary) == ((200, {"result": "accepted"}), "Hello.", None)


async def test_empty_transcript_does_not_block_the_real_one(world: World) -> None:
    call = await _dialled(world)

    await _report(world, call, "completed", transcript="", event_id="")
    told = await _report(world, call, "completed", transcript="Hello.", event_id="")

    assert told == (200, {"result": "stale"})
    assert world.tables.calls[call.execution_id].transcript == "Hello."


async def test_wrong_field_is_lost_and_noted_and_the_ending_counts(world: World) -> None:
    call = await _dialled(world)

    told = await _report(
        world, call, "completed", duration_seconds="67", total_cost={"usd": 1}, sip_status="OK"
    )

    (stored,) = world.tables.events
    record = world.tables.calls[call.execution_id]
    assert told == (200, {"result": "accepted"})
    assert (record.call_status, record.duration_seconds, record.total_cost) == ("completed", 67, None)
    assert stored.event is not None
    assert [each.split(":")[0] for each in stored.event.unread_fields] == ["sip_status", "total_cost"]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
async def test_follow_up_without_an_offset_means_what_it_means_to_the_endpoint(
    world: World, zone: str
) -> None:
    campaign = await world.create_campaign(timezone=zone, max_follow_ups=3)
    batch = await world.create_batch(campaign["campaign_id"])
    call = await world.dial_first(batch)
    await _report(world, call, "completed", follow_up_at="2026-12-03T15:00:00")
    told = world.tables.calls[call.execution_id].follow_up_at

    world.tables.contacts[call.contact_id] = replace(
        world.tables.contacts[call.contact_id], status=ContactStatus.COMPLETED
    )
    path = f"/api/v1/batches/{batch['batch_id']}/contacts/{call.contact_id}/follow-up"
    asked = await world.client.post(path, json={"at": "2026-12-03T15:00:00"})

    assert told == datetime.fromisoformat(asked.json()["follow_up_at"])


async def test_zone_of_the_batch_comes_before_that_of_its_campaign(world: World) -> None:
    campaign = await world.create_campaign(timezone="Asia/Kolkata")
    call = await world.dial_first(
        await world.create_batch(campaign["campaign_id"], timezone="America/New_York")
    )

    await _report(world, call, "completed", follow_up_at="2026-12-03T15:00:00")

    assert world.tables.calls[call.execution_id].follow_up_at == datetime(2026, 12, 3, 20, tzinfo=UTC)


async def test_zero_date_is_no_follow_up(world: World) -> None:
    call = await _dialled(world)

    await _report(world, call, "completed", follow_up_at="0001-01-01T00:00:00Z")

    assert world.tables.calls[call.execution_id].follow_up_at is None


async def test_time_of_a_wrong_clock_leaves_no_call_that_ended_before_its_answer(world: World) -> None:
    call = await _dialled(world)
    world.clock.pass_time(timedelta(seconds=20))
    await _report(world, call, "in_progress")
    world.clock.pass_time(timedelta(seconds=30))

    await _report(world, call, "completed", timestamp="0001-01-01T00:00:00Z")

    record = world.tables.calls[call.execution_id]
    assert record.answered_at is not None
    assert record.ended_at == world.clock()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"execution_id": "exec_none", "call_status": "ringing"}, id="execution"),
        pytest.param({"call_sid": "p-none", "call_status": "ringing"}, id="call"),
    ],
)
async def test_unknown_execution_is_404(world: World, body: dict[str, object]) -> None:
    answer = await world.client.post(PATHS[0], json=body)

    assert answer.json() == a_problem(404, "not-found", "Not Found", "Execution not found")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param({}, "execution_id", id="neither id"),
        pytest.param({"execution_id": "exec_1"}, "call_status", id="no status"),
        pytest.param({"call_sid": "p-1"}, "call_status", id="no native status"),
        pytest.param(
            {"execution_id": "exec_1", "call_status": "singing"}, "call_status", id="unknown status"
        ),
        pytest.param({"execution_id": "", "call_status": "ringing"}, "execution_id", id="blank id"),
    ],
)
async def test_malformed_report_is_422(world: World, body: dict[str, object], name: str) -> None:
    answer = await world.client.post(PATHS[0], json=body)

    assert ["body", name] in [loc for loc, _ in errors_of(answer)]


RAW = b'{"execution_id":"exec_none","call_status":"ringing"}'
NOW = int(fakes.FakeClock()().timestamp())


def _signature(signer: str = "s1", at: int = NOW, body: bytes = RAW) -> dict[str, str]:
    return {"Jambonz-Signature": sign(signer, at, body)}


@pytest.mark.parametrize(
    ("secrets", "unsigned_allowed", "headers", "expected"),
    [
        pytest.param(["s1"], True, _signature(), 404, id="signed"),
        pytest.param(["s0", "s1"], True, _signature(), 404, id="signed with any of several"),
        pytest.param(["s1"], True, _signature(at=NOW - 300), 404, id="300 s old"),
        pytest.param(["s1"], True, _signature(at=NOW - 301), SIGNED, id="301 s old"),
        pytest.param(["s1"], True, _signature(at=NOW + 301), SIGNED, id="301 s ahead"),
        pytest.param(["s1"], True, _signature("s2"), SIGNED, id="other secret"),
        pytest.param(["s1"], True, _signature(body=RAW + b" "), SIGNED, id="other bytes"),
        pytest.param(["s1"], True, {}, SIGNED, id="no signature, whatever else is allowed"),
        pytest.param(["s1"], True, {"Jambonz-Signature": "v1=00"}, SIGNED, id="malformed"),
        pytest.param(["s0", "s1"], False, {"X-Apollo-Webhook-Token": "s1"}, 404, id="token"),
        pytest.param(["s1"], False, {"X-Apollo-Webhook-Token": "s2"}, SIGNED, id="wrong token"),
        pytest.param(
            ["s1"], False, {"X-Apollo-Webhook-Token": "s2", **_signature()}, 404, id="wrong token, signed"
        ),
        pytest.param([], True, {}, 404, id="unsigned and allowed"),
        pytest.param([], False, {}, UNSIGNED, id="unsigned and not allowed"),
        pytest.param([], False, {"X-Apollo-Webhook-Token": ""}, UNSIGNED, id="empty token"),
    ],
)
async def test_sender_must_prove_itself_where_a_secret_is_set(
    secrets: Sequence[str], unsigned_allowed: bool, headers: dict[str, str], expected: object
) -> None:
    world = await build_world(webhook_secrets=secrets, unsigned_allowed=unsigned_allowed)
    async with world.client as client:
        answer = await client.post(PATHS[0], content=RAW, headers={**headers, **JSON})

    if expected == 404:
        assert answer.json()["detail"] == "Execution not found"
    else:
        assert (answer.status_code, answer.json()) == (401, expected)


async def test_replayed_old_signature_stores_nothing() -> None:
    world = await build_world(webhook_secrets=["s1"])
    async with world.client as client:
        call = await _dialled(world)
        raw = json.dumps({"execution_id": call.execution_id, "call_status": "completed"}).encode()
        headers = {**_signature(body=raw), **JSON}
        world.clock.pass_time(timedelta(seconds=301))
        replayed = await client.post(PATHS[0], content=raw, headers=headers)

    assert (replayed.status_code, replayed.json()) == (401, SIGNED)
    assert (world.tables.events, world.tables.calls[call.execution_id]) == ([], call)


async def test_signature_is_checked_before_the_media_type_and_the_syntax() -> None:
    world = await build_world(webhook_secrets=["s1"])
    async with world.client as client:
        plain = await client.post(PATHS[0], content=b"{", headers={"Content-Type": "text/plain"})
        signed = await client.post(PATHS[0], content=b"{", headers={**_signature(body=b"{"), **JSON})

    assert (plain.json(), signed.status_code) == (SIGNED, 422)


async def test_exact_bytes_are_what_tells_a_duplicate_without_an_event_id(world: World) -> None:
    call = await _dialled(world)
    body = {"execution_id": call.execution_id, "call_status": "ringing"}
    raws = [json.dumps(body), json.dumps(body), json.dumps(body, indent=1)]

    results = [(await world.client.post(PATHS[0], content=raw, headers=JSON)).json() for raw in raws]

    assert results == [{"result": "accepted"}, {"result": "duplicate"}, {"result": "stale"}]


async def test_webhooks_are_counted_by_result(unmetered_world: World) -> None:
    call = await _dialled(unmetered_world)
    for status in ("ringing", "queued", "singing"):
        await _report(unmetered_world, call, status)

    lines = (await unmetered_world.client.get("/metrics")).text.splitlines()

    assert {each for each in lines if each.startswith("apollo_webhook_events_total{")} == {
        'apollo_webhook_events_total{result="accepted"} 1.0',
        'apollo_webhook_events_total{result="stale"} 1.0',
        'apollo_webhook_events_total{result="validation"} 1.0',
    }
    assert "apollo_webhook_inbox_depth 0.0" in lines
    assert "# TYPE apollo_webhook_relayed_total counter" in lines


async def test_depth_and_age_of_the_inbox_are_measured_when_they_are_asked_for(world: World) -> None:
    empty = await _inbox(world)
    await _report(world, await _dialled(world), "completed")
    world.clock.pass_time(timedelta(seconds=6))

    assert (empty, await _inbox(world)) == (["0.0", "0.0"], ["1.0", "6.0"])


async def test_inbox_is_told_as_unknown_while_the_database_is_down(world: World) -> None:
    world.tables.is_down = True
    down = await _inbox(world)
    world.tables.is_down = False

    assert (down, await _inbox(world)) == (["NaN", "NaN"], ["0.0", "0.0"])


async def _inbox(world: World) -> list[str]:
    lines = (await world.client.get("/metrics")).text.splitlines()
    told = dict(each.rsplit(" ", 1) for each in lines if each.startswith("apollo_webhook_inbox_"))
    return [told["apollo_webhook_inbox_depth"], told["apollo_webhook_inbox_age_seconds"]]
