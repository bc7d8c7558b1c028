"""`make verify`: bring up docker-compose.yml whole, use it, strike it, look at it, and take it down.

Ends by itself within half an hour; the exit code is 0 when all of it held. It speaks to loopback alone.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from rich.console import Console
from rich.text import Text

from console.api_client import ApiClient
from console.failures import CommandFailed
from deploy.verify.addresses import API, SECOND_API, SIMULATOR, TEMPORAL
from deploy.verify.rehearsal import rehearse
from deploy.verify.stack import ROOT, Stack, StackFailed
from deploy.verify.surfaces import (
    look_at_console,
    look_at_grafana,
    look_at_prometheus,
    look_at_temporal_ui,
)
from settings import inherited_environment

_LONG_CALLS_SECONDS = 600
_OPERATIONS = ROOT / "tests" / "e2e" / "test_operations_page.py"
_SAYING = Console()

Told = TypeVar("Told")


def main() -> None:
    """Verify, and say of each step how it went."""
    given = _arguments()
    stack = Stack(given.compose, inherited_environment(), without=given.without, build=given.build)
    try:
        _verify(stack, given)
    except (StackFailed, CommandFailed, httpx.HTTPError) as error:
        _say(stack.logs())
        _say(f"FAILED: {error}")
        raise SystemExit(1) from error
    finally:
        if not given.keep:
            _step("down", stack.down)
    _say("The composed stack does what it promises.")


def _verify(stack: Stack, given: argparse.Namespace) -> None:
    _step("up", stack.up)
    token = _step("a token", stack.token)
    with ApiClient(API, token) as first, ApiClient(SECOND_API, token) as second:
        batch_id = _step("a batch, parts struck meanwhile", lambda: rehearse(stack, first, second)).batch_id
    _step("web console", lambda: look_at_console(token, batch_id))
    _step("Temporal's Web UI", lambda: look_at_temporal_ui(batch_id))
    if "prometheus" not in given.without:
        _step("Prometheus", look_at_prometheus)
    if "grafana" not in given.without:
        _step("Grafana", look_at_grafana)
    if given.operations:
        _step("long calls", lambda: stack.start(talk_seconds=_LONG_CALLS_SECONDS))
        _step("docs/operations.md, line by line", lambda: _type_operations(token))
    _step("up once more, on tables that are there", stack.start)
    for absent in given.without:
        _say(f"not looked at: {absent}")


def _type_operations(token: str) -> str:
    environment = {
        **inherited_environment(),
        "OPERATED_API_URL": API,
        "OPERATED_API_TOKEN": token,
        "OPERATED_TEMPORAL_ADDRESS": TEMPORAL,
        "OPERATED_SIMULATOR_URL": SIMULATOR,
    }
    words = [sys.executable, "-m", "pytest", "-q", str(_OPERATIONS)]
    done = subprocess.run(  # noqa: S603 - our own words
        words, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=900
    )
    if done.returncode:
        raise StackFailed(done.stdout[-4000:])
    return done.stdout.strip().splitlines()[-1]


def _step(name: str, do: Callable[[], Told]) -> Told:
    began = time.monotonic()
    told = do()
    detail = f": {told}" if told is not None and not name.startswith("a token") else ""
    _say(f"{name}{detail} ({time.monotonic() - began:.0f} s)")
    return told


def _say(line: str) -> None:
    _SAYING.print(Text(line), soft_wrap=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.verify", description=__doc__)
    parser.add_argument("--compose", default="docker compose", help="the command that reads compose files")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=("grafana", "prometheus"),
        help="a service that is not started, and is said to be left out; may be given twice",
    )
    parser.add_argument(
        "--no-build", dest="build", action="store_false", help="take the image `apollo` that is there"
    )
    parser.add_argument(
        "--no-operations",
        dest="operations",
        action="store_false",
        help="leave out the lines of docs/operations.md",
    )
    parser.add_argument("--keep", action="store_true", help="leave the stack running at the end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
