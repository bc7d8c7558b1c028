"""What is typed becomes requests; what comes back becomes output and an exit code."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli import app
from tests.console.stand_in_api import TOKEN, Answer, StandInApi, a_batch, a_problem, form_of, ok
from tests.console.terminal import apollo

CAMPAIGN = {"campaign_id": "cmp_1", "name": "First", "status": "draft", "created_at": "2026-09-01T14:00:00Z"}
CREATED = a_batch() | {"import_report": {"received": 3, "accepted": 2, "invalid": 0, "duplicates": 1}}
PEOPLE = "phone_number,callee_name\n+14155550104,Ines Moreau\n"
NEEDED = ("--name", "First", "--agent", "agent_1", "--phone", "+14155550180")


def a_people_file(tmp_path: Path) -> str:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return str(path)


def sent(api: StandInApi) -> object:
    return json.loads(api.requests[0].content)


@pytest.mark.process
def test_command_line_loads_neither_database_nor_engine_before_a_command_needs_them() -> None:
    """Together they take longer to load than most commands to run."""
    loads = "import sys, cli; print({each.partition('.')[0] for each in sys.modules} & set(sys.argv))"
    heavy = ("alembic", "fastapi", "psycopg", "sqlalchemy", "temporalio")
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", loads, *heavy], capture_output=True, check=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_campaign_is_created_from_options_and_its_id_printed() -> None:
    api = StandInApi(ok(CAMPAIGN, 201))

    result = apollo(
        api,
        *("campaigns", "create", *NEEDED, "--phone", "+14155550181"),
        *("--concurrency", "20", "--max-retries", "2", "--cooldown-minutes", "0.05", "--timezone", "UTC"),
        *("--calls-per-second", "0.5", "--sticky-caller-id", "--holidays", "US-CA"),
        *("--fallback-timezone", "Asia/Tokyo"),
    )

    assert (result.exit_code, result.stdout) == (0, "cmp_1\n")
    assert sent(api) == {
        "name": "First",
        "agent_id": "agent_1",
        "phone_numbers": ["+14155550180", "+14155550181"],
        "calls_per_second": 0.5,
        "sticky_caller_id": True,
        "timezone": "UTC",
        "fallback_timezone": "Asia/Tokyo",
        "holidays": "US-CA",
        "metadata": {"concurrency_limit": 20},
        "retry_policy": {"max_retries": 2, "cooldown_minutes": 0.05},
    }


def test_options_that_were_not_given_are_left_to_the_api() -> None:
    api = StandInApi(ok(CAMPAIGN, 201))
    apollo(api, "campaigns", "create", *NEEDED)

    assert sent(api) == {"name": "First", "agent_id": "agent_1", "phone_numbers": ["+14155550180"]}


def test_campaign_is_created_from_a_file(tmp_path: Path) -> None:
    api, file = StandInApi(ok(CAMPAIGN, 201)), tmp_path / "campaign.json"
    file.write_text(json.dumps({"name": "From a file", "blackout_dates": ["2026-11-26"]}))

    result = apollo(api, "campaigns", "create", "--file", str(file))

    assert result.exit_code == 0
    assert sent(api) == {"name": "From a file", "blackout_dates": ["2026-11-26"]}


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        pytest.param("{", "not a JSON file", id="not JSON"),
        pytest.param("[]", "not a JSON object", id="not an object"),
        pytest.param(None, "No such file or directory", id="missing"),
    ],
)
def test_campaign_file_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, content: str | None, refusal: str
) -> None:
    file = tmp_path / "campaign.json"
    if content is not None:
        file.write_text(content)

    result = apollo(StandInApi(ok({})), "campaigns", "create", "--file", str(file))

    assert (result.exit_code, refusal in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        pytest.param(NEEDED[:2], "A campaign needs --agent, --phone (or --file)", id="missing options"),
        pytest.param((*NEEDED, "--file", "x.json"), "Give either --file or the options", id="both"),
        pytest.param((*NEEDED, "--concurrency", "many"), "--concurrency", id="not a number"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_nothing_is_sent(arguments: tuple[str, ...], refusal: str) -> None:
    api = StandInApi(ok({}))
    result = apollo(api, "campaigns", "create", *arguments)

    assert (result.exit_code, api.requests) == (2, [])
    assert refusal in result.stderr


def test_campaigns_are_listed_a_line_each_in_a_pipe() -> None:
    result = apollo(StandInApi(ok([CAMPAIGN, CAMPAIGN | {"campaign_id": "cmp_2"}])), "campaigns", "list")

    assert result.stdout.splitlines() == [
        "cmp_1\tFirst\tdraft\t2026-09-01T14:00:00Z\t",
        "cmp_2\tFirst\tdraft\t2026-09-01T14:00:00Z\t",
    ]


def test_batch_is_uploaded_from_a_file_with_its_options(tmp_path: Path) -> None:
    api = StandInApi(ok(CREATED, 201))

    result = apollo(
        api,
        *("batches", "create", a_people_file(tmp_path), "--campaign", "cmp_1", "--name", "north side"),
        *("--concurrency", "5", "--max-retries", "1", "--timezone", "America/Denver", "--skip-invalid"),
        *("--scheduled-start", "2026-09-07T08:00:00", "--scheduled-end", "2026-09-08T00:00:00Z"),
    )

    assert (result.exit_code, result.stdout) == (0, "btc_1\n")
    assert (
        result.stderr == "Batch created, in_progress: 2 of 3 contacts accepted (0 invalid, 1 duplicates).\n"
    )
    assert api.requests[0].url.path == "/api/v1/batches/upload"
    assert form_of(api.requests[0]) == {
        "campaign_id": "cmp_1",
        "name": "north side",
        "concurrency_limit": "5",
        "max_retries_override": "1",
        "timezone": "America/Denver",
        "scheduled_start": "2026-09-07T08:00:00",
        "scheduled_end": "2026-09-08T00:00:00Z",
        "on_invalid": "skip",
        "file": PEOPLE,
    }


def test_uploaded_batch_is_watched_to_its_end_when_asked(tmp_path: Path) -> None:
    api = StandInApi(ok(CREATED, 201), ok(a_batch(completed=4)), ok(a_batch("completed", completed=10)))
    result = apollo(api, "batches", "create", a_people_file(tmp_path), "--campaign", "cmp_1", "--watch")

    assert result.exit_code == 0
    assert [line.split(" (")[0] for line in result.stdout.splitlines()] == [
        "btc_1",
        "in_progress 4/10",
        "completed 10/10",
    ]


def test_file_that_cannot_be_read_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    api, path = StandInApi(ok({})), tmp_path / "people.csv"

    result = apollo(api, "batches", "create", str(path), "--campaign", "cmp_1")

    assert (result.exit_code, api.requests) == (2, [])
    assert result.stderr == f"apollo: {path}: No such file or directory\n"


def test_wrong_row_of_a_file_is_refused_with_its_number(tmp_path: Path) -> None:
    errors = [{"loc": ["file", 3, "phone_number"], "msg": "Not a possible phone number"}]
    api = StandInApi(a_problem(422, "Validation failed", errors=errors, error_count=1))

    result = apollo(api, "batches", "create", a_people_file(tmp_path), "--campaign", "cmp_1")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "apollo: Validation failed: file.3.phone_number: Not a possible phone number\n"


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        pytest.param([ok(a_batch("completed", completed=10))], 0, id="completed"),
        pytest.param([ok(a_batch("cancelled", skipped=10))], 1, id="cancelled"),
        pytest.param([ok(a_batch("expired", skipped=10))], 1, id="expired"),
        pytest.param([a_problem(404, "Batch not found")], 1, id="unknown"),
        pytest.param([a_problem(401, "Invalid or missing token")], 1, id="wrong token"),
        pytest.param([httpx.ConnectError], 3, id="API lost"),
        pytest.param([ok(a_batch()), a_problem(503, "Database is unreachable")], 3, id="API lost on the way"),
        pytest.param(
            [httpx.ConnectError, ok(a_batch("completed", completed=10))], 0, id="API away for a moment"
        ),
    ],
)
def test_watch_tells_the_end_of_the_batch_by_its_exit_code(answers: list[Answer], code: int) -> None:
    result = apollo(StandInApi(*answers), "batches", "watch", "btc_1")

    assert result.exit_code == code


def test_refusal_is_one_line_on_stderr_without_a_stack_trace() -> None:
    problem = a_problem(
        422, "Validation failed", errors=[{"loc": ["body", "name"], "msg": "Is blank"}], error_count=1
    )
    result = apollo(StandInApi(problem), "campaigns", "create", *NEEDED)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "apollo: Validation failed: body.name: Is blank\n"


def test_api_that_is_not_there_is_exit_code_3() -> None:
    result = apollo(StandInApi(httpx.ConnectError), "campaigns", "list")

    assert (result.exit_code, result.stderr) == (
        3,
        "apollo: No answer from http://api.example (ConnectError)\n",
    )


def test_typed_address_and_token_win_over_those_of_the_machine() -> None:
    api = StandInApi(ok([]))
    apollo(api, "campaigns", "list", "--api-url", "http://other.example:9000/", "--token", "gat_other")

    (request,) = api.requests
    assert request.url.copy_with(query=None) == "http://other.example:9000/api/v1/campaigns/"
    assert request.headers["Authorization"] == "Bearer gat_other"


def test_address_and_token_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOLLO_API_URL", "http://set.example")
    monkeypatch.setenv("APOLLO_API_TOKEN", "gat_set")
    api = StandInApi(ok([]))
    apollo(api, "campaigns", "list", stack_token=None)

    (request,) = api.requests
    assert (request.url.host, request.headers["Authorization"]) == ("set.example", "Bearer gat_set")


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        pytest.param((), "No API token", id="none"),
        pytest.param(("--token", "gat_ü"), "characters that no token has", id="not one"),
    ],
)
def test_without_a_usable_token_nothing_is_sent(arguments: tuple[str, ...], refusal: str) -> None:
    api = StandInApi(ok([]))
    result = apollo(api, "campaigns", "list", *arguments, stack_token=None)

    assert (result.exit_code, api.requests) == (2, [])
    assert refusal in result.stderr


def test_token_of_the_stack_is_found_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APOLLO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("APOLLO_API_PORT", "1")  # nobody listens there

    result = CliRunner().invoke(app, ["campaigns", "list"])

    assert (result.exit_code, result.stderr) == (
        3,
        "apollo: No answer from http://127.0.0.1:1 (ConnectError)\n",
    )
