"""What an agent is told of its call, from the moment it knows the execution's id."""

from dataclasses import replace

import pytest

from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.disposition import AnsweredBy
from domain.identity import ContactId
from tests.api.world import Json, World, a_problem, created

CAMPAIGN = {
    "agent_id": "agent_care",
    "timezone": "America/Chicago",
    "default_call_variables": {"clinic": "Lakeside", "callee_name": "you"},
}
PERSON = {
    "phone_number": "+14155550123",
    "external_id": "P-2301",
    "timezone": "America/Denver",
    "call_variables": {"callee_name": "Ravi"},
}


async def a_call(world: World, **person: object) -> tuple[str, ContactId]:
    """Return the id of a call that was just placed to one person, and the person's."""
    campaign = await world.create_campaign(**CAMPAIGN)
    body = {
        "campaign_id": campaign["campaign_id"],
        "contacts": [PERSON | person],
        "call_context": {"shift": "late"},
    }
    batch = created(await world.client.post("/api/v1/batches/", json=body))
    call = await world.dial_first(batch)
    return call.execution_id, call.contact_id


async def shown(world: World, execution_id: str) -> Json:
    answer = await world.client.get(f"/api/v1/executions/{execution_id}")
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_execution_is_the_call_record_with_all_the_agent_needs(world: World) -> None:
    execution_id, contact_id = await a_call(world)
    record = world.tables.calls[next(iter(world.tables.calls))]
    batch = f"/api/v1/batches/{record.batch_id}/contacts/{contact_id}"
    [call_record] = (await world.client.get(batch)).json()["call_records"]

    assert await shown(world, execution_id) == call_record | {
        "organization_id": "org_demo",
        "campaign_id": record.campaign_id,
        "batch_id": record.batch_id,
        "contact_id": contact_id,
        "external_id": "P-2301",
        "agent_id": "agent_care",
        "variables": {"clinic": "Lakeside", "callee_name": "Ravi"},
        "call_context": {"shift": "late"},
        "timezone": "America/Denver",
        "history": [],
    }


async def test_history_says_how_the_attempts_before_went(world: World) -> None:
    execution_id, contact_id = await a_call(world)
    first = next(iter(world.tables.calls.values()))
    ended = StatusEvent(
        status=CallStatus.COMPLETED,
        happened_at=world.clock(),
        answered_by=AnsweredBy.HUMAN,
        disposition="asked_to_call_back",
        disposition_note="After lunch",
        summary="Was in a hurry.",
        transcript="A long one.",
    )
    await world.calls.record_event(first.execution_id, ended, event_key="1", body=None)
    contact = world.tables.contacts[contact_id]
    world.tables.contacts[contact_id] = replace(contact, status=ContactStatus.RETRYING)
    second = await world.dial(contact_id, 2, AttemptKind.RETRY)

    assert (await shown(world, second.execution_id))["history"] == [
        {
            "attempt": 1,
            "kind": "initial",
            "call_status": "completed",
            "answered_by": "human",
            "disposition": "asked_to_call_back",
            "disposition_note": "After lunch",
            "started_at": "2026-09-04T12:00:00Z",
            "ended_at": "2026-09-04T12:00:00Z",
            "summary": "Was in a hurry.",
        }
    ]
    assert (await shown(world, execution_id))["history"] == []


@pytest.mark.parametrize(
    ("person", "overrides", "zone"),
    [
        pytest.param({"timezone": None}, {}, "America/Chicago", id="the campaign's"),
        pytest.param({"timezone": None}, {"timezone": "Asia/Kolkata"}, "Asia/Kolkata", id="the batch's"),
        pytest.param({}, {"timezone": "Asia/Kolkata"}, "America/Denver", id="the person's own"),
    ],
)
async def test_zone_is_that_of_the_callee(world: World, person: Json, overrides: Json, zone: str) -> None:
    execution_id, contact_id = await a_call(world, **person)
    batch_id = world.tables.contacts[contact_id].batch_id
    batch = world.tables.batches[batch_id]
    changed = replace(batch.overrides, **overrides)
    world.tables.batches[batch_id] = replace(batch, overrides=changed)

    assert (await shown(world, execution_id))["timezone"] == zone


@pytest.mark.parametrize("execution_id", ["exec_nobody", "btc_1", "exec_ü", "exec_%00"])
async def test_what_names_no_execution_is_404(world: World, execution_id: str) -> None:
    answer = await world.client.get(f"/api/v1/executions/{execution_id}")

    assert answer.json() == a_problem(404, "not-found", "Not Found", "Execution not found")
