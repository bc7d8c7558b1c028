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
from tests.api.world import OTHER_SECRET, House, Json, a_problem, bearer
from tests.fakes.clock import NOON

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NUMBERS = tuple(f"+1415555{each:04}" for each in range(20))
CLOSED_TODAY: Json = {"working_hours_enforced": True, "blackout_dates": ["2026-09-04"], "timezone": "UTC"}


def polled(house: House, *, workflow: timedelta = 10 * SECOND, dial: timedelta = 10 * SECOND) -> None:
    """Have the queues polled so long ago."""
    house.engine.served = [
        QueueFacts(
            name=name,
            role=role,
            pollers=1,
            backlog=0,
            last_seen=house.clock() - (dial if role is QueueRole.DIAL else workflow),
        )
        for name, role in (("apollo-control", QueueRole.WORKFLOW), ("apollo-dial", QueueRole.DIAL))
    ]


async def a_batch(house: House, numbers: tuple[str, ...] = NUMBERS[:3], **campaign: object) -> BatchId:
    """A batch whose workers poll."""
    polled(house)
    created = await house.create_campaign(**campaign)
    return BatchId((await house.create_batch(created["campaign_id"], numbers))["batch_id"])


def move(house: House, batch_id: BatchId, **changes: object) -> None:
    house.tables.batches[batch_id] = replace(house.tables.batches[batch_id], **changes)  # type: ignore[arg-type]  # by name


async def debug(house: House, batch_id: str) -> Json:
    answer = await house.client.get(f"/api/v1/batches/{batch_id}/debug")
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def end_calls(house: House, batch_id: BatchId, outcome: CallStatus, number: int) -> None:
    """Call the first contacts of a batch and settle them."""
    for contact in house.tables.contacts_of(batch_id)[:number]:
        call = await house.dial(contact.contact_id, 1, AttemptKind.INITIAL)
        event = StatusEvent(status=outcome, happened_at=house.clock())
        await house.calls.record_event(call.execution_id, event, event_key="1", body=None)
        now = house.tables.contacts[contact.contact_id]
        house.tables.contacts[contact.contact_id] = replace(now, status=ContactStatus(outcome.value))


async def terminal(house: House, status: BatchStatus) -> BatchId:
    batch_id = await a_batch(house)
    move(house, batch_id, status=status)
    house.engine.descriptions[batch_id] = gone(batch_id, "completed")
    return batch_id


def gone(batch_id: BatchId, status: str) -> WorkflowDescription:
    return WorkflowDescription(workflow_id=f"batch/{batch_id}", status=status)


async def temporal_down(house: House) -> BatchId:
    batch_id = await a_batch(house)
    house.engine.is_down = True
    return batch_id


async def paused(house: House) -> BatchId:
    batch_id = await a_batch(house)
    move(house, batch_id, status=BatchStatus.PAUSED, paused_by=PausedBy.BATCH)
    return batch_id


async def scheduled(house: House) -> BatchId:
    batch_id = await a_batch(house)
    move(house, batch_id, status=BatchStatus.PENDING, scheduled_start=NOON + HOUR)
    return batch_id


async def workflow_missing(house: House) -> BatchId:
    batch_id = await a_batch(house)
    house.engine.descriptions[batch_id] = gone(batch_id, "missing")
    return batch_id


async def worker_down(house: House) -> BatchId:
    batch_id = await a_batch(house)
    polled(house, workflow=91 * SECOND, dial=91 * SECOND)
    return batch_id


async def workflow_failing(house: House) -> BatchId:
    batch_id = await a_batch(house)
    failing = WorkflowDescription(
        workflow_id=f"batch/{batch_id}", status="running", pending_failure="KeyError: cursor"
    )
    house.engine.descriptions[batch_id] = failing
    return batch_id


async def dial_worker_down(house: House) -> BatchId:
    batch_id = await a_batch(house)
    polled(house, dial=91 * SECOND)
    return batch_id


