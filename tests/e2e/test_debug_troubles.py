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
from tests.e2e.world import House, a_fresh_house

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

REDIAL_MUCH_LATER = {"max_retries": 1, "cooldown_minutes": 60, "retry_on": ["failed", "no_answer"]}
FAILS, RINGS_UNHEARD = "03", "02"
OUTAGE_PATIENCE = 20


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with a_fresh_house(talk_seconds=3) as opened:
        yield opened


def start_worker(house: House, **environment: str) -> None:
    """Start the worker beside a stack without one; it is told this over what it is told otherwise."""
    assert house.stack.parts is not None
    worker = house.stack.parts.worker()
    house.start(replace(worker, environment={**worker.environment, **environment}))


def nowhere() -> int:
    """Return a port nobody listens on."""
    [port] = free_ports(1)
    return port


def many(count: int, ending: str) -> list[str]:
    return [number for _ in range(count) for number in fresh_numbers(ending)]


def type_the_tip(house: House, told: Mapping[str, object], batch_id: str) -> None:
    """Do what the tip says, word by word."""
    diagnostics = told["diagnostics"]
    assert isinstance(diagnostics, dict)
    path = f"/batches/{batch_id}/dispatch"
    assert f"POST /api/v1{path}" in diagnostics["tip"]
    assert house.ask("POST", path).status_code == 200


def scheduled(house: House) -> str:
    return a_batch(house, a_campaign(house), scheduled_start=ahead(hours=1))


def paused(house: House) -> str:
    batch_id = scheduled(house)
    house.api.act("batches", batch_id, "pause")
    return batch_id


def out_of_hours(house: House) -> str:
    today = datetime.now(UTC).date()
    closed = [(today + timedelta(days=each)).isoformat() for each in (-1, 0, 1)]
    return a_batch(house, a_campaign(house, blackout_dates=closed, working_hours_enforced=True))


def bound_by_capacity(house: House) -> str:
    batch_id = a_batch(house, a_campaign(house), concurrency_limit=1)
    house.wait_for(lambda: house.counters(batch_id)[0]["in_flight"] == 1, 10)
    return batch_id


def capped(house: House) -> str:
    numbers = answering_numbers()
    house.wait_for_end(a_batch(house, a_campaign(house), numbers), 20)
    once_an_hour = [{"max_calls": 1, "hours": 1}]
    return a_batch(house, a_campaign(house, frequency_caps=once_an_hour), numbers)


HELD = [
    pytest.param(scheduled, "scheduled", id="scheduled"),
    pytest.param(paused, "paused", id="paused"),
    pytest.param(out_of_hours, "outside_working_hours", id="out of hours"),
    pytest.param(bound_by_capacity, "waiting_for_capacity", id="bound by capacity"),
    pytest.param(capped, "healthy", id="capped"),
]


@pytest.mark.parametrize(("make", "code"), HELD)
def test_batch_that_waits_for_a_reason_is_never_called_stuck_however_old_its_rows_are(
    house: House, make: Callable[[House], str], code: str
) -> None:
    batch_id = make(house)
    let_an_hour_pass(house, batch_id)

    told = debug(house, batch_id)

    assert (told["diagnosis"], told["diagnostics"]["stuck_pending"]) == (code, False)
    house.api.act("batches", batch_id, "cancel")


def test_batch_whose_numbers_are_all_capped_says_until_when_and_calls_nobody(house: House) -> None:
    house.empty_ledger()
    began = datetime.now(UTC)
    batch_id = capped(house)
    house.wait_until_quiet(f"batch/{batch_id}")

    told = debug(house, batch_id)

    lets_go = [began + timedelta(hours=1, minutes=each) for each in (0, 1)]
    assert told["diagnostics"]["tip"] in {
        f"Nobody whose window is open can be called now: 2 numbers are capped, the first until"
        f" {at:%Y-%m-%d %H:%M} UTC. It goes on by itself."
        for at in lets_go
    }
    assert (statuses(told), len(house.rings())) == ({"pending": 2}, 2)
    house.api.act("batches", batch_id, "cancel")


@pytest.mark.parametrize("code", ["completed", "cancelled", "expired"])
def test_batch_that_is_over_is_told_by_how_it_ended(house: House, code: str) -> None:
    batch_id = BatchScenes(house).batch(code)

    told = debug(house, batch_id)

    assert (told["diagnosis"], told["status"]) == (code, code)
    assert told["diagnostics"] == {
        "stuck_pending": False,
        "tip": f"The batch is {code}: nothing is left to do.",
    }


def test_twenty_calls_nobody_answers_are_told_as_such(house: House) -> None:
    campaign_id = a_campaign(house, retry_policy=REDIAL_MUCH_LATER)
    batch_id = a_batch(house, campaign_id, many(20, RINGS_UNHEARD), concurrency_limit=20)
    house.wait_for(lambda: house.counters(batch_id)[0]["retrying"] == 20, 20)

    told = debug(house, batch_id)

    assert told["diagnosis"] == "high_no_answer"
    assert "20 of 20 calls were not answered" in told["diagnostics"]["tip"]
    assert told["outcomes"]["answer_rate"] == 0.0
    assert told["outcomes"]["no_answer_by_prefix"] == {"+1628": 20}
    assert sum(told["outcomes"]["no_answer_by_hour"].values()) == 20


