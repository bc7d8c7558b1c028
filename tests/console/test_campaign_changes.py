"""Commands that change, delete and count campaigns: one request each."""

import json
from pathlib import Path

import httpx
import pytest

from tests.console.stand_in_api import StandInApi, a_problem, ok
from tests.console.terminal import apollo

CAMPAIGN = {"campaign_id": "cmp_1", "name": "October", "blackout_dates": []}


@pytest.mark.parametrize(
    ("options", "body"),
    [
        pytest.param(("--name", "October"), {"name": "October"}, id="name"),
        pytest.param(
            ("--phone", "+14155550180", "--phone", "+14155550181"),
            {"phone_numbers": ["+14155550180", "+14155550181"]},
            id="numbers",
        ),
        pytest.param(
            ("--agent", "a", "--timezone", "UTC", "--max-follow-ups", "0"),
            {"agent_id": "a", "timezone": "UTC", "max_follow_ups": 0},
            id="several",
        ),
        pytest.param(
            ("--calls-per-second", "2.5", "--no-sticky-caller-id"),
            {"calls_per_second": 2.5, "sticky_caller_id": False},
            id="pace and caller ID",
        ),
        pytest.param(
            ("--timezone", "from_number", "--fallback-timezone", "Asia/Tokyo"),
            {"timezone": "from_number", "fallback_timezone": "Asia/Tokyo"},
            id="zones of numbers",
        ),
        pytest.param(("--holidays", "DE-BY"), {"holidays": "DE-BY"}, id="holidays"),
        pytest.param(
            ("--reset", "metadata", "--reset", "working_hours"),
            {"metadata": None, "working_hours": None},
            id="back to defaults",
        ),
    ],
)
def test_update_sends_what_was_given_and_shows_the_campaign(
    options: tuple[str, ...], body: dict[str, object]
) -> None:
    api = StandInApi(ok(CAMPAIGN))

    result = apollo(api, "campaigns", "update", "cmp_1", *options)

    (request,) = api.requests
    assert (request.method, request.url.path) == ("PATCH", "/api/v1/campaigns/cmp_1")
    assert json.loads(request.content) == body
    assert (result.exit_code, result.stdout) == (
        0,
        "campaign_id\tcmp_1\nname\tOctober\nblackout_dates\t[]\n",
    )


def test_update_takes_the_change_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "change.json"
    file.write_text('{"retry_policy": {"max_retries": 1}}')
    api = StandInApi(ok(CAMPAIGN))

    apollo(api, "campaigns", "update", "cmp_1", "--file", str(file))

    assert json.loads(api.requests[0].content) == {"retry_policy": {"max_retries": 1}}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param((), "A change needs an option, or --file", id="nothing"),
        pytest.param(
            ("--name", "x", "--file", "x.json"),
            "Give either --file or the options of a change, not both",
            id="both",
        ),
        pytest.param(
            ("--name", "x", "--reset", "name"), "Give name a value or reset it, not both", id="contradiction"
        ),
    ],
)
def test_update_without_a_clear_change_asks_the_api_nothing(options: tuple[str, ...], said: str) -> None:
    api = StandInApi(ok(CAMPAIGN))

    result = apollo(api, "campaigns", "update", "cmp_1", *options)

    assert (result.exit_code, result.stderr, api.requests) == (2, f"apollo: {said}\n", [])


def test_delete_is_one_request_and_says_so() -> None:
    api = StandInApi(httpx.Response(204))

    result = apollo(api, "campaigns", "delete", "cmp_1")

    (request,) = api.requests
    assert (request.method, request.url.path) == ("DELETE", "/api/v1/campaigns/cmp_1")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "deleted\n", "Campaign deleted.\n")


def test_stats_are_one_line_per_number() -> None:
    api = StandInApi(
        ok(
            {
                "campaign_id": "cmp_1",
                "contact_counts": {"pending": 12, "completed": 14},
                "retry_breakdown": {"retry_1": 3},
                "total_call_attempts": 40,
            }
        )
    )

    result = apollo(api, "campaigns", "stats", "cmp_1")

    assert api.requests[0].url.path == "/api/v1/campaigns/cmp_1/stats"
    assert result.stdout.splitlines() == [
        "contact_counts\tpending\t12",
        "contact_counts\tcompleted\t14",
        "retry_breakdown\tretry_1\t3",
        "total_call_attempts\t\t40",
    ]


@pytest.mark.parametrize("command", [("update", "--name", "x"), ("delete",), ("stats",)], ids=" ".join)
def test_refusal_is_exit_code_1_and_one_line(command: tuple[str, ...]) -> None:
    verb, *options = command
    api = StandInApi(a_problem(409, "Campaign has 2 unfinished batches and cannot be deleted"))

    result = apollo(api, "campaigns", verb, "cmp_1", *options)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "apollo: Campaign has 2 unfinished batches and cannot be deleted\n"


def test_clone_sends_the_name_and_prints_the_id_of_the_copy() -> None:
    api = StandInApi(ok({**CAMPAIGN, "campaign_id": "cmp_2"}, 201))

    result = apollo(api, "campaigns", "clone", "cmp_1", "--name", "November")

    (request,) = api.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/campaigns/cmp_1/clone")
    assert json.loads(request.content) == {"name": "November"}
    assert (result.exit_code, result.stdout) == (0, "cmp_2\n")