async def webhooks_missing(house: House) -> BatchId:
    batch_id = await a_batch(house)
    await house.dial(house.tables.contacts_of(batch_id)[0].contact_id, 1, AttemptKind.INITIAL)
    house.clock.pass_time(121 * SECOND)
    polled(house)
    return batch_id


async def provider_failing(house: House) -> BatchId:
    batch_id = await a_batch(house, NUMBERS[:7])
    await end_calls(house, batch_id, CallStatus.FAILED, 5)
    return batch_id


async def outside_working_hours(house: House) -> BatchId:
    return await a_batch(house, **CLOSED_TODAY)


async def waiting_for_capacity(house: House) -> BatchId:
    batch_id = await a_batch(house, metadata={"concurrency_limit": 1})
    await house.dial(house.tables.contacts_of(batch_id)[0].contact_id, 1, AttemptKind.INITIAL)
    return batch_id


async def stalled(house: House) -> BatchId:
    batch_id = await a_batch(house)
    house.clock.pass_time(31 * MINUTE)
    polled(house)
    return batch_id


async def high_no_answer(house: House) -> BatchId:
    batch_id = await a_batch(house, NUMBERS)
    await end_calls(house, batch_id, CallStatus.NO_ANSWER, 20)
    return batch_id


STATES: dict[Diagnosis, Callable[[House], Awaitable[BatchId]]] = {
    Diagnosis.COMPLETED: lambda house: terminal(house, BatchStatus.COMPLETED),
    Diagnosis.CANCELLED: lambda house: terminal(house, BatchStatus.CANCELLED),
    Diagnosis.EXPIRED: lambda house: terminal(house, BatchStatus.EXPIRED),
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
async def test_every_state_is_told_by_its_code(house: House, diagnosis: Diagnosis) -> None:
    told = await debug(house, await STATES[diagnosis](house))

    assert told["diagnosis"] == diagnosis
    assert told["diagnostics"]["tip"]
    assert told["diagnostics"]["stuck_pending"] is (diagnosis is Diagnosis.STALLED)


async def test_answer_has_every_field_of_the_contract(house: House) -> None:
    campaign = await house.create_campaign(
        metadata={"concurrency_limit": 20}, working_hours_enforced=True, timezone="America/Chicago"
    )
    house.clock.pass_time(3 * HOUR)  # 10:00 in Chicago; its office closes at 18:00, 23:00 in UTC
    uploaded = await house.create_batch(campaign["campaign_id"], NUMBERS[:4], concurrency_limit=5)
    batch_id = BatchId(uploaded["batch_id"])
    polled(house)
    house.engine.dispatchers[batch_id] = {"free_slots": 5}
    house.engine.tallies[batch_id] = BatchTally(pending=3, completed=1)
    await house.parts.routes.report(a_closed_route())
    await end_calls(house, batch_id, CallStatus.COMPLETED, 1)
    house.clock.pass_time(MINUTE)

    told = await debug(house, batch_id)

    none: Json = {"count": 0, "oldest_updated_at": None}
    assert told == {
        "batch_id": batch_id,
        "status": "in_progress",
        "status_breakdown": {
            **{each.value: none for each in ContactStatus},
            "pending": {"count": 3, "oldest_updated_at": "2026-09-04T15:00:00Z"},
            "completed": {"count": 1, "oldest_updated_at": "2026-09-04T15:00:00Z"},
        },
        "pending_sample": [each.contact_id for each in house.tables.contacts_of(batch_id)[1:]],
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


async def test_temporal_down_leaves_null_what_only_it_knows(house: House) -> None:
    told = await debug(house, await temporal_down(house))

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
    house: House, silent: set[str], diagnosis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await a_batch(house)
    house.engine.hangs_on = silent
    monkeypatch.setattr(reading, "SOURCE_SECONDS", 0.05)

    told = await debug(house, batch_id)

    assert told["diagnosis"] == diagnosis
    assert (told["workflow"]["status"] == "unknown") is ("describe_batch" in silent)
    assert (told["worker"]["state"] == "unknown") is ("queues" in silent)


async def test_outcomes_show_who_does_not_answer(house: House) -> None:
    batch_id = await a_batch(house, ("+14155550101", "+14155550102", "+493012345678", "+14155550103"))
    await end_calls(house, batch_id, CallStatus.NO_ANSWER, 3)

    assert (await debug(house, batch_id))["outcomes"] == {
        "answer_rate": 0.0,
        "no_answer_by_hour": {"12": 3},
        "no_answer_by_prefix": {"+1415": 2, "+49301": 1},
        "answered_by_counts": {"human": 0, "machine": 0, "fax": 0, "unknown": 0},
        "disposition_counts": {},
    }


async def test_batch_that_ended_while_it_was_looked_at_misses_no_workflow(house: House) -> None:
    batch_id = await workflow_missing(house)
    describe = house.engine.describe_batch

    async def describe_too_late(asked: BatchId) -> WorkflowDescription:
        move(house, asked, status=BatchStatus.COMPLETED)
        return await describe(asked)

    house.engine.describe_batch = describe_too_late  # type: ignore[assignment, method-assign]  # between two looks

    assert (await debug(house, batch_id))["diagnosis"] == "completed"


async def test_tip_for_a_paused_campaign_names_it(house: House) -> None:
    batch_id = await paused(house)
    move(house, batch_id, paused_by=PausedBy.CAMPAIGN)
    campaign_id = house.tables.batches[batch_id].campaign_id

    told = await debug(house, batch_id)

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
    house: House, state: BreakerState, probe_in: timedelta | None, diagnosis: str
) -> None:
    batch_id = await a_batch(house)
    report = CircuitReport(
        provider="simulator",
        state=state,
        since=NOON,
        errors=5,
        reason="503",
        probe_at=None if probe_in is None else NOON + probe_in,
    )
    await house.parts.routes.report(report)

    assert (await debug(house, batch_id))["diagnosis"] == diagnosis


async def test_only_zones_of_those_who_are_pending_decide_whether_it_is_too_late_to_call(
    house: House,
) -> None:
    # Noon in UTC on a Friday: an office is open in Berlin and closed in Tokyo and Denver.
    batch_id = await a_batch(house, working_hours_enforced=True, timezone="Europe/Berlin")
    first, *others = house.tables.contacts_of(batch_id)
    for contact in others:
        house.tables.contacts[contact.contact_id] = replace(contact, timezone="Asia/Tokyo")
    open_for_one = await debug(house, batch_id)
    house.tables.contacts[first.contact_id] = replace(first, timezone="America/Denver")
    closed_for_all = await debug(house, batch_id)

    assert open_for_one["diagnosis"] == "healthy"
    assert closed_for_all["diagnosis"] == "outside_working_hours"
    assert "2026-09-04 15:00 UTC" in closed_for_all["diagnostics"]["tip"]  # 09:00 in Denver
    assert closed_for_all["window"]["open"]  # shown is the batch's own


async def test_live_contacts_of_other_batches_use_the_campaigns_capacity(house: House) -> None:
    batch_id = await a_batch(house, metadata={"concurrency_limit": 1})
    other = await house.create_batch(house.tables.batches[batch_id].campaign_id, ["+493012345678"])
    await house.dial_first(other)

    told = await debug(house, batch_id)

    assert told["diagnosis"] == "waiting_for_capacity"
    assert told["capacity"] == {"limit": 1, "in_use": 0, "campaign_limit": 1, "campaign_in_use": 1}


async def test_batch_of_another_organization_is_404(house: House) -> None:
    batch_id = await a_batch(house)
    path = f"/api/v1/batches/{batch_id}/debug"

    foreign = await house.client.get(path, headers=bearer(OTHER_SECRET))
    unknown = await house.client.get("/api/v1/batches/btc_none/debug")

    assert foreign.json() == a_problem(404, "not-found", "Not Found", "Batch not found")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)


async def test_database_down_is_503(house: House) -> None:
    batch_id = await a_batch(house)
    house.tables.is_down = True

    answer = await house.client.get(f"/api/v1/batches/{batch_id}/debug")

    assert answer.status_code == 503