def test_five_calls_that_fail_are_the_providers_until_better_ones_follow(house: House) -> None:
    campaign_id = a_campaign(house, retry_policy=REDIAL_MUCH_LATER)
    batch_id = a_batch(house, campaign_id, many(5, FAILS))
    house.wait_for(lambda: house.counters(batch_id)[0]["retrying"] == 5, 20)

    told = debug(house, batch_id)

    assert told["diagnosis"] == "provider_failing"
    assert told["diagnostics"]["tip"] == "5 of the last 5 calls failed: check the provider."


def test_contacts_behind_a_brake_are_stalled_and_called_once_after_its_release(house: House) -> None:
    house.empty_ledger()
    numbers = answering_numbers()
    batch_id = a_batch(house, a_campaign(house), numbers, scheduled_start=ahead(hours=1))
    house.wait_until_quiet(f"batch/{batch_id}")
    set_dial_brake(house, "0")
    try:
        house.ask("POST", f"/batches/{batch_id}/dispatch?now=true")
        house.wait_for(lambda: in_flight(house, batch_id) == 2, 20)
        let_an_hour_pass(house, batch_id)

        told = debug(house, batch_id)

        assert (told["diagnosis"], told["diagnostics"]["stuck_pending"]) == ("stalled", True)
        assert (told["workflow"]["status"], told["worker"]["state"]) == ("running", "up")
        assert house.rings() == []
        type_the_tip(house, told, batch_id)
    finally:
        set_dial_brake(house, "default")
    house.wait_for_end(batch_id, 60)
    assert diagnosis(house, batch_id) == "completed"
    assert_everybody_was_called_once(house, batch_id, numbers, limit=10)


def set_dial_brake(house: House, limit: str) -> None:
    """Hold every dial back, or let them go."""
    queue = ("--task-queue", "apollo-dial", "--task-queue-type", "activity", "--queue-rps-limit", limit)
    told = house.run_temporal("task-queue", "config", "set", *queue)
    assert told.returncode == 0, told.stderr


def in_flight(house: House, batch_id: str) -> int:
    """Return how many contacts hold a slot."""
    asked = house.temporal("query", "-w", f"batch/{batch_id}", "--name", "in_flight", "-o", "json")
    return len(json.loads(asked.stdout)["queryResult"][0]) if asked.returncode == 0 else 0


def test_contact_of_the_pending_sample_is_found_in_the_workers_log_and_nobodys_number_is(
    house: House,
) -> None:
    once_an_hour = [{"max_calls": 1, "hours": 1}]
    numbers = many(1, RINGS_UNHEARD)
    campaign_id = a_campaign(house, retry_policy=REDIAL_MUCH_LATER, frequency_caps=once_an_hour)
    batch_id = a_batch(house, campaign_id, numbers, scheduled_start=ahead(hours=1))
    [contact_id] = debug(house, batch_id)["pending_sample"]
    house.ask("POST", f"/batches/{batch_id}/dispatch?now=true")
    house.wait_for(lambda: statuses(debug(house, batch_id)) == {"retrying": 1}, 20)

    lines = [each for each in worker_lines(house) if each.get("contact_id") == contact_id]

    told = [(each["event"], each["batch_id"], each["attempt"]) for each in lines]
    assert told == [("attempt placed", batch_id, 1), ("attempt settled", batch_id, 1)]
    assert (lines[1]["outcome"], lines[1]["status"]) == ("no_answer", "retrying")
    assert not any(numbers[0] in str(each) for each in worker_lines(house))
    house.api.act("batches", batch_id, "cancel")


def worker_lines(house: House) -> list[dict[str, object]]:
    """Return what the worker has logged."""
    log = house.stack.plan.log_dir / "worker.log"
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_row_that_moved_behind_the_workflows_back_makes_the_counters_differ(house: House) -> None:
    lost, _ = numbers = answering_numbers()
    batch_id = a_batch(house, a_campaign(house), numbers, scheduled_start=ahead(hours=1))
    house.wait_until_quiet(f"batch/{batch_id}")
    let_an_hour_pass(house, batch_id)
    before = debug(house, batch_id)
    hide_from_workflow(house, batch_id, lost)

    told = debug(house, batch_id)

    assert (before["counters_agree"], before["warnings"]) == (True, [])
    assert (told["diagnosis"], told["counters_agree"]) == ("scheduled", False)
    [warning] = told["warnings"]
    assert warning["code"] == "counters_differ"
    assert "(pending 2, in the rows 1; skipped 0, in the rows 1)" in warning["tip"]
    house.ask("POST", f"/batches/{batch_id}/dispatch?now=true")
    house.wait_for_end(batch_id, 20)
    assert statuses(debug(house, batch_id)) == {"skipped": 1, "completed": 1}


