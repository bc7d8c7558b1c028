"""The embedded Temporal server knows our search attributes, also when its database is older than they are."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from embedded.listening import free_ports
from embedded.processes import ChildProcess
from embedded.readiness import Wait, wait_until_ready
from embedded.stop_request import StopRequest
from embedded.temporal import TemporalPlan, TemporalServer
from workflows.names import SEARCH_ATTRIBUTES

pytestmark = pytest.mark.server


@contextmanager
def a_server(data_dir: Path, known: Mapping[str, str] = SEARCH_ATTRIBUTES) -> Iterator[TemporalServer]:
    """Run a server; `known` are the search attributes its maker knew of."""
    port, ui_port = free_ports(2)
    plan = TemporalPlan(port=port, ui_port=ui_port, data_dir=data_dir, search_attributes=known)
    server = TemporalServer(plan, dict(os.environ))
    with httpx.Client(timeout=2, trust_env=False) as client, StopRequest() as stop:
        child = ChildProcess(server.command(), data_dir / "logs")
        try:
            probe = partial(server.probe, client)
            wait_until_ready(Wait(name="Temporal", probe=probe, seconds=20, children=(child,)), stop)
            yield server
        finally:
            child.stop()


def attributes_listed_by(server: TemporalServer) -> str:
    command = [server.program, "operator", "search-attribute", "list", "--address", server.address]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - the wheel's
    return done.stdout


def test_server_is_ready_with_every_search_attribute_and_its_web_page(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        listed = attributes_listed_by(server)
        page = httpx.get(server.ui_url, follow_redirects=True, trust_env=False)

    assert all(name in listed for name in SEARCH_ATTRIBUTES)
    assert page.is_success


def test_kept_database_learns_search_attributes_that_came_later(tmp_path: Path) -> None:
    with a_server(tmp_path, known={"BatchId": "Keyword"}) as server:
        before = attributes_listed_by(server)
    with a_server(tmp_path) as server:
        after = attributes_listed_by(server)

    assert "CampaignId" not in before
    assert "CampaignId" in after
