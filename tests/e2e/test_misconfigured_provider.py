"""A misconfigured provider costs nobody an attempt: its batch waits, says why, and goes on by itself."""

import asyncio
import json
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import create_engine, text
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from settings import ProviderName
from telephony.simulator.app import create_simulator
from telephony.simulator.settings import SimulatorOptions
from tests.e2e.debugging import assert_everybody_was_called_once, debug, statuses
from tests.e2e.scenes import NO_RETRY, a_batch, a_campaign, fresh_numbers
from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]

ACCOUNT_SID, API_KEY = "a77ac4ed-0000-4000-8000-5e1f5e1f5e1f", "jbz-key-that-nobody-may-read"
APPLICATION_SID = "0fa1afe1-0000-4000-8000-0ddba11ca11e"
LIMIT = 10

UNKNOWN_APPLICATION = JSONResponse({"msg": f"application_sid not found {APPLICATION_SID}"}, 400)
FOREIGN_KEY = JSONResponse({"msg": f"unauthorized createCall request for account {ACCOUNT_SID}"}, 400)
MALFORMED_ACCOUNT = JSONResponse({"msg": "Invalid account sid"}, 400)
FAILING_SERVER = PlainTextResponse("Internal Server Error", 500)


class Gate:
    """Stands before the simulator, and while it is told to answers each request for a call by itself."""

    def __init__(self, simulator: ASGIApp) -> None:
        self._simulator = simulator
        self.answer: Response | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = self.answer
        if answer is None or scope["type"] != "http" or scope["method"] != "POST":
            await self._simulator(scope, receive, send)
            return
        await answer(scope, receive, send)


class QuietServer(uvicorn.Server):
    """Leaves the signals to the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


@contextmanager
def a_gated_simulator(port: int) -> Iterator[Gate]:
    """Serve a simulator in a thread for the length of a `with` block."""
    settings = SimulatorOptions(ring_seconds=0.1, talk_seconds=0.3, api_key=API_KEY)
    gate = Gate(create_simulator(settings))
    server = QuietServer(uvicorn.Config(gate, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="gated simulator")
    thread.start()
    try:
        yield gate
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def gated() -> Iterator[tuple[World, Gate]]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    try:
        plan = a_plan(folder, provider=ProviderName.JAMBONZ)
        told = {
            "APOLLO_JAMBONZ_BASE_URL": plan.simulator_url,
            "APOLLO_JAMBONZ_ACCOUNT_SID": ACCOUNT_SID,
            "APOLLO_JAMBONZ_API_KEY": API_KEY,
            "APOLLO_JAMBONZ_APPLICATION_SID": APPLICATION_SID,
            "APOLLO_JAMBONZ_REFUSED_ON_500": "true",
            "APOLLO_PROVIDER_REQUESTS_PER_SECOND": "0",
        }
        plan = replace(plan, environment={**plan.environment, **told})
        with a_gated_simulator(plan.settings.sim.port) as gate, a_world(plan) as world:
            yield world, gate
    finally:
        shutil.rmtree(folder)


def the_reason(world: World) -> tuple[str, str]:
    """Return where the route stands, and why."""
    assert world.stack.database_url is not None
    engine = create_engine(world.stack.database_url)
    try:
        with engine.connect() as connection:
            [row] = connection.execute(text("SELECT state, coalesce(reason, '') FROM provider_routes"))
            return str(row[0]), str(row[1])
    finally:
        engine.dispose()


def openings(world: World) -> list[str | None]:
    """Return the reason each line of the worker's log tells of an opening, None where it tells none."""
    lines = (world.stack.plan.log_dir / "worker.log").read_text().splitlines()
    told = [json.loads(line) for line in lines if "circuit opened" in line or "circuit reopened" in line]
    return [line.get("reason") for line in told]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(UNKNOWN_APPLICATION, "400: application_sid not found …", id="unknown application"),
        pytest.param(FOREIGN_KEY, "400: unauthorized createCall request for account …", id="foreign key"),
        pytest.param(MALFORMED_ACCOUNT, "400: Invalid account sid", id="malformed account"),
        pytest.param(FAILING_SERVER, "500: Internal Server Error", id="failing feature server"),
    ],
)
def test_batch_waits_for_a_misconfigured_provider_and_goes_on_when_it_is_mended(
    gated: tuple[World, Gate], answer: Response, reason: str
) -> None:
    world, gate = gated
    world.empty_ledger()
    numbers = fresh_numbers(*map(str, range(30, 42)))
    before = len(openings(world))
    gate.answer = answer
    batch_id = a_batch(world, a_campaign(world, retry_policy=NO_RETRY), numbers, concurrency_limit=LIMIT)

    world.wait_for(lambda: len(openings(world)) >= before + 2, 60)

    told = debug(world, batch_id)
    assert told["diagnosis"] == "provider_failing"
    assert set(statuses(told)) <= {"pending", "dispatched"}
    assert the_reason(world) == ("open", f"provider answered {reason}")
    calls = [call for each in world.contacts(batch_id) for call in each["call_records"]]  # type: ignore[attr-defined]
    assert {call["call_status"] for call in calls} <= {"queued"}
    assert world.ledger()["create_requests"] == []
    first, *later = openings(world)[before:]
    assert (first, set(later)) == (f"provider answered {reason}", {None})

    gate.answer = None
    world.wait_for_end(batch_id, 90)
    assert_everybody_was_called_once(world, batch_id, numbers, limit=LIMIT)
    assert Counter(str(each["status"]) for each in world.contacts(batch_id)) == {"completed": 12}
    assert the_reason(world) == ("closed", "")
