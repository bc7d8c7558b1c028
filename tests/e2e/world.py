"""A whole stack of one's own: real Postgres, real Temporal, every part a process, quick phones."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from console.api_client import ApiClient, JsonObject
from console.ledger_check import Reckoning, read_ledger, reckon
from console.progress import read_progress
from domain.counters import BatchTally
from embedded.listening import free_ports
from embedded.plan import StackPlan, with_ports
from embedded.processes import ChildProcess, Command
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from settings import ProviderName, Settings, inherited_environment
from telephony.simulator.settings import SimulatorSettings

TERMINAL = frozenset({"completed", "cancelled", "expired"})

SILENCE = timedelta(seconds=2)
"""Without news of a call for so long, the provider is asked."""


def a_plan(
    data_dir: Path,
    *,
    talk_seconds: float = 0.3,
    simulator_arguments: tuple[str, ...] = (),
    provider: ProviderName = ProviderName.SIMULATOR,
    environment: Mapping[str, str] | None = None,
) -> StackPlan:
    """Return a stack on free ports, whose provider is asked after two seconds of silence.

    `environment` is told to the parts over what they are told otherwise.
    """
    sim = SimulatorSettings(ring_seconds=0.1, talk_seconds=talk_seconds)
    defaults = Settings.model_construct(data_dir=data_dir, provider=provider, sim=sim)
    settings = with_ports(defaults, free_ports(5))
    foreign = ("APOLLO_", "TEMPORAL_")
    inherited = {
        name: value for name, value in inherited_environment().items() if not name.startswith(foreign)
    }
    told = {
        "APOLLO_WEBHOOK_SILENCE_SECONDS": str(SILENCE.total_seconds()),
        "APOLLO_DIAL_TIMEOUT_SECONDS": "1",
    }
    return StackPlan(
        settings=settings,
        environment={**inherited, **told, **(environment or {})},
        working_dir=data_dir,
        follow_up_seconds=2,
        simulator_arguments=simulator_arguments,
    )


def a_contacts_file(numbers: Iterable[str]) -> io.BytesIO:
    """Return a CSV file of contacts with nothing but a number."""
    return io.BytesIO("\n".join(("phone_number", *numbers)).encode())


class World:
    """A running stack, and what a client, an operator and a vandal do with it."""

    def __init__(self, stack: RunningStack, beside: list[ChildProcess] | None = None) -> None:
        self.stack = stack
        self.api = ApiClient(stack.plan.api_url, stack.token)
        self.beside = [] if beside is None else beside
        """What was started beside the stack's own parts, or in their place."""

    def call_everybody(
        self, numbers: Sequence[str], *, limit: int, retry_policy: Mapping[str, object] | None = None
    ) -> str:
        """Start a batch and return its id."""
        campaign = self.api.create_campaign(
            {
                "name": "end to end",
                "agent_id": "agent_test",
                "phone_numbers": ["+14155550180"],
                "retry_policy": retry_policy or {"max_retries": 1, "cooldown_minutes": 0.02},
            }
        )
        fields = {"campaign_id": campaign["campaign_id"], "concurrency_limit": limit}
        batch = self.api.create_batch(fields, a_contacts_file(numbers))
        return str(batch["batch_id"])

    def wait_for(self, condition: Callable[[], bool], seconds: float = 100, *, every: float = 0.3) -> None:
        """Return once the condition holds; look more and more rarely, but `every` so many seconds.

        Looking costs the stack work, and a look by a command a whole process.
        """
        start = time.monotonic()
        while True:
            began = time.monotonic()
            if condition():
                return
            looked = time.monotonic()
            if looked > start + seconds:
                raise TimeoutError
            waited = looked - start
            time.sleep(max(min(every, waited / 5), 2 * (looked - began)))

    def wait_for_end(self, batch_id: str, seconds: float = 100, *, every: float = 0.5) -> None:
        """Return once the batch is over."""
        self.wait_for(lambda: self.api.batch(batch_id)["status"] in TERMINAL, seconds, every=every)

    def finished(self, batch_id: str) -> int:
        """Return how many contacts have reached an end."""
        return read_progress(self.api.batch(batch_id)).done

    def ask(self, method: str, path: str, body: JsonObject | None = None) -> httpx.Response:
        """Return the API's answer as it is, refusals too."""
        headers = {"Authorization": f"Bearer {self.stack.token}"}
        url = f"{self.stack.plan.api_url}/api/v1{path}"
        return httpx.request(method, url, json=body, headers=headers, trust_env=False, timeout=30)

    def counters(self, batch_id: str) -> tuple[dict[str, int], str]:
        """Return the batch's counters and where they come from."""
        headers = {"Authorization": f"Bearer {self.stack.token}"}
        url = f"{self.stack.plan.api_url}/api/v1/batches/{batch_id}"
        answer = httpx.get(url, headers=headers, trust_env=False).raise_for_status()
        return answer.json()["counters"], answer.headers["X-Counters-Source"]

    def live_counters(self, batch_id: str) -> dict[str, int]:
        """Return the batch's counters once they come from its workflow, for which the API waits a second."""
        told: list[dict[str, int]] = []

        def are_live() -> bool:
            counters, source = self.counters(batch_id)
            told.append(counters)
            return source == "workflow"

        self.wait_for(are_live, 30)
        return told[-1]

    def workflow_counters(self, batch_id: str) -> dict[str, int]:
        """Return the numbers that the batch's workflow has, as an operator asks for them."""
        told = self.temporal("query", "-w", f"batch/{batch_id}", "--name", "counters", "-o", "json")
        [numbers] = json.loads(told.stdout)["queryResult"]
        return asdict(BatchTally(**numbers).split(in_progress=0))

    def temporal(self, verb: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `temporal workflow VERB …` as an operator does."""
        return self.run_temporal("workflow", verb, *words)

    def run_temporal(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `temporal …` as an operator does."""
        temporal = Path(sys.executable).with_name("temporal")
        return subprocess.run(  # noqa: S603 - our own words
            [str(temporal), *words, "--address", self.stack.temporal_address],
            capture_output=True,
            check=False,
            text=True,
            timeout=20,
        )

    def signal(self, workflow_id: str, name: str, *inputs: str) -> bool:
        """Signal a workflow by hand; False when the server refuses."""
        told = [word for given in inputs for word in ("--input", given)]
        return self.temporal("signal", "-w", workflow_id, "--name", name, *told).returncode == 0

    def described(self, workflow_id: str) -> dict[str, Any]:
        """Return what the server tells of a workflow."""
        described: dict[str, Any] = json.loads(
            self.temporal("describe", "-w", workflow_id, "-o", "json").stdout
        )
        return described

    def is_closed(self, workflow_id: str) -> bool:
        """Tell whether a workflow has ended."""
        status = self.described(workflow_id)["workflowExecutionInfo"]["status"]
        return bool(status != "WORKFLOW_EXECUTION_STATUS_RUNNING")

    def wait_until_quiet(self, workflow_id: str) -> None:
        """Return once a workflow has done all it was told so far."""
        pending = ("pendingWorkflowTask", "pendingActivities")
        self.wait_for(lambda: not any(self.described(workflow_id).get(each) for each in pending), 10)

    def running_workflows(self, query: str) -> int:
        """Return how many workflows run that fit a query; the answer may lag a second behind."""
        told = self.temporal("count", "--query", f"{query} AND ExecutionStatus='Running'", "-o", "json")
        return int(json.loads(told.stdout).get("count", 0))

    def ledger(self) -> dict[str, Any]:
        """Return what the simulator was asked and whom it rang."""
        body: dict[str, Any] = httpx.get(
            f"{self.stack.plan.simulator_url}/ledger", trust_env=False, timeout=10
        ).json()
        return body

    def rings(self) -> list[dict[str, Any]]:
        """Return every call that went out to a phone, oldest first."""
        return list(self.ledger()["rings"])

    def create_requests(self, batch_id: str) -> list[JsonObject]:
        """Return every request for a call of a batch that reached the simulator, oldest first."""
        return [each for each in self.ledger()["create_requests"] if each["batch_id"] == batch_id]

    def contacts(self, batch_id: str) -> list[JsonObject]:
        """Return the contacts with their call records."""
        return list(self.api.contacts_with_calls(batch_id))

    def reckoning(self, *batch_ids: str) -> Reckoning:
        """Hold batches, taken together, against the simulator's ledger."""
        counters: Counter[str] = Counter()
        for batch_id in batch_ids:
            counters.update(read_progress(self.api.batch(batch_id)).counters)
        contacts = [each for batch_id in batch_ids for each in self.contacts(batch_id)]
        return reckon(counters, contacts, read_ledger(self.ledger()))

    def empty_ledger(self) -> None:
        """Forget all rings."""
        httpx.delete(f"{self.stack.plan.simulator_url}/ledger", trust_env=False).raise_for_status()

    def kill(self, name: str) -> None:
        """Kill a part with -9 and wait until it is gone."""
        [part] = [child for child in self.living() if child.name == name]
        os.killpg(part.pid, signal.SIGKILL)
        self.wait_for(lambda: part.exit_code is not None)
        part.stop()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stop a part, which stays alive and does nothing, until the end of a `with` block."""
        [part] = [child for child in self.living() if child.name == name]
        os.killpg(part.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(part.pid, signal.SIGCONT)

    def living(self) -> list[ChildProcess]:
        """Return every process that runs, the stack's own and those beside it."""
        return [child for child in (*self.stack.children, *self.beside) if child.exit_code is None]

    def start(self, command: Command) -> ChildProcess:
        """Start a process beside the stack's own."""
        part = ChildProcess(command, self.stack.plan.log_dir)
        self.beside.append(part)
        return part

    def close(self) -> None:
        """Stop what was started beside the stack's own parts."""
        for part in reversed(self.beside):
            part.stop()

    def start_worker(self) -> None:
        """Start the worker again."""
        assert self.stack.parts is not None
        self.start(self.stack.parts.worker())

    def start_api(self) -> None:
        """Start the API again and wait until it answers."""
        assert self.stack.parts is not None
        self.start(self.stack.parts.api())
        self.wait_for(self._api_answers)

    def _api_answers(self) -> bool:
        try:
            return httpx.get(f"{self.stack.plan.api_url}/healthz", trust_env=False).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def a_world(plan: StackPlan) -> Iterator[World]:
    """Run a stack for the length of a `with` block."""
    with (
        running(plan, StopRequest(), lambda _: None) as stack,
        closing(World(stack)) as world,
        world.api,
    ):
        yield world


@contextmanager
def a_fresh_world(*, talk_seconds: float = 0.3, simulator_arguments: tuple[str, ...] = ()) -> Iterator[World]:
    """Run a stack in a folder of its own, which is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    try:
        plan = a_plan(folder, talk_seconds=talk_seconds, simulator_arguments=simulator_arguments)
        with a_world(plan) as world:
            yield world
    finally:
        shutil.rmtree(folder)
