"""What is told beside the diagnosis: other codes, counters that differ, and why a provider fails."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from api.diagnosis import reading
from domain.batch import BatchStatus, PausedBy
from domain.breaker import BreakerState
from domain.call import AttemptKind, CallStatus, EventSource
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.identity import BatchId
from domain.ports import CircuitReport
from tests.api.test_debug import HOUR, NUMBERS, SECOND, a_batch, debug, end_calls, move, polled
from tests.api.world import Json, World
from tests.builders import a_status_event
from tests.fakes.clock import NOON


def codes(told: Json) -> list[str]:
    return [each["code"] for each in told["warnings"]]


async def test_paused_batch_without_a_worker_is_told_both(world: World) -> None:
    batch_id = await a_batch(world)
    move(world, batch_id, status=BatchStatus.PAUSED, paused_by=PausedBy.BATCH)
    polled(world, workflow=91 * SECOND)

    told = await debug(world, batch_id)

    assert told["diagnosis"] == "paused"
    assert told["warnings"] == [
        {
            "code": "worker_down",
            "tip": "No worker is running: 3 contacts have waited since 2026-09-04 12:00 UTC."
            f" Start the worker, then resume it, then POST /api/v1/batches/{batch_id}/dispatch.",
        }
    ]


@pytest.mark.parametrize(
    ("windows", "warned"),
    [
        pytest.param([("09:00", "18:00")], False, id="they meet"),
        pytest.param([("09:00", "09:30")], True, id="they do not"),
    ],
)
async def test_zones_of_a_number_whose_windows_do_not_meet_are_told(
    world: World, windows: list[tuple[str, str]], warned: bool
) -> None:
    every_day = {"windows": [{"start": start, "end": end} for start, end in windows]}
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    batch_id = await a_batch(
        world,
        ("+12705550123",),  # Central or Eastern time
        timezone="from_number",
        fallback_timezone="America/New_York",
        working_hours_enforced=True,
        working_hours=dict.fromkeys(days, every_day),
    )

    told = await debug(world, batch_id)

    assert ("no_common_window" in codes(told)) is warned
    if warned:
        tip = next(each["tip"] for each in told["warnings"] if each["code"] == "no_common_window")
        assert "America/Chicago or America/New_York" in tip


async def test_full_batch_that_nobody_answers_is_told_to_call_fewer_at_once(world: World) -> None:
    batch_id = await a_batch(
        world, (*NUMBERS, "+14155559991", "+14155559992"), metadata={"concurrency_limit": 1}
    )
    await end_calls(world, batch_id, CallStatus.NO_ANSWER, 19)
    calling = world.tables.contacts_of(batch_id)
    answered = await world.dial(calling[19].contact_id, 1, AttemptKind.INITIAL)
    event = a_status_event(CallStatus.COMPLETED, happened_at=world.clock())
    await world.calls.record_event(answered.execution_id, event, event_key="1", body=None)

    told = await debug(world, batch_id)

    assert (told["diagnosis"], codes(told)) == ("waiting_for_capacity", ["high_no_answer"])
    for tip in (told["diagnostics"]["tip"], told["warnings"][0]["tip"]):
        assert "19 of 20 calls were not answered" in tip
        assert "call fewer at once" in tip
        assert "raise" not in tip


async def test_calls_that_were_all_settled_by_asking_miss_their_webhooks(world: World) -> None:
    batch_id = await a_batch(world, NUMBERS)
    for contact in world.tables.contacts_of(batch_id)[:5]:
        call = await world.dial(contact.contact_id, 1, AttemptKind.INITIAL)
        learnt = a_status_event(CallStatus.COMPLETED, happened_at=world.clock(), source=EventSource.POLL)
        await world.calls.record_event(call.execution_id, learnt, event_key="poll", body=None)
        now = world.tables.contacts[contact.contact_id]
        world.tables.contacts[contact.contact_id] = replace(now, status=ContactStatus.COMPLETED)

    told = await debug(world, batch_id)

    assert told["diagnosis"] == "webhooks_missing"
    assert told["diagnostics"]["tip"].startswith("The last 5 calls ended without a webhook")
    assert told["webhooks"] == {"last_received_at": None, "dispatched_without_webhook": 0}


async def test_reason_of_a_provider_that_refuses_the_key_is_told_with_the_circuit_and_in_the_tip(
    world: World,
) -> None:
    batch_id = await a_batch(world)
    report = CircuitReport(
        provider="jambonz",
        state=BreakerState.OPEN,
        since=NOON,
        errors=1,
        reason="provider answered 401",
        probe_at=NOON + 30 * SECOND,
    )
    await world.parts.routes.report(report)

    told = await debug(world, batch_id)

    assert told["diagnosis"] == "provider_failing"
    assert "keeps failing (provider answered 401)" in told["diagnostics"]["tip"]
    assert told["provider_circuits"] == [
        {
            "provider": "jambonz",
            "state": "open",
            "since": "2026-09-04T12:00:00Z",
            "errors": 1,
            "reason": "provider answered 401",
            "probe_at": "2026-09-04T12:00:30Z",
        }
    ]


async def a_quiet_batch(world: World) -> BatchId:
    """Three contacts, one of them skipped an hour ago."""
    batch_id = await a_batch(world)
    contact = world.tables.contacts_of(batch_id)[0]
    world.tables.contacts[contact.contact_id] = replace(contact, status=ContactStatus.SKIPPED)
    world.clock.pass_time(HOUR)
    move(world, batch_id, status=BatchStatus.PAUSED, paused_by=PausedBy.BATCH)
    polled(world)
    return batch_id


async def test_workflow_that_counts_a_skip_twice_differs_from_the_rows(world: World) -> None:
    batch_id = await a_quiet_batch(world)
    move(world, batch_id, status=BatchStatus.IN_PROGRESS, paused_by=None)
    world.engine.tallies[batch_id] = BatchTally(pending=1, skipped=2)

    told = await debug(world, batch_id)

    assert (told["counters_agree"], codes(told)) == (False, ["counters_differ"])
    assert told["warnings"][0]["tip"] == (
        "The workflow counts otherwise than the rows (skipped 2, in the rows 1):"
        f" POST /api/v1/batches/{batch_id}/dispatch has it read the rows again."
    )


async def test_workflow_and_rows_that_count_alike_agree(world: World) -> None:
    batch_id = await a_quiet_batch(world)
    world.engine.tallies[batch_id] = BatchTally(pending=2, skipped=1)

    told = await debug(world, batch_id)

    assert (told["counters_agree"], codes(told)) == (True, [])


@pytest.mark.parametrize(
    "tally", [pytest.param(None, id="no worker answers"), pytest.param(BatchTally(), id="not read yet")]
)
async def test_counters_of_a_workflow_that_tells_none_are_unknown(
    world: World, tally: BatchTally | None
) -> None:
    batch_id = await a_quiet_batch(world)
    if tally is not None:
        world.engine.tallies[batch_id] = tally

    told = await debug(world, batch_id)

    assert (told["counters_agree"], codes(told)) == (None, [])


Second = Callable[[BatchId], Awaitable[BatchTally | None]]


async def told_with_a_second_look(world: World, batch_id: BatchId, second: Second) -> Json:
    """Let the workflow differ at the first look, and answer the second one otherwise."""
    first, ask = BatchTally(pending=3), world.engine.tally
    asked = 0

    async def tally(asked_of: BatchId) -> BatchTally | None:
        nonlocal asked
        asked += 1
        await ask(asked_of)
        return first if asked == 1 else await second(asked_of)

    world.engine.tally = tally  # type: ignore[assignment, method-assign]  # between two looks
    told = await debug(world, batch_id)
    assert asked == 2
    return told


async def test_report_that_arrives_between_two_looks_makes_them_agree(world: World) -> None:
    async def caught_up(_: BatchId) -> BatchTally | None:
        return BatchTally(pending=2, skipped=1)

    told = await told_with_a_second_look(world, await a_quiet_batch(world), caught_up)

    assert (told["counters_agree"], codes(told)) == (True, [])


async def test_workflow_that_falls_silent_before_the_second_look_leaves_it_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: BatchId) -> BatchTally | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(reading, "SECOND_READING_SECONDS", reading.A_MOMENT_SECONDS + 0.1)
    told = await told_with_a_second_look(world, await a_quiet_batch(world), hang)

    assert (told["counters_agree"], codes(told)) == (None, [])


async def test_row_that_moved_a_moment_ago_is_no_difference(world: World) -> None:
    batch_id = await a_quiet_batch(world)
    skipped = world.tables.contacts_of(batch_id)[1]
    world.tables.contacts[skipped.contact_id] = replace(
        skipped, status=ContactStatus.SKIPPED, updated_at=world.clock() - timedelta(seconds=2)
    )
    world.engine.tallies[batch_id] = BatchTally(pending=2, skipped=1)

    assert (await debug(world, batch_id))["counters_agree"] is True
