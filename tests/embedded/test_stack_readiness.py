"""Readiness is awaited as long as the parts live, and no longer than promised."""

import os
import sys
from pathlib import Path

import httpx
import pytest

from embedded.errors import PartDied, PartNotReady
from embedded.processes import ChildProcess, Command
from embedded.readiness import Wait, answers_ok, api_and_worker_ready, wait_until_ready
from embedded.stop_request import StopRequest, StopRequested

pytestmark = pytest.mark.process


class Answers:
    """A probe that gives its reasons one after the other, and is then content."""

    def __init__(self, *reasons: str) -> None:
        self.left = list(reasons)

    def __call__(self) -> str | None:
        return self.left.pop(0) if self.left else None


def a_child(tmp_path: Path, script: str, name: str = "part") -> ChildProcess:
    command = Command(
        name=name, argv=(sys.executable, "-c", script), environment=dict(os.environ), working_dir=tmp_path
    )
    return ChildProcess(command, tmp_path)


def a_client(answer: httpx.Response | httpx.TransportError) -> httpx.Client:
    def reply(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    return httpx.Client(transport=httpx.MockTransport(reply))


def test_wait_ends_when_the_part_is_ready() -> None:
    probe = Answers("not yet", "still not")
    with StopRequest() as stop:
        wait_until_ready(Wait(name="part", probe=probe, seconds=5, children=()), stop)

    assert probe.left == []


def test_wait_gives_up_saying_why_the_part_is_not_ready() -> None:
    wait = Wait(name="part", probe=lambda: "it sulks", seconds=0, children=())
    with (
        StopRequest() as stop,
        pytest.raises(PartNotReady, match=r"The part was not ready after 0 s: it sulks"),
    ):
        wait_until_ready(wait, stop)


def test_wait_that_gives_up_names_the_log_of_what_it_waited_for_and_no_other(tmp_path: Path) -> None:
    children = [a_child(tmp_path, "import time; time.sleep(60)", name=name) for name in ("part", "other")]
    wait = Wait(name="part", probe=lambda: "it sulks", seconds=0, children=children)
    with StopRequest() as stop, pytest.raises(PartNotReady) as refusal:
        wait_until_ready(wait, stop)

    for child in children:
        child.stop()
    assert str(refusal.value).endswith(f"it sulks; see {tmp_path / 'part.log'}")


def test_wait_ends_at_once_when_a_part_died_naming_code_and_log(tmp_path: Path) -> None:
    child = a_child(tmp_path, "raise SystemExit(4)")
    wait = Wait(name="part", probe=lambda: "not yet", seconds=10, children=(child,))
    with StopRequest() as stop, pytest.raises(PartDied) as refusal:
        wait_until_ready(wait, stop)

    child.stop()
    assert str(refusal.value) == f"The part ended by itself with exit code 4; see {tmp_path / 'part.log'}"


def test_wait_ends_when_a_stop_is_wished() -> None:
    wait = Wait(name="part", probe=lambda: "not yet", seconds=10, children=())
    stop = StopRequest()
    stop.is_raised = True

    with pytest.raises(StopRequested):
        wait_until_ready(wait, stop)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(httpx.Response(200), None, id="ok"),
        pytest.param(httpx.Response(503), "it answers 503", id="unavailable"),
        pytest.param(httpx.ConnectError("refused"), "no answer (ConnectError)", id="nobody there"),
    ],
)
def test_plain_probe_is_content_with_any_success(
    answer: httpx.Response | httpx.TransportError, reason: str | None
) -> None:
    with a_client(answer) as client:
        assert answers_ok(client, "http://part/healthz") == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(httpx.Response(200, json={"status": "ready"}), None, id="ready"),
        pytest.param(
            httpx.Response(
                503,
                json={
                    "parts": {"database": {"ok": True}, "temporal": {"ok": False}, "pollers": {"ok": False}}
                },
            ),
            "the API says that temporal and pollers is not ready",
            id="parts not ready",
        ),
        pytest.param(httpx.Response(500, text="oops"), "the API answers 500", id="not a readiness answer"),
        pytest.param(httpx.Response(503, json=[]), "the API answers 503", id="not an object"),
        pytest.param(httpx.ReadTimeout("slow"), "the API does not answer (ReadTimeout)", id="no answer"),
    ],
)
def test_api_probe_names_the_parts_that_are_missing(
    answer: httpx.Response | httpx.TransportError, reason: str | None
) -> None:
    with a_client(answer) as client:
        assert api_and_worker_ready(client, "http://api") == reason
