"""Why a batch is not dialling, on a screen and in a pipe."""

import io

import httpx
import pytest
from rich.console import Console

from console import batch_debugging
from tests.console.stand_in_api import StandInApi, a_problem, ok
from tests.console.terminal import apollo

TIP = "No worker is running: 18 contacts have waited. Start the worker, then dispatch btc_1."
TOLD = {
    "batch_id": "btc_1",
    "status": "in_progress",
    "status_breakdown": {
        "pending": {"count": 18, "oldest_updated_at": "2026-09-04T14:00:00Z"},
        "dispatched": {"count": 0, "oldest_updated_at": None},
        "completed": {"count": 6, "oldest_updated_at": "2026-09-04T14:02:10Z"},
    },
    "pending_sample": ["con_1", "con_2"],
    "diagnostics": {"stuck_pending": True, "tip": TIP},
    "diagnosis": "worker_down",
    "warnings": [
        {"code": "provider_failing", "tip": "Check the provider."},
        {
            "code": "counters_differ",
            "tip": "They differ: POST /api/v1/batches/btc_1/dispatch has it read again.",
        },
    ],
    "counters_agree": False,
    "worker": {
        "state": "down",
        "task_queues": [
            {
                "name": "apollo-dial",
                "role": "dial",
                "pollers": 0,
                "backlog": 3,
                "last_seen": "2026-09-04T14:04:50Z",
            }
        ],
    },
    "workflow": {"id": "batch/btc_1", "status": "running", "pending_failure": None},
    "capacity": {"limit": 5, "in_use": 0},
    "window": {"open": True, "closes_at": None},
    "webhooks": {"dispatched_without_webhook": 0},
    "provider_circuits": [
        {"provider": "jambonz", "state": "open", "errors": 1, "reason": "provider answered 401"}
    ],
    "outcomes": {"answer_rate": 1.0, "no_answer_by_hour": {"09": 2}},
    "dispatcher": None,
}


def test_pipe_gets_the_diagnosis_first_and_then_a_line_for_every_fact() -> None:
    api = StandInApi(ok(TOLD))

    result = apollo(api, "batches", "debug", "btc_1")

    (request,) = api.requests
    assert (request.method, request.url) == (
        "GET",
        httpx.URL("http://api.example/api/v1/batches/btc_1/debug"),
    )
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"diagnosis\tworker_down\t{TIP}",
            "warning\tprovider_failing\tCheck the provider.",
            "warning\tcounters_differ\tThey differ: apollo batches dispatch btc_1 has it read again.",
            "pending\t18\t2026-09-04T14:00:00Z",
            "completed\t6\t2026-09-04T14:02:10Z",
            "apollo-dial\tdial\t0\t3\t2026-09-04T14:04:50Z",
            "worker\tdown",
            "stuck_pending\ttrue",
            'pending_sample\t["con_1","con_2"]',
            "counters_agree\tfalse",
            "provider_circuits.jambonz.state\topen",
            "provider_circuits.jambonz.reason\tprovider answered 401",
            "workflow.id\tbatch/btc_1",
            "workflow.status\trunning",
            "workflow.pending_failure\t",
            "capacity.limit\t5",
            "capacity.in_use\t0",
            "window.open\ttrue",
            "window.closes_at\t",
            "webhooks.dispatched_without_webhook\t0",
            "outcomes.answer_rate\t1.0",
            'outcomes.no_answer_by_hour\t{"09":2}',
        ],
    )


def test_screen_shows_diagnosis_tip_and_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(batch_debugging, "Console", lambda: terminal)

    apollo(StandInApi(ok(TOLD)), "batches", "debug", "btc_1")

    lines = screen.getvalue().splitlines()
    assert lines[0] == "worker_down (batch is in_progress)"
    assert " ".join(lines[1:3]).startswith(TIP[:60])
    told = " ".join(screen.getvalue().split())
    assert "also provider_failing: Check the provider." in told
    assert "also counters_differ: They differ: apollo batches dispatch btc_1 has it" in told
    for cell in ("oldest change", "2026-09-04T14:02:10Z", "last poll", "apollo-dial", "capacity.limit"):
        assert any(cell in line for line in lines)


@pytest.mark.parametrize(
    ("tip", "typed"),
    [
        pytest.param(
            "Start the worker, then POST /api/v1/batches/btc_1/dispatch.",
            "Start the worker, then apollo batches dispatch btc_1.",
            id="dispatch",
        ),
        pytest.param(
            "Starts soon; POST /api/v1/batches/btc_1/dispatch?now=true starts it at once.",
            "Starts soon; apollo batches dispatch btc_1 --now starts it at once.",
            id="start",
        ),
        pytest.param(
            "The campaign is paused: resume the campaign with POST /api/v1/campaigns/cmp_1/resume.",
            "The campaign is paused: resume the campaign with apollo campaigns resume cmp_1.",
            id="resume",
        ),
        pytest.param("Check the provider.", "Check the provider.", id="nothing to type"),
    ],
)
def test_tip_names_the_command_to_type_instead_of_the_request(tip: str, typed: str) -> None:
    told = {**TOLD, "diagnostics": {"stuck_pending": False, "tip": tip}}

    result = apollo(StandInApi(ok(told)), "batches", "debug", "btc_1")

    assert result.stdout.splitlines()[0] == f"diagnosis\tworker_down\t{typed}"


def test_answer_of_an_api_that_knows_no_warnings_is_shown_without_them() -> None:
    new = ("warnings", "counters_agree", "provider_circuits")
    told = {name: value for name, value in TOLD.items() if name not in new}

    result = apollo(StandInApi(ok(told)), "batches", "debug", "btc_1")

    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[1]) == (0, "pending\t18\t2026-09-04T14:00:00Z")
    assert "counters_agree\t" in lines


def test_unknown_batch_is_exit_code_1_and_one_line() -> None:
    result = apollo(StandInApi(a_problem(404, "Batch not found")), "batches", "debug", "btc_none")

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "apollo: Batch not found\n")
