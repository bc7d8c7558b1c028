"""Faults of a real stack, each in a `with` block for as long as it lasts, and the alerts that must fire."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import psutil

from console.api_client import ApiClient, JsonObject
from embedded.processes import ChildProcess
from embedded.stack import RunningStack

ORDINARY, BUSY_ONCE = "50", "04"
"""Last digits of numbers: what the simulator does with their calls."""
CLIENTS = 4
DIALS_OF_A_WORKER = 100
"""What Temporal's SDK runs at once of one queue's activities."""
AT_REST_SECONDS = 6.5
AT_WORK_SECONDS = 1.5
"""Between two rests: a dial that is not answered in one of them is in the next, before it is given up."""
_OPENER = build_opener(ProxyHandler({}))
_people = itertools.count(55_000)


@dataclass(frozen=True)
class Fault:
    """What is done to the stack, and which alerts fire for it."""

    what: str
    alerts: tuple[str, ...]
    lasts: Callable[[RunningStack], AbstractContextManager[None]]


def call_people(
    stack: RunningStack, people: int, *, limit: int = 2, endings: tuple[str, ...] = (ORDINARY,)
) -> str:
    """Start a batch of people nobody called before; returns its id."""
    with ApiClient(stack.plan.api_url, stack.token) as api:
        rules: JsonObject = {
            "name": "alerts",
            "agent_id": "agent_1",
            "phone_numbers": ["+14155550180"],
            "retry_policy": {"max_retries": 2, "cooldown_minutes": 0.05},
        }
        campaign_id = api.create_campaign(rules)["campaign_id"]
        turns = itertools.cycle(endings)
        numbers = "\n".join(f"+1415{next(_people)}{next(turns)}" for _ in range(people))
        fields = {"campaign_id": campaign_id, "concurrency_limit": limit}
        made = api.create_batch(fields, io.BytesIO(f"phone_number\n{numbers}".encode()))
        return str(made["batch_id"])


@contextmanager
def frozen(stack: RunningStack, part: str) -> Iterator[None]:
    """Stop a part with all its processes, which keeps its port and answers nobody."""
    processes = _processes(_part(stack, part))
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            if each.is_running():
                each.resume()


@contextmanager
def _napping(stack: RunningStack, part: str) -> Iterator[None]:
    """Let a part be frozen most of the time."""

    def nap() -> None:
        with frozen(stack, part):
            time.sleep(AT_REST_SECONDS)

    with _repeating(nap, every=AT_WORK_SECONDS):
        yield


def _freezing(part: str) -> Callable[[RunningStack], AbstractContextManager[None]]:
    return lambda stack: frozen(stack, part)


def _part(stack: RunningStack, name: str) -> ChildProcess:
    (child,) = (each for each in stack.children if each.name == name)
    return child


def _processes(child: ChildProcess) -> list[psutil.Process]:
    first = psutil.Process(child.pid)
    return [first, *first.children(recursive=True)]


def _kill(stack: RunningStack, name: str) -> None:
    child = _part(stack, name)
    os.killpg(child.pid, signal.SIGKILL)
    while child.exit_code is None:
        time.sleep(0.1)


def _mend(stack: RunningStack) -> None:
    """Start again what is dead, and wait until every part lives and the API says that it can work."""
    end = time.monotonic() + 60
    while not (_all_live(stack) and _api_is_ready(stack)):
        if time.monotonic() > end:
            raise TimeoutError("the stack did not come back")
        stack.pause(0.5)


def _all_live(stack: RunningStack) -> bool:
    return all(each.exit_code is None for each in stack.children)


def _api_is_ready(stack: RunningStack) -> bool:
    try:
        _OPENER.open(f"{stack.plan.api_url}/readyz", timeout=2).close()
    except OSError:
        return False
    return True


def _have_live_calls(stack: RunningStack, people: int) -> None:
    """Return while calls go on, a few seconds before they end."""
    batch_id = call_people(stack, people, limit=people)
    end = time.monotonic() + 10
    with ApiClient(stack.plan.api_url, stack.token) as api:
        while _counters(api, batch_id)["in_flight"] < people and time.monotonic() < end:
            time.sleep(0.1)


def _counters(api: ApiClient, batch_id: str) -> Mapping[str, int]:
    counters: Mapping[str, int] = dict(api.batch(batch_id)["counters"])  # type: ignore[call-overload]
    return counters


@contextmanager
def _provider_away(stack: RunningStack) -> Iterator[None]:
    """Calls that were live before hold their slots and do not end, and others are dialled in vain."""
    _have_live_calls(stack, 4)
    with frozen(stack, "simulator"):
        call_people(stack, 20, limit=6)
        yield


@contextmanager
def _provider_that_forgets(stack: RunningStack) -> Iterator[None]:
    """It starts again without a memory of the calls that it placed."""
    _have_live_calls(stack, 4)
    _kill(stack, "simulator")
    _mend(stack)
    yield


@contextmanager
def _cancelled_after(stack: RunningStack, batch_id: str) -> Iterator[None]:
    try:
        yield
    finally:
        with ApiClient(stack.plan.api_url, stack.token) as api:
            api.act("batches", batch_id, "cancel")


@contextmanager
def _slow_provider(stack: RunningStack) -> Iterator[None]:
    """It answers only when it wakes, before dials are given up, and twice as many wait as a worker takes."""
    slow = call_people(stack, 1500, limit=2 * DIALS_OF_A_WORKER)
    with _cancelled_after(stack, slow), _napping(stack, "simulator"):
        yield


@contextmanager
def _temporal_gone(stack: RunningStack) -> Iterator[None]:
    """Calls go on, and end while nobody can be told."""
    _have_live_calls(stack, 4)
    _kill(stack, "temporal")
    try:
        yield
    finally:
        _mend(stack)


@contextmanager
def _database_away(stack: RunningStack) -> Iterator[None]:
    with frozen(stack, "postgres"), _clients(stack, CLIENTS):
        yield


@contextmanager
def _batch_without_workflow(stack: RunningStack) -> Iterator[None]:
    """Somebody waits for a retry whose batch was terminated by hand."""
    batch_id = call_people(stack, 1, endings=(BUSY_ONCE,))
    with ApiClient(stack.plan.api_url, stack.token) as api:
        while not _counters(api, batch_id)["retrying"]:
            time.sleep(0.2)
        _temporal(stack, "terminate", "--workflow-id", f"batch/{batch_id}")
        yield
        api.act("batches", batch_id, "dispatch")


@contextmanager
def _wedged_workflows(stack: RunningStack) -> Iterator[None]:
    """Workflows whose input no worker can read; one that is wedged is tried again ever more rarely."""
    started: list[str] = []

    def wedge() -> None:
        started.append(f"wedged-{len(started)}")
        told = ("--task-queue", "apollo-control", "--type", "BatchWorkflow", "--input", '{"not": "a batch"}')
        _temporal(stack, "start", "--workflow-id", started[-1], *told)

    with _repeating(wedge, every=3):
        yield
    for each in started:
        _temporal(stack, "terminate", "--workflow-id", each)


@contextmanager
def _forged_webhooks(stack: RunningStack) -> Iterator[None]:
    url = f"{stack.plan.api_url}/webhooks/call-status"

    def forge() -> None:
        _ask(url, {"Content-Type": "application/json", "Jambonz-Signature": "t=1,v1=00"}, b"{}")

    with _repeating(forge, every=1):
        yield


@contextmanager
def _clients(stack: RunningStack, many: int) -> Iterator[None]:
    """Have so many clients ask for lists all the time, each for another part: equal reads are made once."""
    url, headers = f"{stack.plan.api_url}/api/v1/batches/", {"Authorization": f"Bearer {stack.token}"}
    parts = itertools.count()

    def ask() -> None:
        _ask(f"{url}?skip={next(parts)}", headers)

    with _repeating(ask, every=0.05, threads=many):
        yield


@contextmanager
def _repeating(step: Callable[[], None], *, every: float, threads: int = 1) -> Iterator[None]:
    """Do something over and over, in the background."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(every):
            step()

    running = [threading.Thread(target=go_on) for _ in range(threads)]
    for each in running:
        each.start()
    try:
        yield
    finally:
        is_over.set()
        for each in running:
            each.join()


