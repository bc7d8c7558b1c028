"""Why a batch is not dialling, over HTTP: every code, every field, and nobody who is waited for long."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from api.diagnosis import reading
from domain.batch import BatchStatus, PausedBy
from domain.breaker import BreakerState
from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.diagnosis.facts import Diagnosis, QueueFacts, QueueRole
from domain.identity import BatchId
from domain.ports import CircuitReport, WorkflowDescription
from tests.api.world import OTHER_SECRET, Json, World, a_problem, bearer
from tests.fakes.clock import NOON

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NUMBERS = tuple(f"+1415555{each:04}" for each in range(20))
CLOSED_TODAY: Json = {"working_hours_enforced": True, "blackout_dates": ["2026-09-04"], "timezone": "UTC"}


def polled(world: World, *, workflow: timedelta = 10 * SECOND, dial: timedelta = 10 * SECOND) -> None:
    """Have the queues polled so long ago."""
    world.engine.served = [
        QueueFacts(
            name=name,
            role=role,
            pollers=1,
            backlog=0,
            last_seen=world.clock() - (dial if role is QueueRole.DIAL else workflow),
        )
        for name, role in (("apollo-control", QueueRole.WORKFLOW), ("apollo-dial", QueueRole.DIAL))
    ]


async def a_batch(world: World, numbers: tuple[str, ...] = NUMBERS[:3], **campaign: object) -> BatchId:
    """A batch whose workers poll."""
    polled(world)
    created = await world.create_campaign(**campaign)
    return BatchId((await world.create_batch(created["campaign_id"], numbers))["batch_id"])


def move(world: World, batch_id: BatchId, **changes: object) -> None:
    world.tables.batches[batch_id] = replace(world.tables.batches[batch_id], **changes)  # type: ignore[arg-type]  # by name


async def debug(world: World, batch_id: str) -> Json:
    answer = await world.client.get(f"/api/v1/batches/{batch_id}/debug")
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def end_calls(world: World, batch_id: BatchId, outcome: CallStatus, number: int) -> None:
    """Call the first contacts of a batch and settle them."""
    for contact in world.tables.contacts_of(batch_id)[:number]:
        call = await world.dial(contact.contact_id, 1, AttemptKind.INITIAL)
        event = StatusEvent(status=outcome, happened_at=world.clock())
        await world.calls.record_event(call.execution_id, event, event_key="1", body=None)
        now = world.tables.contacts[contact.contact_id]
        world.tables.contacts[contact.contact_id] = replace(now, status=ContactStatus(outcome.value))


async def terminal(world: World, status: BatchStatus) -> BatchId:
    batch_id = await a_batch(world)
    move(world, batch_id, status=status)
    world.engine.descriptions[batch_id] = gone(batch_id, "completed")
    return batch_id


def gone(batch_id: BatchId, status: str) -> WorkflowDescription:
    return WorkflowDescription(workflow_id=f"batch/{batch_id}", status=status)


async def temporal_down(world: World) -> BatchId:
    batch_id = await a_batch(world)
    world.engine.is_down = True
    return batch_id


async def paused(world: World) -> BatchId:
    batch_id = await a_batch(world)
    move(world, batch_id, status=BatchStatus.PAUSED, paused_by=PausedBy.BATCH)
    return batch_id


async def scheduled(world: World) -> BatchId:
    batch_id = await a_batch(world)
    move(world, batch_id, status=BatchStatus.PENDING, scheduled_start=NOON + HOUR)
    return batch_id


async def workflow_missing(world: World) -> BatchId:
    batch_id = await a_batch(world)
    world.engine.descriptions[batch_id] = gone(batch_id, "missing")
    return batch_id


async def worker_down(world: World) -> BatchId:
    batch_id = await a_batch(world)
    polled(world, workflow=91 * SECOND, dial=91 * SECOND)
    return batch_id


async def workflow_failing(world: World) -> BatchId:
    batch_id = await a_batch(world)
    failing = WorkflowDescription(
        workflow_id=f"batch/{batch_id}", status="running", pending_failure="KeyError: cursor"
    )
    world.engine.descriptions[batch_id] = failing
    return batch_id


async def dial_worker_down(world: World) -> BatchId:
    batch_id = await a_batch(world)
    polled(world, dial=91 * SECOND)
    return batch_id


async def webhooks_missing(world: World) -> BatchId:
    batch_id = await a_batch(world)
    await world.dial(world.tables.contacts_of(batch_id)[0].contact_id, 1, AttemptKind.INITIAL)
    world.clock.pass_time(121 * SECOND)
    polled(world)
    return batch_id


async def provider_failing(world: World) -> BatchId:
    batch_id = await a_batch(world, NUMBERS[:7])
    await end_calls(world, batch_id, CallStatus.FAILED, 5)
    return batch_id


async def outside_working_hours(world: World) -> BatchId:
    return await a_batch(world, **CLOSED_TODAY)


async def waiting_for_capacity(world: World) -> BatchId:
    batch_id = await a_batch(world, metadata={"concurrency_limit": 1})
    await world.dial(world.tables.contacts_of(batch_id)[0].contact_id, 1, AttemptKind.INITIAL)
    return batch_id


async def stalled(world: World) -> BatchId:
    batch_id = await a_batch(world)
    world.clock.pass_time(31 * MINUTE)
    polled(world)
    return batch_id


async def high_no_answer(world: World) -> BatchId:
    batch_id = await a_batch(world, NUMBERS)
    await end_calls(world, batch_id, CallStatus.NO_ANSWER, 20)
    return batch_id


STATES: dict[Diagnosis, Callable[[World], Awaitable[BatchId]]] = {
    Diagnosis.COMPLETED: lambda world: terminal(world, BatchStatus.COMPLETED),
    Diagnosis.CANCELLED: lambda world: terminal(world, BatchStatus.CANCELLED),
    Diagnosis.EXPIRED: lambda world: terminal(world, BatchStatus.EXPIRED),
    Diagnosis.TEMPORAL_DOWN: temporal_down,
    Diagnosis.PAUSED: paused,
    Diagnosis.SCHEDULED: scheduled,
    Diagnosis.WORKFLOW_MISSING: workflow_missing,
    Diagnosis.WORKER_DOWN: worker_down,
    Diagnosis.WORKFLOW_FAILING: workflow_failing,
    Diagnosis.DIAL_WORKER_DOWN: dial_worker_down,
    Diagnosis.WEBHOOKS_MISSING: webhooks_missing,
    Diagnosis.PROVIDER_FAILING: provider_failing,
    Diagnosis.OUTSIDE_WORKING_HOURS: outside_working_hours,
    Diagnosis.WAITING_FOR_CAPACITY: waiting_for_capacity,
    Diagnosis.STALLED: stalled,
    Diagnosis.HIGH_NO_ANSWER: high_no_answer,
    Diagnosis.HEALTHY: a_batch,
}


@pytest.mark.parametrize("diagnosis", list(Diagnosis))
async def test_every_state_is_told_by_its_code(world: World, diagnosis: Diagnosis) -> None:
    told = await debug(world, await STATES[diagnosis](world))

    assert told["diagnosis"] == diagnosis
    assert told["diagnostics"]["tip"]
    assert told["diagnostics"]["stuck_pending"] is (diagnosis is Diagnosis.STALLED)


async def test_answer_has_every_field_of_the_contract(world: World) -> None:
    campaign = await world.create_campaign(
        metadata={"concurrency_limit": 20}, working_hours_enforced=True, timezone="America/Chicago"
    )
    world.clock.pass_time(3 * HOUR)  # 10:00 in Chicago; its office closes at 18:00, 23:00 in UTC
    uploaded = await world.create_batch(campaign["campaign_id"], NUMBERS[:4], concurrency_limit=5)
    batch_id = BatchId(uploaded["batch_id"])
    polled(world)
    world.engine.dispatchers[batch_id] = {"free_slots": 5}
    world.engine.tallies[batch_id] = BatchTally(pending=3, completed=1)
    await world.parts.routes.report(a_closed_route())
    await end_calls(world, batch_id, CallStatus.COMPLETED, 1)
    world.clock.pass_time(MINUTE)

    told = await debug(world, batch_id)

    none: Json = {"count": 0, "oldest_updated_at": None}
    assert told == {
        "batch_id": batch_id,
        "status": "in_progress",
        "status_breakdown": {
            **{each.value: none for each in ContactStatus},
            "pending": {"count": 3, "oldest_updated_at": "2026-09-04T15:00:00Z"},
            "completed": {"count": 1, "oldest_updated_at": "2026-09-04T15:00:00Z"},
        },
        "pending_sample": [each.contact_id for each in world.tables.contacts_of(batch_id)[1:]],
        "diagnostics": {"stuck_pending": False, "tip": "Calls are going out as they should."},
        "diagnosis": "healthy",
        "warnings": [],
        "counters_agree": True,
        "worker": {
            "state": "up",
            "task_queues": [
                {
                    "name": name,
                    "role": role,
                    "pollers": 1,
                    "backlog": 0,
                    "last_seen": "2026-09-04T14:59:50Z",
                }
                for name, role in (("apollo-control", "workflow"), ("apollo-dial", "dial"))
            ],
        },
        "workflow": {
            "id": f"batch/{batch_id}",
            "run_id": "run_1",
            "status": "running",
            "history_length": 12,
            "pending_failure": None,
        },
        "capacity": {"limit": 5, "in_use": 0, "campaign_limit": 20, "campaign_in_use": 0},
        "window": {"open": True, "opens_at": None, "closes_at": "2026-09-04T23:00:00Z", "held_by": []},
        "webhooks": {"last_received_at": "2026-09-04T15:00:00Z", "dispatched_without_webhook": 0},
        "provider_circuits": [
            {
                "provider": "simulator",
                "state": "closed",
                "since": "2026-09-04T12:00:00Z",
                "errors": 0,
                "reason": None,
                "probe_at": None,
            }
        ],
        "outcomes": {
            "answer_rate": 1.0,
            "no_answer_by_hour": {},
            "no_answer_by_prefix": {},
            "answered_by_counts": {"human": 0, "machine": 0, "fax": 0, "unknown": 0},
            "disposition_counts": {},
        },
        "dispatcher": {"free_slots": 5},
    }


def a_closed_route() -> CircuitReport:
    return CircuitReport(
        provider="simulator",
        state=BreakerState.CLOSED,
        since=NOON,
        errors=0,
        reason=None,
        probe_at=None,
    )


async def test_temporal_down_leaves_null_what_only_it_knows(world: World) -> None:
    told = await debug(world, await temporal_down(world))

    assert told["worker"] == {"state": "unknown", "task_queues": []}
    assert told["workflow"] == {
        "id": None,
        "run_id": None,
        "status": "unknown",
        "history_length": None,
        "pending_failure": None,
    }
    assert (told["dispatcher"], told["counters_agree"]) == (None, None)
    assert told["status_breakdown"]["pending"]["count"] == 3


@pytest.mark.parametrize(
    ("silent", "diagnosis"),
    [
        pytest.param({"describe_batch", "queues", "dispatcher"}, "temporal_down", id="everybody"),
        pytest.param({"describe_batch"}, "healthy", id="workflow"),
        pytest.param({"queues"}, "healthy", id="queues"),
        pytest.param({"dispatcher"}, "healthy", id="dispatcher"),
    ],
)
async def test_source_that_hangs_is_not_waited_for(
    world: World, silent: set[str], diagnosis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await a_batch(world)
    world.engine.hangs_on = silent
    monkeypatch.setattr(reading, "SOURCE_SECONDS", 0.05)

    told = await debug(world, batch_id)

    assert told["diagnosis"] == diagnosis
    assert (told["workflow"]["status"] == "unknown") is ("describe_batch" in silent)
    assert (told["worker"]["state"] == "unknown") is ("queues" in silent)


async def test_outcomes_show_who_does_not_answer(world: World) -> None:
    batch_id = await a_batch(world, ("+14155550101", "+14155550102", "+493012345678", "+14155550103"))
    await end_calls(world, batch_id, CallStatus.NO_ANSWER, 3)

    assert (await debug(world, batch_id))["outcomes"] == {
        "answer_rate": 0.0,
        "no_answer_by_hour": {"12": 3},
        "no_answer_by_prefix": {"+1415": 2, "+49301": 1},
        "answered_by_counts": {"human": 0, "machine": 0, "fax": 0, "unknown": 0},
        "disposition_counts": {},
    }


async def test_batch_that_ended_while_it_was_looked_at_misses_no_workflow(world: World) -> None:
    batch_id = await workflow_missing(world)
    describe = world.engine.describe_batch

    async def describe_too_late(asked: BatchId) -> WorkflowDescription:
        move(world, asked, status=BatchStatus.COMPLETED)
        return await describe(asked)

    world.engine.describe_batch = describe_too_late  # type: ignore[assignment, method-assign]  # between two looks

    assert (await debug(world, batch_id))["diagnosis"] == "completed"


async def test_tip_for_a_paused_campaign_names_it(world: World) -> None:
    batch_id = await paused(world)
    move(world, batch_id, paused_by=PausedBy.CAMPAIGN)
    campaign_id = world.tables.batches[batch_id].campaign_id

    told = await debug(world, batch_id)

    assert f"POST /api/v1/campaigns/{campaign_id}/resume" in told["diagnostics"]["tip"]


@pytest.mark.parametrize(
    ("state", "probe_in", "diagnosis"),
    [
        pytest.param(BreakerState.OPEN, 30 * SECOND, "provider_failing", id="open"),
        pytest.param(BreakerState.HALF_OPEN, -2 * MINUTE, "provider_failing", id="being tried"),
        pytest.param(BreakerState.OPEN, -121 * SECOND, "healthy", id="left behind by a dead worker"),
        pytest.param(BreakerState.CLOSED, None, "healthy", id="closed"),
    ],
)
async def test_open_route_counts_while_its_report_is_fresh(
    world: World, state: BreakerState, probe_in: timedelta | None, diagnosis: str
) -> None:
    batch_id = await a_batch(world)
    report = CircuitReport(
        provider="simulator",
        state=state,
        since=NOON,
        errors=5,
        reason="503",
        probe_at=None if probe_in is None else NOON + probe_in,
    )
    await world.parts.routes.report(report)

    assert (await debug(world, batch_id))["diagnosis"] == diagnosis


async def test_only_zones_of_those_who_are_pending_decide_whether_it_is_too_late_to_call(
    world: World,
) -> None:
    # Noon in UTC on a Friday: an office is open in Berlin and closed in Tokyo and Denver.
    batch_id = await a_batch(world, working_hours_enforced=True, timezone="Europe/Berlin")
    first, *others = world.tables.contacts_of(batch_id)
    for contact in others:
        world.tables.contacts[contact.contact_id] = replace(contact, timezone="Asia/Tokyo")
    open_for_one = await debug(world, batch_id)
    world.tables.contacts[first.contact_id] = replace(first, timezone="America/Denver")
    closed_for_all = await debug(world, batch_id)

    assert open_for_one["diagnosis"] == "healthy"
    assert closed_for_all["diagnosis"] == "outside_working_hours"
    assert "2026-09-04 15:00 UTC" in closed_for_all["diagnostics"]["tip"]  # 09:00 in Denver
    assert closed_for_all["window"]["open"]  # shown is the batch's own


async def test_live_contacts_of_other_batches_use_the_campaigns_capacity(world: World) -> None:
    batch_id = await a_batch(world, metadata={"concurrency_limit": 1})
    other = await world.create_batch(world.tables.batches[batch_id].campaign_id, ["+493012345678"])
    await world.dial_first(other)

    told = await debug(world, batch_id)

    assert told["diagnosis"] == "waiting_for_capacity"
    assert told["capacity"] == {"limit": 1, "in_use": 0, "campaign_limit": 1, "campaign_in_use": 1}


async def test_batch_of_another_organization_is_404(world: World) -> None:
    batch_id = await a_batch(world)
    path = f"/api/v1/batches/{batch_id}/debug"

    foreign = await world.client.get(path, headers=bearer(OTHER_SECRET))
    unknown = await world.client.get("/api/v1/batches/btc_none/debug")

    assert foreign.json() == a_problem(404, "not-found", "Not Found", "Batch not found")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)


async def test_database_down_is_503(world: World) -> None:
    batch_id = await a_batch(world)
    world.tables.is_down = True

    answer = await world.client.get(f"/api/v1/batches/{batch_id}/debug")

    assert answer.status_code == 503
