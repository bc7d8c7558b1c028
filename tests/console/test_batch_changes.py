"""`apollo batches change`, `append` and `requeue`: one request each."""

import json
from pathlib import Path

import httpx
import pytest

from tests.console.stand_in_api import StandInApi, a_batch, a_problem, ok
from tests.console.terminal import apollo


@pytest.mark.parametrize(
    ("options", "body"),
    [
        pytest.param(("--name", "north"), {"name": "north"}, id="name"),
        pytest.param(
            ("--concurrency", "3", "--max-retries", "0", "--timezone", "UTC"),
            {"concurrency_limit": 3, "max_retries_override": 0, "timezone": "UTC"},
            id="several",
        ),
        pytest.param(
            ("--scheduled-start", "2026-09-07T08:00", "--reset", "scheduled_end"),
            {"scheduled_start": "2026-09-07T08:00", "scheduled_end": None},
            id="schedule",
        ),
        pytest.param(("--keep-open",), {"keep_open": True}, id="keep open"),
    ],
)
def test_change_sends_what_was_given_and_shows_the_batch(
    options: tuple[str, ...], body: dict[str, object]
) -> None:
    api = StandInApi(ok(a_batch()))

    result = apollo(api, "batches", "change", "btc_1", *options)

    (request,) = api.requests
    assert (request.method, request.url.path) == ("PATCH", "/api/v1/batches/btc_1")
    assert json.loads(request.content) == body
    assert result.exit_code == 0
    assert "batch_id\tbtc_1\n" in result.stdout


def test_change_that_the_api_refuses_is_told_in_its_words() -> None:
    api = StandInApi(a_problem(409, "Batch has started and its scheduled_start cannot be changed"))

    result = apollo(api, "batches", "change", "btc_1", "--scheduled-start", "2026-09-07T08:00")

    assert result.exit_code == 1
    assert "Batch has started" in result.stderr


def test_requeue_sends_whom_to_call_again_and_prints_the_id_of_the_new_batch() -> None:
    api = StandInApi(ok(a_batch(total=3, batch_id="btc_2"), 201))

    result = apollo(
        *(api, "batches", "requeue", "btc_1", "--status", "busy", "--status", "no_answer"),
        *("--disposition", "callback", "--max-retries", "0"),
    )

    (request,) = api.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/batches/btc_1/requeue")
    assert json.loads(request.content) == {
        "statuses": ["busy", "no_answer"],
        "dispositions": ["callback"],
        "max_retries_override": 0,
    }
    assert (result.exit_code, result.stdout) == (0, "btc_2\n")
    assert "3 contacts requeued, in_progress." in result.stderr


def test_requeue_whose_answer_got_lost_is_sent_again_with_the_same_key() -> None:
    api = StandInApi(httpx.ReadTimeout, ok(a_batch(batch_id="btc_2"), 201))

    result = apollo(api, "batches", "requeue", "btc_1", "--status", "busy")

    first, second = (request.headers["Idempotency-Key"] for request in api.requests)
    assert (first, result.stdout) == (second, "btc_2\n")


def test_append_sends_the_file_and_prints_how_many_the_batch_holds(tmp_path: Path) -> None:
    people = tmp_path / "more.csv"
    people.write_text("phone_number,priority\n+14155550104,9\n+14155550105,\n")
    report = {"received": 2, "accepted": 1, "invalid": 0, "duplicates": 1}
    api = StandInApi(ok({"batch_id": "btc_1", "total_contacts": 11, "import_report": report}, 201))

    result = apollo(api, "batches", "append", "btc_1", str(people), "--skip-invalid")

    (request,) = api.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/batches/btc_1/contacts/upload")
    assert people.read_bytes() in request.content
    assert b'name="on_invalid"\r\n\r\nskip' in request.content
    assert (result.exit_code, result.stdout) == (0, "11\n")
    assert "Contacts added: 1 of 2 contacts accepted (0 invalid, 1 duplicates)." in result.stderr


def test_append_whose_answer_got_lost_is_sent_again_with_the_same_key(tmp_path: Path) -> None:
    people = tmp_path / "more.csv"
    people.write_text("phone_number\n+14155550104\n")
    api = StandInApi(httpx.ReadTimeout, ok({"batch_id": "btc_1", "total_contacts": 11}, 201))

    result = apollo(api, "batches", "append", "btc_1", str(people))

    first, second = api.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert people.read_bytes() in second.content
    assert (result.exit_code, result.stdout) == (0, "11\n")
