"""The unit tier starts nothing: what would take seconds, or a port, fails a unit test at once."""

import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from embedded.postgres import EmbeddedPostgres
from tests.tiers import ABOVE_UNITS, spread, tier

_REFUSED = "mark it as one of e2e, server, store, process"


def test_unit_test_cannot_start_a_process() -> None:
    with pytest.raises(pytest.fail.Exception, match=_REFUSED):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_unit_test_cannot_listen() -> None:
    with socket.socket() as listener, pytest.raises(pytest.fail.Exception, match=_REFUSED):
        listener.bind(("127.0.0.1", 0))


def test_unit_test_cannot_have_a_postgres(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)

    with pytest.raises(pytest.fail.Exception, match=_REFUSED):
        server.start()


@pytest.mark.parametrize("start", [WorkflowEnvironment.start_local, WorkflowEnvironment.start_time_skipping])
async def test_unit_test_cannot_start_a_temporal_server(start: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(pytest.fail.Exception, match=_REFUSED):
        await start()


@pytest.mark.process
def test_test_that_says_so_starts_a_process() -> None:
    assert subprocess.run([sys.executable, "-c", ""], check=True).returncode == 0


@pytest.mark.parametrize("name", ABOVE_UNITS)
def test_every_mark_above_the_units_is_one_that_pytest_knows(
    name: str, pytestconfig: pytest.Config, request: pytest.FixtureRequest
) -> None:
    known = {line.split(":")[0] for line in pytestconfig.getini("markers")}

    assert name in known
    assert tier(request.node) == len(ABOVE_UNITS)


def test_files_with_whole_stacks_are_spread_among_the_others(request: pytest.FixtureRequest) -> None:
    ordered = spread(request.session.items)

    stacks = [place for place, item in enumerate(ordered) if tier(item) == 0]
    assert sorted(map(id, ordered)) == sorted(map(id, request.session.items))
    assert stacks == [] or tier(ordered[-1]) > 0
