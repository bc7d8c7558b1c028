"""Commands that list numbers which must not be called, and let them be called again."""

import json
from pathlib import Path

import httpx
import pytest

from tests.console.stand_in_api import StandInApi, a_problem, ok
from tests.console.terminal import apollo

NUMBER = "+14155550123"
ENTRY = {
    "suppression_id": "sup_1",
    "phone_number": NUMBER,
    "reason": "by letter",
    "expires_at": None,
    "created_at": "2026-09-04T14:00:00Z",
}
REPORT = {"received": 3, "added": 1, "updated": 1, "duplicates": 1}


def path_of(request: httpx.Request) -> tuple[str, str]:
    return request.method, request.url.path.removeprefix("/api/v1")


@pytest.mark.parametrize(
    ("words", "body"),
    [
        pytest.param((NUMBER,), {"phone_number": NUMBER}, id="number"),
        pytest.param(("--execution", "exec_1"), {"execution_id": "exec_1"}, id="call"),
        pytest.param(
            (NUMBER, "--reason", "by letter", "--expires-at", "2027-01-01T00:00:00Z"),
            {"phone_number": NUMBER, "reason": "by letter", "expires_at": "2027-01-01T00:00:00Z"},
            id="reason and end",
        ),
    ],
)
def test_add_sends_what_was_given_and_prints_the_entrys_id(
    words: tuple[str, ...], body: dict[str, str]
) -> None:
    api = StandInApi(ok(ENTRY, 201))

    result = apollo(api, "suppressions", "add", *words)

    (request,) = api.requests
    assert path_of(request) == ("POST", "/suppressions")
    assert json.loads(request.content) == body
    assert (result.exit_code, result.stdout, result.stderr) == (0, "sup_1\n", "Suppressed until removed.\n")


def test_add_says_until_when() -> None:
    api = StandInApi(ok({**ENTRY, "expires_at": "2027-01-01T00:00:00Z"}))

    result = apollo(api, "suppressions", "add", NUMBER)

    assert result.stderr == "Suppressed until 2027-01-01T00:00:00Z.\n"


@pytest.mark.parametrize("words", [(), (NUMBER, "--execution", "exec_1")], ids=["nothing", "both"])
def test_add_without_one_number_asks_the_api_nothing(words: tuple[str, ...]) -> None:
    api = StandInApi(ok(ENTRY))

    result = apollo(api, "suppressions", "add", *words)

    told = (result.exit_code, result.stderr, api.requests)
    assert told == (2, "apollo: Give either a number or --execution\n", [])


def test_list_is_one_line_per_entry_and_may_be_narrowed_to_a_number() -> None:
    api = StandInApi(ok([ENTRY]))

    every = apollo(api, "suppressions", "list")
    one = apollo(api, "suppressions", "list", "--number", NUMBER)

    line = f"sup_1\t{NUMBER}\tby letter\t\t2026-09-04T14:00:00Z\n"
    assert (every.stdout, one.stdout) == (line, line)
    assert [request.url.params.get("phone_number") for request in api.requests] == [None, NUMBER]
    assert {path_of(request) for request in api.requests} == {("GET", "/suppressions")}


def test_remove_by_id_is_one_request() -> None:
    api = StandInApi(httpx.Response(204))

    result = apollo(api, "suppressions", "remove", "sup_1")

    assert [path_of(request) for request in api.requests] == [("DELETE", "/suppressions/sup_1")]
    assert (result.exit_code, result.stdout, result.stderr) == (0, "removed\n", "Suppression removed.\n")


def test_remove_by_number_looks_its_entry_up() -> None:
    api = StandInApi(ok([ENTRY]), httpx.Response(204))

    result = apollo(api, "suppressions", "remove", NUMBER)

    assert [path_of(request) for request in api.requests] == [
        ("GET", "/suppressions"),
        ("DELETE", "/suppressions/sup_1"),
    ]
    assert (result.exit_code, result.stdout) == (0, "removed\n")


def test_remove_of_a_number_nobody_listed_removes_nothing() -> None:
    api = StandInApi(ok([]))

    result = apollo(api, "suppressions", "remove", NUMBER)

    assert (result.exit_code, result.stderr) == (1, "apollo: Nobody listed this number\n")
    assert [path_of(request) for request in api.requests] == [("GET", "/suppressions")]


def test_import_sends_the_file_as_it_is_and_prints_what_became_of_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_bytes(b"\xef\xbb\xbfphone_number\r\n+14155550123\r\n")
    api = StandInApi(ok(REPORT))

    result = apollo(api, "suppressions", "import", str(file))

    (request,) = api.requests
    assert path_of(request) == ("POST", "/suppressions/import")
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"' in request.content
    assert b"\r\n\r\n" + file.read_bytes() + b"\r\n--" in request.content
    assert (result.exit_code, result.stdout) == (
        0,
        "received\t3\nadded\t1\nupdated\t1\nduplicates\t1\n",
    )


def test_import_of_a_file_that_is_not_there_is_exit_code_2_and_one_line(tmp_path: Path) -> None:
    file, api = tmp_path / "none.csv", StandInApi(ok(REPORT))

    result = apollo(api, "suppressions", "import", str(file))

    assert (result.exit_code, api.requests) == (2, [])
    assert result.stderr == f"apollo: {file}: No such file or directory\n"


def test_refused_file_is_exit_code_1_with_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("phone_number\n415\n")
    errors = [{"loc": ["file", 2, "phone_number"], "msg": "Not a possible phone number"}]
    api = StandInApi(a_problem(422, "Validation failed", errors=errors, error_count=1))

    result = apollo(api, "suppressions", "import", str(file))

    told = "apollo: Validation failed: file.2.phone_number: Not a possible phone number\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", told)