def hide_from_workflow(house: House, batch_id: str, number: str) -> None:
    """Make the workflow pass somebody by whom it counts as pending."""
    skipped = "UPDATE contacts SET status = 'skipped', skip_reason = 'manual'"
    who = "WHERE batch_id = :batch_id AND phone_number = :number"
    assert change_rows(house, f"{skipped} {who}", batch_id=batch_id, number=number) == 1


def test_calls_nothing_is_heard_of_are_told_when_two_minutes_have_passed(house: House) -> None:
    start_worker_nobody_calls_back(house)
    batch_id = a_batch(house, a_campaign(house))
    house.wait_for(lambda: statuses(debug(house, batch_id)) == {"dispatched": 2}, 30)
    house.wait_for(lambda: len(house.create_requests(batch_id)) == 2, 10)
    just_now = diagnosis(house, batch_id)
    let_an_hour_pass(house, batch_id)

    told = debug(house, batch_id)

    assert (just_now, told["diagnosis"]) == ("healthy", "webhooks_missing")
    assert told["webhooks"] == {"last_received_at": None, "dispatched_without_webhook": 2}
    assert "check APOLLO_WEBHOOK_URL" in told["diagnostics"]["tip"]
    house.kill("worker")


def start_worker_nobody_calls_back(house: House) -> None:
    """Put a worker in the other's place that asks about silent calls as shipped; its webhooks go astray."""
    if any(child.name == "worker" and child.exit_code is None for child in house.stack.children):
        house.kill("worker")
    astray = f"http://127.0.0.1:{nowhere()}/webhooks/call-status"
    shipped = str(Settings.model_fields["webhook_silence_seconds"].default)
    start_worker(house, APOLLO_WEBHOOK_URL=astray, APOLLO_WEBHOOK_SILENCE_SECONDS=shipped)


def test_calls_that_had_to_be_asked_for_are_told_while_the_next_ones_are_made(house: House) -> None:
    start_worker_nobody_calls_back(house)
    numbers = many(3, "55")
    batch_id = a_batch(house, a_campaign(house), numbers, concurrency_limit=2)
    house.wait_for(lambda: statuses(debug(house, batch_id)).get("completed") == 2, 90, every=0.5)

    told = debug(house, batch_id)

    assert (told["diagnosis"], told["webhooks"]["last_received_at"]) == ("webhooks_missing", None)
    assert told["diagnostics"]["tip"].startswith("The last 2 calls ended without a webhook")
    house.api.act("batches", batch_id, "cancel")
    house.kill("worker")


def test_workflow_that_fails_in_its_task_is_told_without_numbers_and_goes_on_under_a_sound_worker(
    house: House,
) -> None:
    house.empty_ledger()
    assert house.stack.parts is not None
    wedged = replace(
        house.stack.parts.worker(), name="wedged", argv=module_command("tests.e2e.wedged_worker")
    )
    house.start(wedged)
    numbers = answering_numbers()
    batch_id = a_batch(house, a_campaign(house), numbers)
    house.wait_for(lambda: diagnosis(house, batch_id) == "workflow_failing", 30)

    told = debug(house, batch_id)
    house.kill("wedged")
    house.start_worker()

    assert told["workflow"]["pending_failure"] == "KeyError: 'nobody is known under …'"
    assert told["workflow"]["pending_failure"] in told["diagnostics"]["tip"]
    assert "fix the worker or roll it back" in told["diagnostics"]["tip"]
    assert (told["workflow"]["status"], statuses(told)) == ("running", {"pending": 2})
    house.wait_for_end(batch_id, 60)
    assert diagnosis(house, batch_id) == "completed"
    assert_everybody_was_called_once(house, batch_id, numbers, limit=10)


def test_provider_nobody_reaches_is_told_and_the_batch_goes_on_by_itself_once_it_answers(
    house: House,
) -> None:
    house.empty_ledger()
    house.kill("worker")
    start_worker(house, APOLLO_SIM_PORT=str(nowhere()))
    numbers = many(6, "55")
    batch_id = a_batch(house, a_campaign(house), numbers, concurrency_limit=6)
    house.wait_for(lambda: diagnosis(house, batch_id) == "provider_failing", OUTAGE_PATIENCE)

    told = debug(house, batch_id)
    house.kill("worker")
    house.start_worker()

    assert told["diagnostics"]["tip"].startswith("Dialling pauses because the provider keeps failing")
    assert told["webhooks"]["last_received_at"] is None
    house.wait_for_end(batch_id, 60)
    assert diagnosis(house, batch_id) == "completed"
    assert_everybody_was_called_once(house, batch_id, numbers, limit=6)
    beside = a_batch(house, a_campaign(house))
    house.wait_for(lambda: house.counters(beside)[0]["in_flight"] == 2, 10)
    assert diagnosis(house, beside) == "healthy"
