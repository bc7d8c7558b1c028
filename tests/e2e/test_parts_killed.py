"""`apollo up` brings back whichever part is killed, and the batch that ran ends as if nothing had been."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from console.ledger_check import faults, read_ledger, reckon
from console.progress import read_progress
from embedded.listening import free_ports
from tests.e2e.apollo_up import ApolloUp, apollo_up
from tests.e2e.scenes import fresh_numbers
from tests.e2e.world import TERMINAL, World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]

PARTS = ("postgres", "temporal", "simulator", "worker", "api", "console")
CONTACTS, LIMIT, KILLED_AT = 20, 5, 5
BACK_WITHIN_SECONDS = 60
OVER_WITHIN_SECONDS = 60


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[ApolloUp, World]]:
    with apollo_up() as running:
        yield running


def start_a_batch(world: World) -> str:
    numbers = [number for _ in range(CONTACTS) for number in fresh_numbers("55")]
    retry_policy = {"max_retries": 3, "cooldown_minutes": 0.02}
    batch_id = world.call_everybody(numbers, limit=LIMIT, retry_policy=retry_policy)
    world.wait_for(lambda: world.finished(batch_id) >= KILLED_AT, 30, every=0.05)
    return batch_id


def is_over(world: World, batch_id: str) -> bool:
    """Tell it of a stack of which parts may be away."""
    try:
        answer = world.ask("GET", f"/batches/{batch_id}")
    except httpx.HTTPError:
        return False
    return answer.is_success and answer.json()["status"] in TERMINAL


def faults_of(world: World, batch_id: str, before: object, *, part: str) -> list[str]:
    """Hold the batch against the ledger; the simulator's own death takes its newest lines along."""
    ledger = world.ledger()
    if part != "simulator":
        return faults(world.reckoning(batch_id), contacts=CONTACTS, limit=LIMIT)
    assert isinstance(before, dict)
    known = {ring["call_sid"]: ring for ring in [*before["rings"], *ledger["rings"]]}
    both = read_ledger({**ledger, "rings": list(known.values())})
    counters = read_progress(world.api.batch(batch_id)).counters
    found = faults(reckon(counters, world.contacts(batch_id), both), contacts=CONTACTS, limit=LIMIT)
    return [fault for fault in found if not fault.endswith("recorded calls never rang")]


def test_printed_line_starts_another_worker_in_a_terminal_that_knows_nothing(
    stack: tuple[ApolloUp, World], tmp_path: Path
) -> None:
    up, _ = stack
    [line] = [each.strip() for each in up.lines if each.endswith("-m worker")]
    log = tmp_path / "log"
    with log.open("w") as written:
        worker = subprocess.Popen(  # noqa: S603 - what our own program printed
            ["/bin/sh", "-c", line],
            env={"PATH": os.environ["PATH"]},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        up.wait_for(lambda: "worker is ready" in log.read_text(), BACK_WITHIN_SECONDS)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(BACK_WITHIN_SECONDS)
    assert "APOLLO_DIAL_TIMEOUT_SECONDS=1" in line


@pytest.mark.parametrize("part", PARTS)
def test_killed_part_comes_back_by_itself_and_every_contact_is_rung_once_and_ends(
    stack: tuple[ApolloUp, World], part: str
) -> None:
    up, world = stack
    world.empty_ledger()
    batch_id = start_a_batch(world)
    killed, said, before = up.pid_of(part), len(up.lines), world.ledger()

    up.kill(part)

    up.wait_for(lambda: up.has_said(f"{part} was killed by SIGKILL", after=said), 1.5)
    up.wait_for(lambda: up.has_said(f"{part} is back", after=said), BACK_WITHIN_SECONDS)
    up.wait_for(lambda: is_over(world, batch_id), OVER_WITHIN_SECONDS)
    assert up.pid_of(part) != killed
    assert len(up.lines) == said + 2
    assert faults_of(world, batch_id, before, part=part) == []
    assert world.ask("GET", f"/batches/{batch_id}").json()["status"] == "completed"


@contextmanager
def another_api(up: ApolloUp) -> Iterator[str]:
    """Run a second API of the same stack, and yield its address."""
    [line] = [each.strip() for each in up.lines if each.endswith("-m worker")]
    [port] = free_ports(1)
    serve = (
        f"-m uvicorn --factory api.app:from_environment --host 127.0.0.1 --port {port} --log-level warning"
    )
    replica = subprocess.Popen(  # noqa: S603 - what our own program printed, as an API
        ["/bin/sh", "-c", line.removesuffix("-m worker") + serve],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        up.wait_for(lambda: _answers(f"{url}/readyz"), BACK_WITHIN_SECONDS)
        yield url
    finally:
        os.killpg(replica.pid, signal.SIGTERM)
        replica.wait(BACK_WITHIN_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _patch(url: str, token: str, campaign_id: str, minutes: float) -> bool:
    """Change how long a redial waits; False when the API died over it."""
    try:
        return httpx.patch(
            f"{url}/api/v1/campaigns/{campaign_id}",
            json={"retry_policy": {"max_retries": 3, "cooldown_minutes": minutes}},
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        ).is_success
    except httpx.HTTPError:
        return False


def test_one_of_two_apis_killed_while_webhooks_come_and_rules_change_loses_nothing_and_rings_nobody_twice(
    stack: tuple[ApolloUp, World],
) -> None:
    up, world = stack
    world.empty_ledger()
    numbers = [number for _ in range(CONTACTS) for number in fresh_numbers("04")]
    asleep = {"max_retries": 3, "cooldown_minutes": 60}
    with another_api(up) as other, ThreadPoolExecutor() as requests:
        batch_id = world.call_everybody(numbers, limit=LIMIT, retry_policy=asleep)
        campaign_id = world.api.batch(batch_id)["campaign_id"]
        assert isinstance(campaign_id, str)
        assert world.stack.token is not None
        world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] >= KILLED_AT, 30, every=0.05)
        said = len(up.lines)

        under_way = [
            requests.submit(_patch, world.stack.plan.api_url, world.stack.token, campaign_id, 50 - each)
            for each in range(5)
        ]
        up.kill("api")
        assert _patch(other, world.stack.token, campaign_id, 0.02)

        assert len([each.result() for each in under_way]) == 5
        up.wait_for(lambda: up.has_said("api is back", after=said), BACK_WITHIN_SECONDS)
        up.wait_for(lambda: is_over(world, batch_id), OVER_WITHIN_SECONDS)
    assert faults_of(world, batch_id, {}, part="api") == []
    assert {each["status"] for each in world.contacts(batch_id)} == {"completed"}


def test_interrupt_while_a_part_is_down_stops_everything(stack: tuple[ApolloUp, World]) -> None:
    up, _ = stack
    pids = {part: up.pid_of(part) for part in PARTS}
    said = len(up.lines)
    os.kill(pids["worker"], signal.SIGKILL)
    up.wait_for(lambda: up.has_said("worker was killed", after=said), 1.5)

    assert up.interrupt() == 0

    assert up.lines[-1] == "Stopped."
    for part in PARTS:
        with pytest.raises(ProcessLookupError):
            os.kill(pids[part], 0)
