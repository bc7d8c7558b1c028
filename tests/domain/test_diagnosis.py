"""One code and one next step out of the facts; the first condition that holds wins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.batch import BatchStatus, PausedBy
from domain.contact import ContactStatus
from domain.counters import CounterDifference
from domain.diagnosis.decision import Finding, diagnose, silent_queues
from domain.diagnosis.facts import (
    BatchFacts,
    Diagnosis,
    QueueFacts,
    QueueRole,
    WarningCode,
    Withheld,
    WorkflowFacts,
)
from domain.working_hours import OpenWindow
from tests.builders import BATCH_ID, CAMPAIGN_ID, MONDAY_NOON

NOW = MONDAY_NOON
HOUR = timedelta(hours=1)
CONTROL = QueueFacts(
    name="control", role=QueueRole.WORKFLOW, pollers=1, backlog=0, last_seen=NOW - timedelta(seconds=10)
)
DIAL = replace(CONTROL, name="dial", role=QueueRole.DIAL)
RUNNING = BatchFacts(
    batch_id=BATCH_ID,
    campaign_id=CAMPAIGN_ID,
    status=BatchStatus.IN_PROGRESS,
    queues=(CONTROL, DIAL),
    pending=3,
    waiting=3,
    live=2,
    limit=5,
    oldest_pending_at=NOW - timedelta(minutes=1),
    last_change_at=NOW,
)
CLOSED = OpenWindow(is_open=False, opens_at=NOW + HOUR, closes_at=NOW + 9 * HOUR)
STUCK = replace(RUNNING, live=0, oldest_pending_at=NOW - HOUR, last_change_at=NOW - HOUR)


def silent(queue: QueueFacts) -> QueueFacts:
    return replace(queue, last_seen=NOW - timedelta(seconds=91))


DEAD = (silent(CONTROL), silent(DIAL))
HELD = Withheld(capped=2, capped_until=NOW + HOUR, busy=1)
NOBODY_ANSWERS = replace(RUNNING, ended_calls=20, no_answers=19)

STATES = {
    Diagnosis.COMPLETED: replace(STUCK, status=BatchStatus.COMPLETED, temporal_ok=False),
    Diagnosis.CANCELLED: replace(STUCK, status=BatchStatus.CANCELLED, temporal_ok=False),
    Diagnosis.EXPIRED: replace(STUCK, status=BatchStatus.EXPIRED, temporal_ok=False),
    Diagnosis.TEMPORAL_DOWN: replace(STUCK, temporal_ok=False, workflow=WorkflowFacts(status="unknown")),
    Diagnosis.PAUSED: replace(STUCK, status=BatchStatus.PAUSED, workflow=WorkflowFacts(status="missing")),
    Diagnosis.SCHEDULED: replace(STUCK, status=BatchStatus.PENDING, scheduled_start=NOW + HOUR),
    Diagnosis.WORKFLOW_MISSING: replace(STUCK, workflow=WorkflowFacts(status="terminated"), queues=DEAD),
    Diagnosis.WORKER_DOWN: replace(STUCK, queues=DEAD),
    Diagnosis.WORKFLOW_FAILING: replace(
        STUCK, workflow=WorkflowFacts(status="running", pending_failure="KeyError"), queues=(silent(DIAL),)
    ),
    Diagnosis.DIAL_WORKER_DOWN: replace(STUCK, queues=(CONTROL, silent(DIAL)), live_without_webhook=1),
    Diagnosis.WEBHOOKS_MISSING: replace(
        STUCK, live_without_webhook=2, recent_attempts=20, recent_failures=20
    ),
    Diagnosis.PROVIDER_FAILING: replace(STUCK, recent_attempts=6, recent_failures=3, window=CLOSED),
    Diagnosis.OUTSIDE_WORKING_HOURS: replace(STUCK, window=CLOSED),
    Diagnosis.WAITING_FOR_CAPACITY: replace(STUCK, live=5, ended_calls=20, no_answers=20),
    Diagnosis.STALLED: replace(STUCK, ended_calls=20, no_answers=20),
    Diagnosis.HIGH_NO_ANSWER: replace(RUNNING, ended_calls=20, no_answers=14),
    Diagnosis.HEALTHY: RUNNING,
}


@pytest.mark.parametrize(("diagnosis", "facts"), STATES.items())
def test_first_condition_that_holds_is_the_diagnosis(diagnosis: Diagnosis, facts: BatchFacts) -> None:
    assert diagnose(facts, NOW).diagnosis is diagnosis


def test_every_code_has_a_state_that_leads_to_it() -> None:
    assert set(STATES) == set(Diagnosis)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(STATES[Diagnosis.PAUSED], f"POST /api/v1/batches/{BATCH_ID}/resume", id="paused"),
        pytest.param(
            replace(STATES[Diagnosis.PAUSED], paused_by=PausedBy.CAMPAIGN),
            f"POST /api/v1/campaigns/{CAMPAIGN_ID}/resume",
            id="campaign",
        ),
        pytest.param(STATES[Diagnosis.SCHEDULED], "dispatch?now=true starts it at once", id="scheduled"),
        pytest.param(STATES[Diagnosis.WORKFLOW_MISSING], f"{BATCH_ID}/dispatch restores it", id="missing"),
        pytest.param(STATES[Diagnosis.WORKER_DOWN], "3 contacts have waited since", id="worker"),
        pytest.param(STATES[Diagnosis.WORKFLOW_FAILING], "KeyError", id="failing"),
        pytest.param(STATES[Diagnosis.DIAL_WORKER_DOWN], "--role dial", id="dial worker"),
        pytest.param(STATES[Diagnosis.WEBHOOKS_MISSING], "APOLLO_WEBHOOK_URL", id="webhooks"),
        pytest.param(
            replace(RUNNING, recent_endings=5, polled_endings=5),
            "The last 5 calls ended without a webhook and were settled by asking the provider, late:"
            " check APOLLO_WEBHOOK_URL",
            id="webhooks of endings",
        ),
        pytest.param(
            replace(RUNNING, route_is_open=True, route_reason="provider answered 401"),
            "because the provider keeps failing (provider answered 401)",
            id="why the provider fails",
        ),
        pytest.param(NOBODY_ANSWERS, "call fewer at once", id="nobody answers"),
        pytest.param(STATES[Diagnosis.PROVIDER_FAILING], "3 of the last 6", id="provider"),
        pytest.param(replace(RUNNING, route_is_open=True), "goes on by itself", id="breaker"),
        pytest.param(STATES[Diagnosis.OUTSIDE_WORKING_HOURS], "opens at", id="hours"),
        pytest.param(
            replace(STUCK, window=OpenWindow(is_open=False, opens_at=None, closes_at=None)),
            "never opens again",
            id="hours that never come",
        ),
        pytest.param(replace(STUCK, live=5), "wait, or raise concurrency_limit", id="batch limit"),
        pytest.param(
            replace(STUCK, campaign_limit=7, campaign_live=7),
            "All 7 slots of the campaign are in use: wait, or raise",
            id="campaign limit",
        ),
        pytest.param(replace(STUCK, live=1, limit=1), "The only slot of the batch", id="one slot"),
        pytest.param(STATES[Diagnosis.STALLED], "pending_sample", id="stalled"),
        pytest.param(replace(STUCK, pending=1), "1 contact has waited since", id="one stalled"),
        pytest.param(STATES[Diagnosis.HIGH_NO_ANSWER], "14 of 20", id="no answer"),
    ],
)
def test_tip_names_the_next_step(facts: BatchFacts, words: str) -> None:
    assert words in diagnose(facts, NOW).tip


ON_ITS_OWN = "It goes on by itself."


@pytest.mark.parametrize(
    ("withheld", "tip"),
    [
        pytest.param(
            HELD,
            "Nobody whose window is open can be called now: 2 numbers are capped, the first until"
            f" 2026-09-07 13:00 UTC; 1 number is on another call. {ON_ITS_OWN}",
            id="caps and another call",
        ),
        pytest.param(
            Withheld(capped=1, capped_until=NOW + HOUR, busy=2, suppressed=3),
            "Nobody whose window is open can be called now: 1 number is capped, the first until"
            f" 2026-09-07 13:00 UTC; 2 numbers are on another call; 3 numbers are suppressed. {ON_ITS_OWN}",
            id="everything at once",
        ),
        pytest.param(
            Withheld(suppressed=3),
            "Only suppressed numbers are pending (3): they are skipped in their turn, at the latest after"
            f" POST /api/v1/batches/{BATCH_ID}/dispatch.",
            id="suppressed",
        ),
        pytest.param(Withheld(), "Calls are going out as they should.", id="not learnt in time"),
    ],
)
def test_batch_all_of_whose_numbers_are_withheld_is_told_what_it_waits_for_and_never_stuck(
    withheld: Withheld, tip: str
) -> None:
    finding = diagnose(replace(STUCK, withheld=withheld), NOW)
    assert finding == Finding(Diagnosis.HEALTHY, tip, stuck_pending=False, warnings=())


def test_withheld_numbers_are_told_beside_calls_that_go_out_and_calls_nobody_answers() -> None:
    told = "Nobody whose window is open can be called now: "
    going_out = diagnose(replace(RUNNING, withheld=HELD), NOW)
    unanswered = diagnose(replace(STATES[Diagnosis.HIGH_NO_ANSWER], withheld=HELD), NOW)
    assert going_out.tip.startswith(f"Calls are going out as they should. {told}")
    assert (unanswered.diagnosis, unanswered.stuck_pending) == (Diagnosis.HIGH_NO_ANSWER, False)
    assert (
        "14 of 20 calls were not answered: look at hours, prefixes and concurrency,"
        f" and call fewer at once. {told}" in unanswered.tip
    )


@pytest.mark.parametrize(
    ("facts", "is_stuck"),
    [
        pytest.param(STUCK, True, id="nothing explains the wait"),
        pytest.param(replace(STUCK, queues=DEAD), True, id="worker down"),
        pytest.param(replace(STUCK, queues=DEAD, live=5), True, id="slots nobody will free"),
        pytest.param(
            replace(STUCK, queues=DEAD, campaign_limit=2, campaign_live=2), True, id="nor in the campaign"
        ),
        pytest.param(replace(STUCK, queues=DEAD, window=CLOSED), True, id="window nobody will see open"),
        pytest.param(replace(STUCK, queues=DEAD, withheld=HELD), True, id="caps nobody will see let go"),
        pytest.param(
            replace(STUCK, queues=(CONTROL, silent(DIAL)), live=5), True, id="slots and no dial worker"
        ),
        pytest.param(
            replace(STUCK, queues=DEAD, live=5, last_change_at=NOW - timedelta(minutes=29)),
            False,
            id="worker down, something moved",
        ),
        pytest.param(
            replace(STUCK, queues=DEAD, live=5, status=BatchStatus.PAUSED), False, id="worker down, paused"
        ),
        pytest.param(replace(STUCK, pending=0), False, id="nobody is pending"),
        pytest.param(
            replace(STUCK, oldest_pending_at=NOW - timedelta(minutes=30)), False, id="exactly thirty minutes"
        ),
        pytest.param(replace(STUCK, last_change_at=NOW - timedelta(minutes=29)), False, id="something moved"),
        pytest.param(replace(STUCK, status=BatchStatus.PAUSED), False, id="paused"),
        pytest.param(replace(STUCK, status=BatchStatus.PENDING), False, id="scheduled"),
        pytest.param(replace(STUCK, status=BatchStatus.CANCELLED), False, id="terminal"),
        pytest.param(replace(STUCK, window=CLOSED), False, id="window closed"),
        pytest.param(replace(STUCK, live=5), False, id="batch limit in use"),
        pytest.param(replace(STUCK, campaign_limit=2, campaign_live=2), False, id="campaign limit in use"),
        pytest.param(replace(STUCK, withheld=HELD), False, id="everybody withheld"),
    ],
)
def test_only_an_unexplained_wait_counts_as_stuck(facts: BatchFacts, is_stuck: bool) -> None:
    assert diagnose(facts, NOW).stuck_pending is is_stuck


@pytest.mark.parametrize(
    ("changes", "diagnosis"),
    [
        pytest.param({"recent_attempts": 4, "recent_failures": 4}, Diagnosis.HEALTHY, id="too few attempts"),
        pytest.param({"recent_attempts": 20, "recent_failures": 9}, Diagnosis.HEALTHY, id="less than half"),
        pytest.param({"recent_attempts": 5, "recent_failures": 3}, Diagnosis.PROVIDER_FAILING, id="five"),
        pytest.param({"ended_calls": 19, "no_answers": 19}, Diagnosis.HEALTHY, id="too few calls"),
        pytest.param({"ended_calls": 20, "no_answers": 13}, Diagnosis.HEALTHY, id="below seventy percent"),
        pytest.param(
            {"live_without_webhook": 1, "last_webhook_at": NOW - timedelta(seconds=120)},
            Diagnosis.HEALTHY,
            id="the batch was heard of two minutes ago",
        ),
        pytest.param(
            {"live_without_webhook": 1, "last_webhook_at": NOW - timedelta(seconds=121)},
            Diagnosis.WEBHOOKS_MISSING,
            id="and nothing since",
        ),
        pytest.param(
            {"recent_endings": 1, "polled_endings": 1},
            Diagnosis.WEBHOOKS_MISSING,
            id="the only call was settled by asking and nothing was ever heard",
        ),
        pytest.param(
            {"recent_endings": 5, "polled_endings": 5, "last_webhook_at": NOW - timedelta(seconds=40)},
            Diagnosis.WEBHOOKS_MISSING,
            id="five in a row were settled by asking",
        ),
        pytest.param(
            {"recent_endings": 4, "polled_endings": 4, "last_webhook_at": NOW - timedelta(seconds=40)},
            Diagnosis.HEALTHY,
            id="four in a row of a batch that was heard of",
        ),
        pytest.param(
            {"recent_endings": 5, "polled_endings": 4, "last_webhook_at": NOW - HOUR},
            Diagnosis.HEALTHY,
            id="one of the last five was told by webhook",
        ),
        pytest.param({"recent_endings": 0, "polled_endings": 0}, Diagnosis.HEALTHY, id="no call has ended"),
    ],
)
def test_thresholds_are_those_of_the_contract(changes: dict[str, object], diagnosis: Diagnosis) -> None:
    assert diagnose(replace(RUNNING, **changes), NOW).diagnosis is diagnosis  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    "full",
    [
        pytest.param({"live": 5}, id="slots of the batch"),
        pytest.param({"campaign_limit": 7, "campaign_live": 7}, id="slots of the campaign"),
    ],
)
def test_full_batch_that_nobody_answers_is_told_to_call_fewer_at_once_and_not_to_raise_its_limit(
    full: dict[str, int],
) -> None:
    finding = diagnose(replace(NOBODY_ANSWERS, **full), NOW)  # type: ignore[arg-type]  # by name

    assert finding.diagnosis is Diagnosis.WAITING_FOR_CAPACITY
    assert "raise" not in finding.tip
    assert "call fewer at once" in finding.tip
    [warning] = finding.warnings
    assert warning.code is Diagnosis.HIGH_NO_ANSWER
    assert "call fewer at once" in warning.tip


def test_batch_that_nobody_answers_with_a_slot_left_is_told_so_first() -> None:
    assert diagnose(replace(NOBODY_ANSWERS, live=9, limit=10), NOW).diagnosis is Diagnosis.HIGH_NO_ANSWER


EVERYTHING = replace(
    STUCK,
    live=5,
    queues=DEAD,
    workflow=WorkflowFacts(status="terminated", pending_failure="KeyError"),
    live_without_webhook=1,
    recent_attempts=5,
    recent_failures=5,
    ended_calls=20,
    no_answers=20,
    counter_differences=(CounterDifference(ContactStatus.SKIPPED, in_workflow=2, in_rows=1),),
    zones_apart=("Europe/Berlin", "Pacific/Auckland"),
)
BESIDE = (
    Diagnosis.WORKER_DOWN,
    Diagnosis.WORKFLOW_FAILING,
    Diagnosis.DIAL_WORKER_DOWN,
    Diagnosis.WEBHOOKS_MISSING,
    Diagnosis.PROVIDER_FAILING,
    Diagnosis.WAITING_FOR_CAPACITY,
    Diagnosis.HIGH_NO_ANSWER,
    WarningCode.COUNTERS_DIFFER,
    WarningCode.NO_COMMON_WINDOW,
)


@pytest.mark.parametrize(
    ("facts", "diagnosis", "codes"),
    [
        pytest.param(RUNNING, Diagnosis.HEALTHY, (), id="healthy"),
        pytest.param(STUCK, Diagnosis.STALLED, (), id="stalled"),
        pytest.param(EVERYTHING, Diagnosis.WORKFLOW_MISSING, BESIDE, id="everything"),
        pytest.param(
            replace(STUCK, status=BatchStatus.PAUSED, window=CLOSED, queues=DEAD),
            Diagnosis.PAUSED,
            (Diagnosis.WORKER_DOWN, Diagnosis.DIAL_WORKER_DOWN, Diagnosis.OUTSIDE_WORKING_HOURS),
            id="paused at night without a worker",
        ),
        pytest.param(
            replace(STUCK, status=BatchStatus.PAUSED, workflow=WorkflowFacts(status="missing")),
            Diagnosis.PAUSED,
            (Diagnosis.WORKFLOW_MISSING,),
            id="paused without a workflow",
        ),
        pytest.param(
            replace(
                RUNNING,
                status=BatchStatus.COMPLETED,
                pending=0,
                live=0,
                workflow=WorkflowFacts(status="completed"),
                temporal_ok=False,
                ended_calls=20,
                no_answers=20,
            ),
            Diagnosis.COMPLETED,
            (Diagnosis.TEMPORAL_DOWN, Diagnosis.HIGH_NO_ANSWER),
            id="over",
        ),
        pytest.param(
            replace(RUNNING, counter_differences=EVERYTHING.counter_differences),
            Diagnosis.HEALTHY,
            (WarningCode.COUNTERS_DIFFER,),
            id="counters alone",
        ),
        pytest.param(
            replace(RUNNING, zones_apart=EVERYTHING.zones_apart),
            Diagnosis.HEALTHY,
            (WarningCode.NO_COMMON_WINDOW,),
            id="zones apart",
        ),
        pytest.param(
            replace(RUNNING, status=BatchStatus.CANCELLED, zones_apart=EVERYTHING.zones_apart),
            Diagnosis.CANCELLED,
            (),
            id="zones apart when it is over",
        ),
    ],
)
def test_warnings_are_every_other_code_that_holds(
    facts: BatchFacts, diagnosis: Diagnosis, codes: tuple[Diagnosis | WarningCode, ...]
) -> None:
    finding = diagnose(facts, NOW)

    assert finding.diagnosis is diagnosis
    assert tuple(each.code for each in finding.warnings) == codes
    assert all(each.tip for each in finding.warnings)


@pytest.mark.parametrize("facts", STATES.values(), ids=STATES)
def test_warnings_never_repeat_the_diagnosis_and_never_reassure(facts: BatchFacts) -> None:
    finding = diagnose(facts, NOW)

    assert not {finding.diagnosis, Diagnosis.HEALTHY} & {each.code for each in finding.warnings}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(BatchStatus.IN_PROGRESS, f"POST /api/v1/batches/{BATCH_ID}/dispatch", id="running"),
        pytest.param(
            BatchStatus.PAUSED, f"resume it, then POST /api/v1/batches/{BATCH_ID}/dispatch", id="paused"
        ),
        pytest.param(
            BatchStatus.PENDING, f"at its start, POST /api/v1/batches/{BATCH_ID}/dispatch", id="scheduled"
        ),
    ],
)
def test_counters_that_differ_are_told_with_what_repairs_them_where_it_is_accepted(
    status: BatchStatus, words: str
) -> None:
    [warning] = diagnose(
        replace(RUNNING, counter_differences=EVERYTHING.counter_differences, status=status), NOW
    ).warnings

    assert warning.tip == (
        "The workflow counts otherwise than the rows (skipped 2, in the rows 1):"
        f" {words} has it read the rows again."
    )


def test_queue_that_was_polled_within_ninety_seconds_is_served() -> None:
    barely = replace(CONTROL, last_seen=NOW - timedelta(seconds=90))
    unseen = replace(CONTROL, name="store", last_seen=None)
    facts = replace(RUNNING, queues=(barely, unseen, silent(DIAL)))
    assert silent_queues(facts, QueueRole.WORKFLOW, NOW) == ["store"]
    assert silent_queues(facts, QueueRole.DIAL, NOW) == ["dial"]
