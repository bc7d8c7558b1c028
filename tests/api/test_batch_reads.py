"""One batch with live counters, and its contacts with their calls."""

from dataclasses import replace

import pytest

from domain.batch import BatchStatus
from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.identity import BatchId
from tests.api.world import Json, World, a_problem


async def _batch(world: World) -> Json:
    campaign = await world.create_campaign()
    return await world.create_batch(campaign["campaign_id"])


async def _read(world: World, batch: Json) -> tuple[str, Json]:
    answer = await world.client.get(f"/api/v1/batches/{batch['batch_id']}")
    assert answer.status_code == 200
    return answer.headers["x-counters-source"], answer.json()


async def test_counters_come_from_the_workflow_split_by_who_rings(world: World) -> None:
    batch = await _batch(world)
    call = await world.dial_first(batch)
    event = StatusEvent(status=CallStatus.RINGING, happened_at=world.clock())
    await world.calls.record_event(call.execution_id, event, event_key="1", body=None)
    world.engine.tallies[BatchId(batch["batch_id"])] = BatchTally(live=2)

    source, shown = await _read(world, batch)

    assert source == "workflow"
    assert shown["counters"] == {**batch["counters"], "pending": 0, "dispatched": 1, "in_flight": 1}


@pytest.mark.parametrize(
    ("tally", "is_down"),
    [
        pytest.param(None, False, id="no worker"),
        pytest.param(BatchTally(live=2), True, id="Temporal down"),
        pytest.param(BatchTally(live=3), False, id="numbers that do not add up"),
    ],
)
async def test_counters_come_from_the_database_when_the_workflow_cannot_tell(
    world: World, tally: BatchTally | None, is_down: bool
) -> None:
    batch = await _batch(world)
    if tally is not None:
        world.engine.tallies[BatchId(batch["batch_id"])] = tally
    world.engine.is_down = is_down

    source, shown = await _read(world, batch)

    del batch["import_report"]
    assert (source, shown) == ("database", batch)


async def test_counters_of_a_finished_batch_come_from_the_database(world: World) -> None:
    batch = await _batch(world)
    batch_id = BatchId(batch["batch_id"])
    world.tables.batches[batch_id] = replace(world.tables.batches[batch_id], status=BatchStatus.CANCELLED)
    world.engine.tallies[batch_id] = BatchTally(live=2)

    source, shown = await _read(world, batch)

    assert (source, shown["counters"]["pending"]) == ("database", 2)


async def test_contact_nobody_has_called_is_shown_without_a_call(world: World) -> None:
    batch = await _batch(world)

    answer = await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts?limit=1")

    assert answer.json() == [
        {
            "contact_id": "con_000005",
            "batch_id": batch["batch_id"],
            "campaign_id": batch["campaign_id"],
            "position": 1,
            "external_id": None,
            "phone_number": "+14155550123",
            "timezone": None,
            "effective_timezones": ["UTC"],
            "held_by": [],
            "call_variables": {},
            "not_before": None,
            "priority": 0,
            "status": "pending",
            "skip_reason": None,
            "skip_detail": None,
            "retry_count": 0,
            "follow_up_count": 0,
            "latest_retry_count": 0,
            "last_attempted_at": None,
            "next_retry_at": None,
            "follow_up_at": None,
            "current_call": None,
            "created_at": "2026-09-04T12:00:00Z",
            "updated_at": "2026-09-04T12:00:00Z",
        }
    ]


async def _called_twice(world: World) -> tuple[Json, str]:
    batch = await _batch(world)
    first = await world.dial_first(batch)
    busy = StatusEvent(status=CallStatus.BUSY, happened_at=world.clock(), sip_status=486)
    await world.calls.record_event(first.execution_id, busy, event_key="1", body=None)
    waiting = replace(world.tables.contacts[first.contact_id], status=ContactStatus.RETRYING)
    world.tables.contacts[first.contact_id] = waiting
    await world.dial(first.contact_id, 2, AttemptKind.RETRY)
    return batch, first.contact_id


async def test_contact_shows_its_newest_call_and_all_calls_only_on_request(world: World) -> None:
    batch, contact_id = await _called_twice(world)
    path = f"/api/v1/batches/{batch['batch_id']}/contacts"

    plain = (await world.client.get(path)).json()[0]
    full = (await world.client.get(f"{path}?include_calls=true")).json()
    single = (await world.client.get(f"{path}/{contact_id}")).json()

    assert "call_records" not in plain
    assert (plain["status"], plain["retry_count"], plain["latest_retry_count"]) == ("dispatched", 1, 1)
    assert plain["current_call"] == {
        "execution_id": "exec_000008",
        "attempt": 2,
        "kind": "retry",
        "call_status": "queued",
        "provider": "fake",
        "provider_call_id": "p-exec_000008",
        "from_number": "+14155550180",
        "to_number": "+14155550123",
        "started_at": "2026-09-04T12:00:00Z",
        "answered_at": None,
        "ended_at": None,
        "duration_seconds": None,
        "recording_url": None,
        "transcript": None,
        "summary": None,
        "sentiment": None,
        "hangup_by": None,
        "hangup_reason": None,
        "total_cost": None,
        "sip_status": None,
        "error": None,
        "answered_by": None,
        "disposition": None,
        "disposition_note": None,
        "disposition_data": None,
    }
    assert [(each["attempt"], each["call_status"]) for each in single["call_records"]] == [
        (1, "busy"),
        (2, "queued"),
    ]
    assert {**plain, "call_records": single["call_records"]} == single == full[0]
    assert (full[1]["current_call"], full[1]["call_records"]) == (None, [])


async def test_times_ahead_are_shown_only_while_they_lie_ahead(world: World) -> None:
    batch = await _batch(world)
    for contact, status in zip(
        world.tables.contacts_of(batch["batch_id"]),
        (ContactStatus.RETRYING, ContactStatus.FOLLOWUP_SCHEDULED),
        strict=True,
    ):
        world.tables.contacts[contact.contact_id] = replace(
            contact, status=status, next_retry_at=world.clock(), follow_up_at=world.clock()
        )

    answer = await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")

    assert [(each["next_retry_at"], each["follow_up_at"]) for each in answer.json()] == [
        ("2026-09-04T12:00:00Z", None),
        (None, "2026-09-04T12:00:00Z"),
    ]


async def test_contacts_are_filtered_by_any_of_several_statuses(world: World) -> None:
    batch = await _batch(world)
    await world.dial_first(batch)
    path = f"/api/v1/batches/{batch['batch_id']}/contacts"

    dispatched = await world.client.get(f"{path}?status=dispatched")
    either = await world.client.get(f"{path}?status=dispatched&status=pending")
    none = await world.client.get(f"{path}?status=max_retries_reached")

    assert [each["position"] for each in dispatched.json()] == [1]
    assert [each["position"] for each in either.json()] == [1, 2]
    assert none.json() == []


async def test_contact_of_another_batch_is_404(world: World) -> None:
    one, other = await _batch(world), await _batch(world)
    contact = world.tables.contacts_of(other["batch_id"])[0]

    for contact_id in (contact.contact_id, "con_none", "exec_1", "con_%00"):
        answer = await world.client.get(f"/api/v1/batches/{one['batch_id']}/contacts/{contact_id}")

        assert answer.json() == a_problem(404, "not-found", "Not Found", "Contact not found")
