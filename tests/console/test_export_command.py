"""A batch becomes a file that is there only when it is whole."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.console.stand_in_api import StandInApi, a_problem
from tests.console.terminal import apollo

CONTENT = b"contact_id,callee_name\r\ncon_1,Ina\r\n"


def a_file_answer() -> httpx.Response:
    return httpx.Response(200, content=CONTENT, headers={"Content-Type": "text/csv; charset=utf-8"})


class _BreakingOff(StandInApi):
    """Sends a part of the file and hangs up."""

    def __init__(self) -> None:
        super().__init__(a_file_answer())
        self.transport = httpx.MockTransport(lambda _: httpx.Response(200, content=self._half()))

    def _half(self) -> Iterator[bytes]:
        yield CONTENT[:30]
        raise httpx.RemoteProtocolError("peer closed connection")


def test_batch_is_written_to_the_terminal_as_it_comes() -> None:
    api = StandInApi(a_file_answer())

    result = apollo(api, "batches", "export", "btc_1")

    assert (result.exit_code, result.stdout_bytes) == (0, CONTENT)
    assert api.requests[0].url.path == "/api/v1/batches/btc_1/export.csv"
    assert dict(api.requests[0].url.params) == {"rows": "contacts"}


def test_batch_is_written_to_a_file_with_a_row_per_call(tmp_path: Path) -> None:
    api, path = StandInApi(a_file_answer()), tmp_path / "calls.csv"
    path.write_text("of yesterday")

    result = apollo(api, "batches", "export", "btc_1", "--rows", "calls", "-o", str(path))

    assert (result.exit_code, path.read_bytes(), list(tmp_path.iterdir())) == (0, CONTENT, [path])
    assert dict(api.requests[0].url.params) == {"rows": "calls"}


def test_download_that_breaks_off_leaves_the_former_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("of yesterday")

    result = apollo(_BreakingOff(), "batches", "export", "btc_1", "--output", str(path))

    assert (result.exit_code, path.read_text(), list(tmp_path.iterdir())) == (3, "of yesterday", [path])


@pytest.mark.parametrize(("status", "exit_code"), [(404, 1), (503, 3)])
def test_refusal_ends_the_command_without_a_file(tmp_path: Path, status: int, exit_code: int) -> None:
    api = StandInApi(a_problem(status, "Batch not found"))

    result = apollo(api, "batches", "export", "btc_1", "-o", str(tmp_path / "people.csv"))

    assert (result.exit_code, list(tmp_path.iterdir())) == (exit_code, [])
    assert "Batch not found" in result.stderr


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "people.csv"

    result = apollo(StandInApi(a_file_answer()), "batches", "export", "btc_1", "-o", str(path))

    assert (result.exit_code, f"{path}: No such file or directory" in result.stderr) == (2, True)
