"""Trouble with calls, rows and workers brought about for real, told by `debug`, and mended as its tip says.

One stack lives through all of it, in this order: rows and calls, webhooks, workflow, provider.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from embedded.listening import free_ports
from embedded.module_command import module_command
from settings import Settings
from tests.e2e.debugging import (
    assert_everybody_was_called_once,
    change_rows,
    debug,
    diagnosis,
    let_an_hour_pass,
    statuses,
)
from tests.e2e.scenes import BatchScenes, a_batch, a_campaign, ahead, answering_numbers, fresh_numbers
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

REDIAL_MUCH_LATER = {"max_retries": 1, "cooldown_minutes": 60, "retry_on": ["failed", "no_answer"]}
FAILS, RINGS_UNHEARD = "03", "02"
OUTAGE_PATIENCE = 20


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=3) as opened:
        yield opened


def start_worker(world: World, **environment: str) -> None:
    """Start the worker beside a stack without one; it is told this over what it is told otherwise."""
    assert world.stack.parts is not None
    worker = world.stack.parts.worker()
    world.start(replace(worker, environment={**worker.environment, **environment}))


def nowhere() -> int:
    """Return a port nobody listens on."""
    [port] = free_ports(1)
    return port


def many(count: int, ending: str) -> list[str]:
    return [number for _ in range(count) for number in fresh_numbers(ending)]


def type_the_tip(world: World, told: Mapping[str, object], batch_id: str) -> None:
    """Do what the tip says, word by word."""
    diagnostics = told["diagnostics"]
    assert isinstance(diagnostics, dict)
    path = f"/batches/{batch_id}/dispatch"
    assert f"POST /api/v1{path}" in diagnostics["tip"]
    assert world.ask("POST", path).status_code == 200


def scheduled(world: World) -> str:
    return a_batch(world, a_campaign(world), scheduled_start=ahead(hours=1))


def paused(world: World) -> str:
    batch_id = scheduled(world)
    world.api.act("batches", batch_id, "pause")
    return batch_id


def out_of_hours(world: World) -> str:
    today = datetime.now(UTC).date()
    closed = [(today + timedelta(days=each)).isoformat() for each in (-1, 0, 1)]
    return a_batch(world, a_campaign(world, blackout_dates=closed, working_hours_enforced=True))


def bound_by_capacity(world: World) -> str:
    batch_id = a_batch(world, a_campaign(world), concurrency_limit=1)
    world.wait_for(lambda: world.counters(batch_id)[0]["in_flight"] == 1, 10)
    return batch_id


def capped(world: World) -> str:
    numbers = answering_numbers()
    world.wait_for_end(a_batch(world, a_campaign(world), numbers), 20)
    once_an_hour = [{"max_calls": 1, "hours": 1}]
    return a_batch(world, a_campaign(world, frequency_caps=once_an_hour), numbers)


HELD = [
    pytest.param(scheduled, "scheduled", id="scheduled"),
    pytest.param(paused, "paused", id="paused"),
    pytest.param(out_of_hours, "outside_working_hours", id="out of hours"),
    pytest.param(bound_by_capacity, "waiting_for_capacity", id="bound by capacity"),
    pytest.param(capped, "healthy", id="capped"),
]


@pytest.mark.parametrize(("make", "code"), HELD)
def test_batch_that_waits_for_a_reason_is_never_called_stuck_however_old_its_rows_are(
    world: World, make: Callable[[World], str], code: str
) -> None:
    batch_id = make(world)
    let_an_hour_pass(world, batch_id)

    told = debug(world, batch_id)

    assert (told["diagnosis"], told["diagnostics"]["stuck_pending"]) == (code, False)
    world.api.act("batches", batch_id, "cancel")


def test_batch_whose_numbers_are_all_capped_says_until_when_and_calls_nobody(world: World) -> None:
    world.empty_ledger()
    began = datetime.now(UTC)
    batch_id = capped(world)
    world.wait_until_quiet(f"batch/{batch_id}")

    told = debug(world, batch_id)

    lets_go = [began + timedelta(hours=1, minutes=each) for each in (0, 1)]
    assert told["diagnostics"]["tip"] in {
        f"Nobody whose window is open can be called now: 2 numbers are capped, the first until"
        f" {at:%Y-%m-%d %H:%M} UTC. It goes on by itself."
        for at in lets_go
    }
    assert (statuses(told), len(world.rings())) == ({"pending": 2}, 2)
    world.api.act("batches", batch_id, "cancel")


@pytest.mark.parametrize("code", ["completed", "cancelled", "expired"])
def test_batch_that_is_over_is_told_by_how_it_ended(world: World, code: str) -> None:
    batch_id = BatchScenes(world).batch(code)

    told = debug(world, batch_id)

    assert (told["diagnosis"], told["status"]) == (code, code)
    assert told["diagnostics"] == {
        "stuck_pending": False,
        "tip": f"The batch is {code}: nothing is left to do.",
    }


def test_twenty_calls_nobody_answers_are_told_as_such(world: World) -> None:
    campaign_id = a_campaign(world, retry_policy=REDIAL_MUCH_LATER)
    batch_id = a_batch(world, campaign_id, many(20, RINGS_UNHEARD), concurrency_limit=20)
    world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] == 20, 20)

    told = debug(world, batch_id)

    assert told["diagnosis"] == "high_no_answer"
    assert "20 of 20 calls were not answered" in told["diagnostics"]["tip"]
    assert told["outcomes"]["answer_rate"] == 0.0
    assert told["outcomes"]["no_answer_by_prefix"] == {"+1628": 20}
    assert sum(told["outcomes"]["no_answer_by_hour"].values()) == 20


def test_five_calls_that_fail_are_the_providers_until_better_ones_follow(world: World) -> None:
    campaign_id = a_campaign(world, retry_policy=REDIAL_MUCH_LATER)
    batch_id = a_batch(world, campaign_id, many(5, FAILS))
    world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] == 5, 20)

    told = debug(world, batch_id)

    assert told["diagnosis"] == "provider_failing"
    assert told["diagnostics"]["tip"] == "5 of the last 5 calls failed: check the provider."


def test_contacts_behind_a_brake_are_stalled_and_called_once_after_its_release(world: World) -> None:
    world.empty_ledger()
    numbers = answering_numbers()
    batch_id = a_batch(world, a_campaign(world), numbers, scheduled_start=ahead(hours=1))
    world.wait_until_quiet(f"batch/{batch_id}")
    set_dial_brake(world, "0")
    try:
        world.ask("POST", f"/batches/{batch_id}/dispatch?now=true")
        world.wait_for(lambda: in_flight(world, batch_id) == 2, 20)
        let_an_hour_pass(world, batch_id)

        told = debug(world, batch_id)

        assert (told["diagnosis"], told["diagnostics"]["stuck_pending"]) == ("stalled", True)
        assert (told["workflow"]["status"], told["worker"]["state"]) == ("running", "up")
        assert world.rings() == []
        type_the_tip(world, told, batch_id)
    finally:
        set_dial_brake(world, "default")
    world.wait_for_end(batch_id, 60)
    assert diagnosis(world, batch_id) == "completed"
    assert_everybody_was_called_once(world, batch_id, numbers, limit=10)


def set_dial_brake(world: World, limit: str) -> None:
    """Hold every dial back, or let them go."""
    queue = ("--task-queue", "apollo-dial", "--task-queue-type", "activity", "--queue-rps-limit", limit)
    told = world.run_temporal("task-queue", "config", "set", *queue)
    assert told.returncode == 0, told.stderr


def in_flight(world: World, batch_id: str) -> int:
    """Return how many contacts hold a slot."""
    asked = world.temporal("query", "-w", f"batch/{batch_id}", "--name", "in_flight", "-o", "json")
    return len(json.loads(asked.stdout)["queryResult"][0]) if asked.returncode == 0 else 0


def test_contact_of_the_pending_sample_is_found_in_the_workers_log_and_nobodys_number_is(
    world: World,
) -> None:
    once_an_hour = [{"max_calls": 1, "hours": 1}]
    numbers = many(1, RINGS_UNHEARD)
    campaign_id = a_campaign(world, retry_policy=REDIAL_MUCH_LATER, frequency_caps=once_an_hour)
    batch_id = a_batch(world, campaign_id, numbers, scheduled_start=ahead(hours=1))
    [contact_id] = debug(world, batch_id)["pending_sample"]
    world.ask("POST", f"/batches/{batch_id}/dispatch?now=true")
    world.wait_for(lambda: statuses(debug(world, batch_id)) == {"retrying": 1}, 20)

    lines = [each for each in worker_lines(world) if each.get("contact_id") == contact_id]

    told = [(each["event"], each["batch_id"], each["attempt"]) for each in lines]
    assert told == [("attempt placed", batch_id, 1), ("attempt settled", batch_id, 1)]
    assert (lines[1]["outcome"], lines[1]["status"]) == ("no_answer", "retrying")
    assert not any(numbers[0] in str(each) for each in worker_lines(world))
    world.api.act("batches", batch_id, "cancel")


def worker_lines(world: World) -> list[dict[str, object]]:
    """Return what the worker has logged."""
    log = world.stack.plan.log_dir / "worker.log"
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_row_that_moved_behind_the_workflows_back_makes_the_counters_differ(world: World) -> None:
    lost, _ = numbers = answering_numbers()
    batch_id = a_batch(world, a_campaign(world), numbers, scheduled_start=ahead(hours=1))
    world.wait_until_quiet(f"batch/{batch_id}")
    let_an_hour_pass(world, batch_id)
    before = debug(world, batch_id)
    hide_from_workflow(world, batch_id, lost)

    told = debug(world, batch_id)

    assert (before["counters_agree"], before["warnings"]) == (True, [])
    assert (told["diagnosis"], told["counters_agree"]) == ("scheduled", False)
    [warning] = told["warnings"]
    assert warning["code"] == "counters_differ"
    assert "(pending 2, in the rows 1; skipped 0, in the rows 1)" in warning["tip"]
    world.ask("POST", f"/batches/{batch_id}/dispatch?now=true")
    world.wait_for_end(batch_id, 20)
    assert statuses(debug(world, batch_id)) == {"skipped": 1, "completed": 1}


def hide_from_workflow(world: World, batch_id: str, number: str) -> None:
    """Make the workflow pass somebody by whom it counts as pending."""
    skipped = "UPDATE contacts SET status = 'skipped', skip_reason = 'manual'"
    who = "WHERE batch_id = :batch_id AND phone_number = :number"
    assert change_rows(world, f"{skipped} {who}", batch_id=batch_id, number=number) == 1


def test_calls_nothing_is_heard_of_are_told_when_two_minutes_have_passed(world: World) -> None:
    shipped = str(Settings.model_fields["webhook_silence_seconds"].default)
    start_worker_nobody_calls_back(world, APOLLO_WEBHOOK_SILENCE_SECONDS=shipped)
    batch_id = a_batch(world, a_campaign(world))
    world.wait_for(lambda: statuses(debug(world, batch_id)) == {"dispatched": 2}, 30)
    world.wait_for(lambda: len(world.create_requests(batch_id)) == 2, 10)
    just_now = diagnosis(world, batch_id)
    let_an_hour_pass(world, batch_id)

    told = debug(world, batch_id)

    assert (just_now, told["diagnosis"]) == ("healthy", "webhooks_missing")
    assert told["webhooks"] == {"last_received_at": None, "dispatched_without_webhook": 2}
    assert "check APOLLO_WEBHOOK_URL" in told["diagnostics"]["tip"]
    world.kill("worker")


def start_worker_nobody_calls_back(world: World, **environment: str) -> None:
    """Put a worker in the other's place whose webhooks go astray."""
    if any(child.name == "worker" for child in world.living()):
        world.kill("worker")
    astray = f"http://127.0.0.1:{nowhere()}/webhooks/call-status"
    start_worker(world, APOLLO_WEBHOOK_URL=astray, **environment)


