"""What an agent reports of its call over HTTP, and what it is answered."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.call import CallRecord, CallStatus
from domain.contact import ContactStatus
from domain.disposition import AnsweredBy
from domain.identity import ExecutionId
from tests.api.world import World, a_problem, created, errors_of

NUMBERS = ["+14155550123", "+14155550124"]
RULES = [
    {"disposition": "callback", "then": "follow_up"},
    {"disposition": "later", "then": "retry", "after_minutes": 5},
    {"disposition": "wrong_number", "then": "suppress"},
]


async def a_call(world: World, **campaign: object) -> CallRecord:
    made = await world.create_campaign(
        **{"disposition_rules": RULES, "timezone": "America/Chicago", **campaign}
    )
    return await world.dial_first(await world.create_batch(made["campaign_id"], NUMBERS))


def ended(world: World, record: CallRecord, **changes: Any) -> None:
    """Let a call have ended just now, and its contact be settled as completed."""
    done = replace(record, **{"call_status": CallStatus.COMPLETED, "ended_at": world.clock(), **changes})
    world.tables.calls[record.execution_id] = done
    contact = world.tables.contacts[record.contact_id]
    world.tables.contacts[record.contact_id] = replace(contact, status=ContactStatus.COMPLETED)


async def report(world: World, execution_id: str, body: object) -> tuple[int, Any]:
    answer = await world.client.post(f"/api/v1/executions/{execution_id}/disposition", json=body)
    return answer.status_code, answer.json()


def answered(record: CallRecord, disposition: str, result: str = "accepted") -> tuple[int, dict[str, str]]:
    return 200, {"execution_id": record.execution_id, "disposition": disposition, "result": result}


async def test_report_is_kept_and_shown_with_the_call(world: World) -> None:
    record = await a_call(world)
    body = {
        "disposition": "callback",
        "note": "Asked for the evening.",
        "answered_by": "human",
        "follow_up_at": "2026-09-05T18:00:00",
        "data": {"topic": "delivery"},
    }
    assert await report(world, record.execution_id, body) == answered(record, "callback")
    shown = (await world.client.get(f"/api/v1/executions/{record.execution_id}")).json()
    told = {
        name: shown[name] for name in ("answered_by", "disposition", "disposition_note", "disposition_data")
    }
    assert told == {
        "answered_by": "human",
        "disposition": "callback",
        "disposition_note": "Asked for the evening.",
        "disposition_data": {"topic": "delivery"},
    }
    agreed_at = world.tables.calls[record.execution_id].follow_up_at
    assert agreed_at is not None
    assert agreed_at.isoformat() == "2026-09-05T23:00:00+00:00"  # local to the campaign


async def test_latest_report_on_a_live_call_wins(world: World) -> None:
    record = await a_call(world)
    for word in ("later", "wrong_number", "later"):
        assert await report(world, record.execution_id, {"disposition": word}) == answered(record, word)
    assert world.tables.calls[record.execution_id].disposition == "later"


async def test_report_after_the_end_is_final(world: World) -> None:
    record = await a_call(world)
    ended(world, record)
    first, other = {"disposition": "refused"}, {"disposition": "later"}
    assert await report(world, record.execution_id, first) == answered(record, "refused")
    assert await report(world, record.execution_id, first) == answered(record, "refused", "duplicate")
    assert await report(world, record.execution_id, other) == (
        409,
        a_problem(409, "conflict", "Conflict", "Disposition is final"),
    )


async def test_execution_is_closed_a_week_after_its_end(world: World) -> None:
    record = await a_call(world)
    ended(world, record, ended_at=world.clock() - timedelta(days=7, seconds=1))
    assert await report(world, record.execution_id, {"disposition": "refused"}) == (
        409,
        a_problem(409, "conflict", "Conflict", "Execution is closed"),
    )


async def test_late_reports_tell_the_batch_who_is_called_again(world: World) -> None:
    record = await a_call(world)
    ended(world, record)
    await report(world, record.execution_id, {"disposition": "later"})
    due_at = world.clock() + timedelta(minutes=5)
    assert world.engine.redials == [(record.batch_id, record.contact_id, 2, due_at)]
    assert world.tables.contacts[record.contact_id].status is ContactStatus.RETRYING

    record = await a_call(world)
    ended(world, record)
    at = world.clock() + timedelta(hours=3)
    await report(world, record.execution_id, {"disposition": "callback", "follow_up_at": at.isoformat()})
    assert world.engine.follow_ups == [(record.batch_id, record.contact_id, 2, at)]


async def test_late_report_lists_the_number(world: World) -> None:
    record = await a_call(world)
    ended(world, record)
    await report(world, record.execution_id, {"disposition": "wrong_number"})
    [entry] = world.tables.suppressions.values()
    assert (entry.phone_number, entry.reason) == (record.to_number, "disposition:wrong_number")


async def test_follow_up_without_a_time_is_refused_and_nothing_is_kept(world: World) -> None:
    record = await a_call(world)
    answer = await world.client.post(
        f"/api/v1/executions/{record.execution_id}/disposition", json={"disposition": "callback"}
    )
    assert answer.status_code == 422
    assert [each[0] for each in errors_of(answer)] == [["body", "follow_up_at"]]
    assert world.tables.calls[record.execution_id].disposition is None


async def test_rule_that_says_when_needs_no_time(world: World) -> None:
    rules = [{"disposition": "callback", "then": "follow_up", "after_minutes": 60}]
    record = await a_call(world, disposition_rules=rules)
    assert await report(world, record.execution_id, {"disposition": "callback"}) == answered(
        record, "callback"
    )


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        pytest.param({}, ["disposition"], id="no disposition"),
        pytest.param({"disposition": "Refused"}, ["disposition"], id="capitals"),
        pytest.param({"disposition": "a" * 65}, ["disposition"], id="too long"),
        pytest.param({"disposition": None}, ["disposition"], id="null"),
        pytest.param({"disposition": "a", "note": "x" * 2001}, ["note"], id="long note"),
        pytest.param({"disposition": "a", "answered_by": "robot"}, ["answered_by"], id="unknown answerer"),
        pytest.param({"disposition": "a", "follow_up_at": "soon"}, ["follow_up_at"], id="no time"),
        pytest.param({"disposition": "a", "data": [1]}, ["data"], id="data is a list"),
        pytest.param({"disposition": "a", "data": {"a": "x" * 16_400}}, ["data"], id="data over 16 KB"),
        pytest.param({"disposition": "a", "mood": "good"}, ["mood"], id="unknown key"),
    ],
)
async def test_bad_reports_are_refused(world: World, body: object, loc: list[str]) -> None:
    record = await a_call(world)
    answer = await world.client.post(f"/api/v1/executions/{record.execution_id}/disposition", json=body)
    assert answer.status_code == 422
    assert [each[0] for each in errors_of(answer)] == [["body", *loc]]


@pytest.mark.parametrize("execution_id", ["exec_01k2x4", "nonsense"])
async def test_unknown_execution_is_not_found(world: World, execution_id: str) -> None:
    assert await report(world, execution_id, {"disposition": "refused"}) == (
        404,
        a_problem(404, "not-found", "Not Found", "Execution not found"),
    )


async def test_late_webhook_with_a_disposition_acts_like_a_report(world: World) -> None:
    record = await a_call(world)
    ended(world, record)
    body = {
        "execution_id": record.execution_id,
        "call_status": "completed",
        "disposition": "later",
        "answered_by": "human",
    }
    answer = await world.client.post("/webhooks/call-status", json=body)
    assert answer.json() == {"result": "stale"}
    assert world.tables.contacts[record.contact_id].status is ContactStatus.RETRYING
    assert len(world.engine.redials) == 1
    assert world.tables.calls[ExecutionId(record.execution_id)].answered_by is AnsweredBy.HUMAN


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        pytest.param({"on_machine": "explode"}, ["on_machine"], id="on_machine"),
        pytest.param(
            {"retry_policy": {"retry_on": ["machine"]}}, ["retry_policy", "retry_on", 0], id="retry_on"
        ),
        pytest.param(
            {"disposition_rules": [{"disposition": "a", "then": "call"}]},
            ["disposition_rules", 0, "then"],
            id="unknown then",
        ),
        pytest.param(
            {"disposition_rules": [{"disposition": "A", "then": "retry"}]},
            ["disposition_rules", 0, "disposition"],
            id="bad disposition",
        ),
        *(
            pytest.param(
                {"disposition_rules": [{"disposition": "a", "then": "retry", "after_minutes": minutes}]},
                ["disposition_rules", 0, "after_minutes"],
                id=f"after {minutes} minutes",
            )
            for minutes in (0, 10_080.1, -1)
        ),
        pytest.param(
            {"disposition_rules": [{"disposition": "a", "then": "retry"}] * 2},
            ["disposition_rules"],
            id="twice",
        ),
        pytest.param(
            {"disposition_rules": [{"disposition": f"a{each}", "then": "retry"} for each in range(51)]},
            ["disposition_rules"],
            id="over 50",
        ),
    ],
)
async def test_bad_rules_are_refused(world: World, fields: dict[str, object], loc: list[object]) -> None:
    for path, body in (
        ("campaigns", {"name": "n", "agent_id": "a", "phone_numbers": [NUMBERS[0]]}),
        ("batches", {"campaign_id": "cmp_1", "contacts": [{"phone_number": NUMBERS[0]}]}),
    ):
        answer = await world.client.post(f"/api/v1/{path}/", json=body | fields)
        assert answer.status_code == 422
        assert [each[0] for each in errors_of(answer)] == [["body", *loc]]


async def test_rules_are_kept_and_shown_by_campaign_and_batch(world: World) -> None:
    fields = {
        "on_machine": "hang_up",
        "disposition_rules": [{"disposition": "later", "then": "retry", "after_minutes": 0.5}],
        "retry_policy": {"retry_on": ["voicemail", "busy"]},
    }
    campaign = await world.create_campaign(**fields)
    batch = await world.create_batch(campaign["campaign_id"], NUMBERS, **{**fields, "on_machine": "continue"})
    for shown, on_machine in ((campaign, "hang_up"), (batch, "continue")):
        assert (shown["on_machine"], shown["disposition_rules"]) == (on_machine, fields["disposition_rules"])
        assert shown["retry_policy"]["retry_on"] == ["busy", "voicemail"]
    path = f"/api/v1/campaigns/{campaign['campaign_id']}"
    changed = (await world.client.patch(path, json={"on_machine": None, "disposition_rules": None})).json()
    assert (changed["on_machine"], changed["disposition_rules"]) == ("continue", [])
    created(
        await world.client.post(
            "/api/v1/campaigns/", json={**fields, "name": "n", "agent_id": "a", "phone_numbers": [NUMBERS[0]]}
        )
    )


async def test_numbers_and_filters_tell_who_answered_and_what_came_of_it(world: World) -> None:
    record = await a_call(world)
    ended(world, record)
    await report(world, record.execution_id, {"disposition": "refused", "answered_by": "human"})
    counts = {
        "answered_by_counts": {"human": 1, "machine": 0, "fax": 0, "unknown": 0},
        "disposition_counts": {"refused": 1},
    }
    stats = (await world.client.get(f"/api/v1/campaigns/{record.campaign_id}/stats")).json()
    debug = (await world.client.get(f"/api/v1/batches/{record.batch_id}/debug")).json()["outcomes"]
    assert [{name: each[name] for name in counts} for each in (stats, debug)] == [counts, counts]

    async def found(**query: object) -> list[str]:
        path = f"/api/v1/batches/{record.batch_id}/contacts"
        answer = await world.client.get(path, params=query)  # type: ignore[arg-type]  # texts and lists of them
        return [each["contact_id"] for each in answer.json()]

    assert await found(disposition="refused", answered_by=["human", "fax"]) == [record.contact_id]
    assert await found(disposition="promised") == []
    assert await found(answered_by="machine") == []
    for query in ({"disposition": "No!"}, {"answered_by": "robot"}):
        path = f"/api/v1/batches/{record.batch_id}/contacts"
        assert (await world.client.get(path, params=query)).status_code == 422


async def test_exports_tell_who_answered_and_what_came_of_it(world: World) -> None:
    record = await a_call(world)
    ended(world, record)
    body = {"disposition": "refused", "answered_by": "human", "note": "=1+1"}
    await report(world, record.execution_id, body)
    for rows, prefix in (("contacts", "last_"), ("calls", "")):
        path = f"/api/v1/batches/{record.batch_id}/export.csv"
        text = (await world.client.get(path, params={"rows": rows})).text
        first = next(csv.DictReader(io.StringIO(text)))
        told = [first[prefix + name] for name in ("answered_by", "disposition", "disposition_note")]
        assert told == ["human", "refused", "'=1+1"]
