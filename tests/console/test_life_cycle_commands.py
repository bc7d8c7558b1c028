"""Commands that move campaigns, batches and contacts along: one request each, the status on stdout."""

import httpx
import pytest

from tests.console.stand_in_api import StandInApi, a_problem, ok
from tests.console.terminal import apollo


@pytest.mark.parametrize(
    ("arguments", "target", "status", "message"),
    [
        pytest.param(
            ("campaigns", "pause", "cmp_1"),
            "/campaigns/cmp_1/pause",
            "paused",
            "Campaign paused",
            id="campaign",
        ),
        pytest.param(
            ("campaigns", "resume", "cmp_1"),
            "/campaigns/cmp_1/resume",
            "active",
            "Campaign resumed",
            id="resume campaign",
        ),
        pytest.param(
            ("campaigns", "resume", "cmp_1", "--all"),
            "/campaigns/cmp_1/resume?all=true",
            "active",
            "Campaign resumed",
            id="resume all of a campaign",
        ),
        pytest.param(
            ("campaigns", "cancel", "cmp_1"),
            "/campaigns/cmp_1/cancel",
            "cancelled",
            "Campaign cancelled",
            id="cancel campaign",
        ),
        pytest.param(
            ("batches", "pause", "btc_1"), "/batches/btc_1/pause", "paused", "Batch paused", id="pause batch"
        ),
        pytest.param(
            ("batches", "resume", "btc_1"),
            "/batches/btc_1/resume",
            "pending",
            "Batch resumed",
            id="resume batch",
        ),
        pytest.param(
            ("batches", "cancel", "btc_1"),
            "/batches/btc_1/cancel",
            "cancelled",
            "Batch cancelled",
            id="cancel batch",
        ),
        pytest.param(
            ("batches", "close", "btc_1"),
            "/batches/btc_1/close",
            "in_progress",
            "Batch closed",
            id="close batch",
        ),
        pytest.param(
            ("batches", "skip", "btc_1", "con_1"),
            "/batches/btc_1/contacts/con_1/skip",
            "skipped",
            "Contact skipped",
            id="skip contact",
        ),
    ],
)
def test_action_is_one_post_and_prints_the_status(
    arguments: tuple[str, ...], target: str, status: str, message: str
) -> None:
    api = StandInApi(ok({"status": status, "message": f"{message} successfully"}))

    result = apollo(api, *arguments)

    (request,) = api.requests
    assert (request.method, request.url, request.content) == (
        "POST",
        httpx.URL(f"http://api.example/api/v1{target}"),
        b"",
    )
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        f"{status}\n",
        f"{message} successfully.\n",
    )


@pytest.mark.parametrize(("options", "query"), [((), ""), (("--now",), "now=true")])
def test_dispatch_tells_how_many_contacts_are_pending(options: tuple[str, ...], query: str) -> None:
    answer = {"status": "in_progress", "dispatched_count": 12, "message": "Batch dispatch re-triggered"}
    api = StandInApi(ok(answer))

    result = apollo(api, "batches", "dispatch", "btc_1", *options)

    (request,) = api.requests
    assert (request.url.path, request.url.query.decode()) == ("/api/v1/batches/btc_1/dispatch", query)
    assert (result.exit_code, result.stdout) == (0, "in_progress\n")
    assert result.stderr == "Batch dispatch re-triggered: 12 pending contacts.\n"


EVERY_ACTION = [
    *(("campaigns", action, "cmp_1") for action in ("pause", "resume", "cancel", "show")),
    *(
        ("batches", action, "btc_1")
        for action in ("pause", "resume", "cancel", "dispatch", "show", "contacts")
    ),
    ("batches", "skip", "btc_1", "con_1"),
]


@pytest.mark.parametrize("arguments", EVERY_ACTION, ids=" ".join)
def test_refusal_is_exit_code_1_and_one_line(arguments: tuple[str, ...]) -> None:
    api = StandInApi(a_problem(409, "Batch is completed and cannot be paused"))

    result = apollo(api, *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "apollo: Batch is completed and cannot be paused\n"


@pytest.mark.parametrize("arguments", EVERY_ACTION, ids=" ".join)
def test_unreachable_engine_is_exit_code_3_and_one_line(arguments: tuple[str, ...]) -> None:
    result = apollo(StandInApi(a_problem(503, "Temporal is unreachable")), *arguments)

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "apollo: http://api.example cannot work now: Temporal is unreachable\n"


@pytest.mark.parametrize("arguments", EVERY_ACTION, ids=" ".join)
def test_command_without_its_id_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    api = StandInApi(ok({}))

    result = apollo(api, *arguments[:-1])

    assert (result.exit_code, api.requests) == (2, [])


def test_typed_ids_stay_within_their_places_in_the_path() -> None:
    api = StandInApi(a_problem(404, "Batch not found"))

    apollo(api, "batches", "skip", "../x", "con?y=1")

    assert api.requests[0].url.raw_path == b"/api/v1/batches/..%2Fx/contacts/con%3Fy%3D1/skip"