def test_calls_that_had_to_be_asked_for_are_told_while_the_next_ones_are_made(world: World) -> None:
    start_worker_nobody_calls_back(world)
    numbers = many(3, "55")
    batch_id = a_batch(world, a_campaign(world), numbers, concurrency_limit=2)
    world.wait_for(lambda: statuses(debug(world, batch_id)).get("completed") == 2, 90, every=0.5)

    told = debug(world, batch_id)

    assert (told["diagnosis"], told["webhooks"]["last_received_at"]) == ("webhooks_missing", None)
    assert told["diagnostics"]["tip"].startswith("The last 2 calls ended without a webhook")
    world.api.act("batches", batch_id, "cancel")
    world.kill("worker")


def test_workflow_that_fails_in_its_task_is_told_without_numbers_and_goes_on_under_a_sound_worker(
    world: World,
) -> None:
    world.empty_ledger()
    assert world.stack.parts is not None
    wedged = replace(
        world.stack.parts.worker(), name="wedged", argv=module_command("tests.e2e.wedged_worker")
    )
    world.start(wedged)
    numbers = answering_numbers()
    batch_id = a_batch(world, a_campaign(world), numbers)
    world.wait_for(lambda: diagnosis(world, batch_id) == "workflow_failing", 30)

    told = debug(world, batch_id)
    world.kill("wedged")
    world.start_worker()

    assert told["workflow"]["pending_failure"] == "KeyError: 'nobody is known under …'"
    assert told["workflow"]["pending_failure"] in told["diagnostics"]["tip"]
    assert "fix the worker or roll it back" in told["diagnostics"]["tip"]
    assert (told["workflow"]["status"], statuses(told)) == ("running", {"pending": 2})
    world.wait_for_end(batch_id, 60)
    assert diagnosis(world, batch_id) == "completed"
    assert_everybody_was_called_once(world, batch_id, numbers, limit=10)


def test_provider_nobody_reaches_is_told_and_the_batch_goes_on_by_itself_once_it_answers(
    world: World,
) -> None:
    world.empty_ledger()
    world.kill("worker")
    start_worker(world, APOLLO_SIM_PORT=str(nowhere()))
    numbers = many(6, "55")
    batch_id = a_batch(world, a_campaign(world), numbers, concurrency_limit=6)
    world.wait_for(lambda: diagnosis(world, batch_id) == "provider_failing", OUTAGE_PATIENCE)

    told = debug(world, batch_id)
    world.kill("worker")
    world.start_worker()

    assert told["diagnostics"]["tip"].startswith("Dialling pauses because the provider keeps failing")
    assert told["webhooks"]["last_received_at"] is None
    world.wait_for_end(batch_id, 60)
    assert diagnosis(world, batch_id) == "completed"
    assert_everybody_was_called_once(world, batch_id, numbers, limit=6)
    beside = a_batch(world, a_campaign(world))
    world.wait_for(lambda: world.counters(beside)[0]["in_flight"] == 2, 10)
    assert diagnosis(world, beside) == "healthy"
