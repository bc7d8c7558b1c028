"""What operators and clients do to a running batch by hand, right and wrong, and what comes of it."""

import time
from collections.abc import Iterator, Sequence

import pytest

from console.api_client import JsonObject
from console.ledger_check import faults
from tests.e2e.scenes import a_batch, a_campaign, ahead, busy_number
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

WRONG_SIGNALS: Sequence[tuple[str, tuple[str, ...]]] = [
    # name, inputs
    ("attempt_reported", ()),
    ("attempt_reported", ("null",)),
    ("attempt_reported", ("[]",)),
    ("attempt_reported", ('{"contact_id": 7, "attempt": "x", "status": "asleep"}',)),
    ("attempt_reported", ('{"contact_id": "con_0", "attempt": 1, "status": "completed", "more": 1}',)),
    ("slot_requested", ('"a text"',)),
    ("slot_requested", ('{"attempt": 2}', '{"attempt": 3}')),
    ("contact_skipped", ("17",)),
    ("contact_skipped", ('{"contact_id": "con_0"}',)),
    ("follow_up_scheduled", ('{"contact_id": "con_0", "attempt": 2, "at": "tomorrow"}',)),
    ("dispatch", ('{"now": true}',)),
    ("dispatch", ("1", "2", "3")),
    ("policy_changed", ("[1, 2]", "true")),
    ("policy_changed", ('{"rescheduled_since": "2030-01-31T09:00:00"}',)),
    ("resume", ('{"who": "me"}', '"twice"')),
    ("no_such_signal", ()),
    ("no_such_signal", ('{"a": 1}',)),
]
WRONG_FOR_CONTACTS: Sequence[tuple[str, tuple[str, ...]]] = [
    ("call_event", ()),
    ("call_event", ('{"attempt": 1, "call_status": "asleep"}',)),
    ("call_event", ('{"attempt": 9, "call_status": "completed"}',)),
    ("slot_granted", ('"now"',)),
    ("slot_granted", ('{"attempt": 1}', '{"attempt": 1}')),
    ("due_changed", ()),
    ("due_changed", ('{"attempt": 1, "due_at": "2030-01-31T09:00:00"}',)),
    ("no_such_signal", ("{}",)),
]
BUSY_AT_FIRST = "+14155503904"


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent() as opened:
        yield opened


def answered(count: int, ending: str = "55") -> list[str]:
    return [f"+141555{number:03}{ending}" for number in range(count)]


def failed_tasks(world: World, workflow_id: str) -> int:
    """Count the workflow tasks that failed, of which a wedged workflow has ever more."""
    history = world.temporal("show", "-w", workflow_id, "-o", "json").stdout
    failed = history.count("EVENT_TYPE_WORKFLOW_TASK_FAILED") + history.count("WORKFLOW_TASK_TIMED_OUT")
    # A signal that came while the last task was under way: the server asks once more.
    return failed - history.count("WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND")


def contact_at(world: World, batch_id: str, position: int) -> JsonObject:
    return world.contacts(batch_id)[position - 1]


def has_status(world: World, batch_id: str, position: int, status: str) -> bool:
    return contact_at(world, batch_id, position)["status"] == status


def ask_contact(
    world: World, contact: JsonObject, action: str, body: JsonObject | None = None
) -> tuple[int, JsonObject]:
    path = f"/batches/{contact['batch_id']}/contacts/{contact['contact_id']}/{action}"
    answer = world.ask("POST", path, body)
    return answer.status_code, answer.json()


def refusal(detail: str) -> tuple[int, JsonObject]:
    document = {"type": "urn:apollo:problem:conflict", "title": "Conflict", "status": 409, "detail": detail}
    return 409, document


def test_wrong_signals_neither_wedge_a_batch_nor_cost_or_repeat_a_call(world: World) -> None:
    world.empty_ledger()
    asleep_for_a_while = a_campaign(world, retry_policy={"max_retries": 1, "cooldown_minutes": 0.3})
    numbers = [*answered(19), BUSY_AT_FIRST]
    batch_id = a_batch(world, asleep_for_a_while, numbers, concurrency_limit=2)
    story = f"batch/{batch_id}/c/{contact_at(world, batch_id, 20)['contact_id']}"
    world.wait_for(lambda: world.finished(batch_id) >= 2)

    for name, inputs in WRONG_SIGNALS:
        assert world.signal(f"batch/{batch_id}", name, *inputs)
    assert not world.signal(f"batch/{batch_id}", "pause", "{no json")
    world.wait_for(lambda: has_status(world, batch_id, 20, "retrying"))
    for name, inputs in WRONG_FOR_CONTACTS:
        assert world.signal(story, name, *inputs)
    world.wait_for_end(batch_id)

    world.wait_for(lambda: world.is_closed(f"batch/{batch_id}"), 10)
    assert faults(world.reckoning(batch_id), contacts=20, limit=2) == []
    assert world.counters(batch_id)[0]["completed"] == 20
    assert (failed_tasks(world, f"batch/{batch_id}"), failed_tasks(world, story)) == (0, 0)


