"""Waiting until a started part can do its work."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from embedded.errors import PartDied, PartNotReady
from embedded.processes import ChildProcess
from embedded.stop_request import StopRequest

Probe = Callable[[], str | None]
"""Asks once: None when the part is ready, else why it is not."""

_BETWEEN_PROBES_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What to wait for, and how long."""

    name: str
    probe: Probe
    seconds: float
    children: Sequence[ChildProcess]
    """Those that must live meanwhile."""


def wait_until_ready(wait: Wait, stop: StopRequest) -> None:
    """Return when the probe is content. Raises PartDied, PartNotReady, StopRequested."""
    deadline = time.monotonic() + wait.seconds
    while (reason := wait.probe()) is not None:
        for child in wait.children:
            if child.exit_code is not None:
                raise PartDied(child.name, child.exit_code, child.log_path)
        if time.monotonic() > deadline:
            raise PartNotReady(wait.name, wait.seconds, f"{reason}; see {_logs(wait)}")
        stop.pause(_BETWEEN_PROBES_SECONDS)


def _logs(wait: Wait) -> str:
    """Name the log of what is waited for, or every log when that is more than one part."""
    own = [child for child in wait.children if child.name == wait.name]
    return ", ".join(str(child.log_path) for child in own or wait.children)


def answers_ok(client: httpx.Client, url: str) -> str | None:
    """Probe an address that answers 2xx when its part is ready."""
    try:
        answer = client.get(url)
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    return None if answer.is_success else f"it answers {answer.status_code}"


def api_and_worker_ready(client: httpx.Client, api_url: str) -> str | None:
    """Probe the API's readiness, which also tells whether workers poll."""
    try:
        answer = client.get(f"{api_url}/readyz")
    except httpx.HTTPError as error:
        return f"the API does not answer ({type(error).__name__})"
    return None if answer.is_success else _failing_parts(answer)


def _failing_parts(answer: httpx.Response) -> str:
    try:
        parts = answer.json()["parts"]
        failing = [name for name, part in parts.items() if not part["ok"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the API answers {answer.status_code}"
    return f"the API says that {' and '.join(failing)} is not ready"