def _ask(url: str, headers: Mapping[str, str], body: bytes | None = None) -> None:
    try:
        _OPENER.open(Request(url, data=body, headers=dict(headers)), timeout=20).close()  # noqa: S310 - our own
    except OSError:
        return


def _temporal(stack: RunningStack, *words: str) -> None:
    program = Path(sys.executable).with_name("temporal")
    command = [str(program), "workflow", *words, "--address", stack.temporal_address]
    subprocess.run(command, check=False, capture_output=True, timeout=30)  # noqa: S603 - our own words


FAULTS: Mapping[str, Fault] = {
    "forged": Fault("webhooks are forged", ("ApolloWebhooksRefused",), _forged_webhooks),
    "slow": Fault("the provider answers late", ("ApolloDialsAreSlow", "ApolloWorkWaits"), _slow_provider),
    "late": Fault("a batch's workflow is gone", ("ApolloContactsAreLate",), _batch_without_workflow),
    "wedged": Fault("workflows are wedged", ("ApolloWorkflowsFail",), _wedged_workflows),
    "provider": Fault(
        "the provider is frozen", ("ApolloProviderFails", "ApolloCallsDoNotEnd"), _provider_away
    ),
    "forgets": Fault("the provider forgets calls", ("ApolloCallsEndUnknown",), _provider_that_forgets),
    "worker": Fault("the worker is frozen", ("ApolloWorkerDown",), _freezing("worker")),
    "api": Fault("the API is frozen", ("ApolloApiDown",), _freezing("api")),
    "postgres": Fault(
        "Postgres is frozen",
        ("ApolloDatabaseDown", "ApolloApiFails", "ApolloConnectionsAreTaken"),
        _database_away,
    ),
    "temporal": Fault("Temporal is gone", ("ApolloTemporalDown", "ApolloEndingsWait"), _temporal_gone),
}


def alerts_of(answer: bytes) -> set[str]:
    """Return the alerts that fire, by what Prometheus tells."""
    alerts = json.loads(answer)["data"]["alerts"]
    return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}
