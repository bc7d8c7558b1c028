"""The console as a process of its own: on loopback, by its settings alone, and without an API too."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil
import pytest

from embedded.listening import free_ports
from settings import Settings

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_SECONDS = 30.0


@pytest.fixture
def console(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A console whose API does not exist, and its address."""
    port, nobody = free_ports(2)
    told = {
        "APOLLO_WEB_PORT": str(port),
        "APOLLO_WEB_API_URL": f"http://127.0.0.1:{nobody}",
        "PYTHONPATH": str(ROOT),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("APOLLO_")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "web"], env=inherited | told, cwd=tmp_path, stderr=log, stdout=log
        )
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def test_console_listens_on_loopback_says_what_is_missing_logs_no_token_and_stops_when_told(
    console: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    process, url = console
    with httpx.Client(base_url=url, trust_env=False, follow_redirects=True) as client:
        _wait_until_it_answers(client)
        listening = [
            each.laddr for each in psutil.Process(process.pid).net_connections() if each.status == "LISTEN"
        ]
        page = client.get("/")
        refused = client.post("/sign-in", data={"token": "gat_of-somebody"})
        process.send_signal(signal.SIGINT)

    assert {each.ip for each in listening} == {"127.0.0.1"}
    assert page.status_code == HTTPStatus.OK
    assert "API token" in page.text
    assert "does not answer" in refused.text
    assert process.wait(20) in (0, -signal.SIGINT, 130)
    assert "gat_of-somebody" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("changes", "api", "ui"),
    [
        pytest.param({}, "http://127.0.0.1:8000", "http://127.0.0.1:8233", id="this machine"),
        pytest.param(
            {"temporal_address": "temporal.example:7233"}, "http://127.0.0.1:8000", None, id="no Web UI"
        ),
        pytest.param(
            {"web_api_url": "https://api.example/", "web_temporal_ui_url": "https://ui.example/"},
            "https://api.example",
            "https://ui.example",
            id="elsewhere",
        ),
    ],
)
def test_console_finds_api_and_web_ui_by_its_settings(
    changes: dict[str, str], api: str, ui: str | None
) -> None:
    settings = Settings.model_construct().model_copy(update=changes)

    assert (settings.console_api_url, settings.console_temporal_ui_url) == (api, ui)
    assert settings.web_url == "http://127.0.0.1:8030"


def _wait_until_it_answers(client: httpx.Client) -> None:
    end = time.monotonic() + STARTS_WITHIN_SECONDS
    while True:
        try:
            client.get("/healthz").raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            return