def test_signals_to_a_batch_that_is_over_are_refused_and_change_nothing(world: World) -> None:
    batch_id = a_batch(world, a_campaign(world), [busy_number()])
    world.wait_for_end(batch_id)
    world.wait_for(lambda: world.is_closed(f"batch/{batch_id}"), 10)
    before = world.api.batch(batch_id)

    taken = [world.signal(f"batch/{batch_id}", name, *inputs) for name, inputs in WRONG_SIGNALS]

    assert not any(taken)
    assert world.api.batch(batch_id) == before


def test_waiting_contacts_are_skipped_by_hand_and_the_batch_completes_without_them(world: World) -> None:
    world.empty_ledger()
    redials = {"max_retries": 1, "cooldown_minutes": 60}
    batch_id = a_batch(
        world, a_campaign(world, retry_policy=redials), [busy_number(), *answered(8)], concurrency_limit=1
    )
    world.wait_for(lambda: has_status(world, batch_id, 1, "retrying"))
    world.wait_for(lambda: has_status(world, batch_id, 2, "completed"))

    for position in (1, 9):
        contact = contact_at(world, batch_id, position)
        done = {"status": "skipped", "skip_reason": "manual", "message": "Contact skipped successfully"}
        ids = {name: contact[name] for name in ("batch_id", "contact_id")}
        assert ask_contact(world, contact, "skip") == (200, {**ids, **done})
        assert ask_contact(world, contact, "skip") == refusal("Contact is skipped and cannot be skipped")
    reached = contact_at(world, batch_id, 2)
    assert ask_contact(world, reached, "skip") == refusal("Contact is completed and cannot be skipped")
    world.wait_for_end(batch_id)

    counters, _ = world.counters(batch_id)
    assert (counters["completed"], counters["skipped"]) == (7, 2)
    assert counters == world.workflow_counters(batch_id)
    calls = [len(each["call_records"]) for each in world.contacts(batch_id)]  # type: ignore[arg-type]
    assert calls == [1, 1, 1, 1, 1, 1, 1, 1, 0]
    assert faults(world.reckoning(batch_id), contacts=9, limit=1) == []


def test_completed_contact_is_called_again_by_request_while_its_batch_goes_on(world: World) -> None:
    world.empty_ledger()
    batch_id = a_batch(world, a_campaign(world), answered(8), concurrency_limit=1)
    world.wait_for(lambda: has_status(world, batch_id, 2, "completed"))
    soon, at_once, pending = (contact_at(world, batch_id, position) for position in (1, 2, 8))
    when = ahead(seconds=1)

    code, body = ask_contact(world, soon, "follow-up", {"at": when})
    assert (code, body["status"], body["message"]) == (
        200,
        "followup_scheduled",
        "Follow-up scheduled successfully",
    )
    assert ask_contact(world, at_once, "follow-up", {"at": "2020-01-01T00:00:00Z"})[0] == 200
    never = {"at": ahead(seconds=1)}
    not_yet = "Contact is pending and cannot be given a follow-up"
    assert ask_contact(world, pending, "follow-up", never) == refusal(not_yet)
    world.wait_for(lambda: contact_at(world, batch_id, 2)["follow_up_count"] == 1)
    world.wait_for(lambda: has_status(world, batch_id, 2, "completed"))
    spent = "Contact has no follow-up left (limit 1)"
    assert ask_contact(world, at_once, "follow-up", never) == refusal(spent)
    world.wait_for_end(batch_id)

    over = "Batch is completed and cannot be given a follow-up"
    assert ask_contact(world, pending, "follow-up", never) == refusal(over)
    kinds = [
        [record["kind"] for record in each["call_records"]]  # type: ignore[attr-defined]
        for each in world.contacts(batch_id)
    ]
    assert kinds == [["initial", "follow_up"], ["initial", "follow_up"], *[["initial"]] * 6]
    assert world.counters(batch_id)[0] == world.workflow_counters(batch_id)
    assert faults(world.reckoning(batch_id), contacts=8, limit=1) == []


def test_batch_whose_workflow_was_terminated_goes_on_after_a_dispatch_and_calls_everybody_once(
    world: World,
) -> None:
    world.empty_ledger()
    batch_id = a_batch(world, a_campaign(world), answered(30), concurrency_limit=5)
    world.wait_for(lambda: world.finished(batch_id) >= 5)

    assert world.temporal("terminate", "-w", f"batch/{batch_id}").returncode == 0
    time.sleep(1)  # those on the phone come to their end meanwhile
    called = len(world.create_requests(batch_id))
    dispatched = world.api.act("batches", batch_id, "dispatch")
    world.wait_for_end(batch_id)

    # Who holds a slot and waits for its dial is dispatched already.
    assert dispatched["dispatched_count"] in range(30 - called - 5, 30 - called + 1)
    assert 0 < called < 30
    reckoning = world.reckoning(batch_id)
    assert faults(reckoning, contacts=30, limit=5) == []
    assert (reckoning.contact_statuses, reckoning.rings) == ({"completed": 30}, 30)
