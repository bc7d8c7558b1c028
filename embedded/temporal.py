"""Temporal's development server, with its database in the data folder."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from embedded.errors import BinaryMissing
from embedded.listening import LOOPBACK, free_ports
from embedded.processes import Command
from workflows.names import SEARCH_ATTRIBUTES

_NAMESPACE_OF_SERVER = "default"
# It loses nothing when a process is killed, only when power is cut, and is much faster than the default.
_PRAGMAS = ("journal_mode=WAL", "synchronous=0")


@dataclass(frozen=True, kw_only=True)
class TemporalPlan:
    """Where the server listens and keeps its data."""

    port: int
    ui_port: int
    data_dir: Path
    namespace: str = _NAMESPACE_OF_SERVER
    search_attributes: Mapping[str, str] = field(default_factory=lambda: SEARCH_ATTRIBUTES)


class TemporalServer:
    """How to run the server, and how to tell that it is ready."""

    def __init__(self, plan: TemporalPlan, environment: Mapping[str, str]) -> None:
        """Choose free ports for the services that nobody calls. Raises BinaryMissing."""
        self._plan = plan
        self._environment = environment
        self.program = _program()
        self._http_port, self._metrics_port = free_ports(2)

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self._plan.port}"

    @property
    def ui_url(self) -> str:
        """The Web UI."""
        return f"http://{LOOPBACK}:{self._plan.ui_port}"

    def command(self) -> Command:
        """Return how to run the server; its database folder exists afterwards."""
        folder = self._plan.data_dir / "temporal"
        folder.mkdir(parents=True, exist_ok=True)
        ports = {
            "--port": self._plan.port,
            "--ui-port": self._plan.ui_port,
            "--http-port": self._http_port,
            "--metrics-port": self._metrics_port,
        }
        return Command(
            name="temporal",
            argv=(
                *(self.program, "server", "start-dev", "--ip", LOOPBACK, "--log-level", "error"),
                *(text for name, port in ports.items() for text in (name, str(port))),
                *("--db-filename", str(folder / "temporal.db"), "--namespace", self._plan.namespace),
                *(text for pragma in _PRAGMAS for text in ("--sqlite-pragma", pragma)),
                *(
                    text
                    for name in self._plan.search_attributes.items()
                    for text in ("--search-attribute", "=".join(name))
                ),
            ),
            environment=self._environment,
            working_dir=self._plan.data_dir,
            patience=timedelta(seconds=2),
        )

    def probe(self, client: httpx.Client) -> str | None:
        """Tell why the server is not ready; None once the namespace knows every search attribute.

        The server registers attributes only in a new database, so a kept one may lack some: they are added.
        """
        url = (
            f"http://{LOOPBACK}:{self._http_port}/api/v1/namespaces/{self._plan.namespace}/search-attributes"
        )
        try:
            answer = client.get(url)
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__})"
        if not answer.is_success:
            return f"the namespace answers {answer.status_code}"
        missing = self._plan.search_attributes.keys() - answer.json().get("customAttributes", {}).keys()
        if not missing:
            return None
        self._add_attributes(sorted(missing))
        return "its search attributes are being added"

    def polls(self, client: httpx.Client, task_queue: str, process_id: int) -> bool:
        """Tell whether a process has asked for activities of a task queue."""
        url = (
            f"http://{LOOPBACK}:{self._http_port}/api/v1/namespaces/{self._plan.namespace}"
            f"/task-queues/{task_queue}"
        )
        try:
            answer = client.get(url, params={"taskQueueType": "TASK_QUEUE_TYPE_ACTIVITY"})
        except httpx.HTTPError:
            return False
        pollers = answer.json().get("pollers", []) if answer.is_success else []
        # The SDK names a worker by the id of its process and its host.
        return any(each.get("identity", "").startswith(f"{process_id}@") for each in pollers)

    def _add_attributes(self, names: list[str]) -> None:
        """Ask the command line, for the HTTP door cannot; a refusal shows in the next probe."""
        wanted = (("--name", name, "--type", self._plan.search_attributes[name]) for name in names)
        subprocess.run(  # noqa: S603 - the command line is ours
            [
                *(self.program, "operator", "search-attribute", "create", "--address", self.address),
                *("--namespace", self._plan.namespace),
                *(text for each in wanted for text in each),
            ],
            env=dict(self._environment),
            capture_output=True,
            check=False,
            timeout=10,
        )


def _program() -> str:
    path = Path(sys.executable).with_name("temporal")
    if not path.exists():
        raise BinaryMissing("temporal")
    return str(path)
