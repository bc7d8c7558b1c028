"""A simulator to play with: in this process and without a socket, or on a free port when time-outs matter."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict, TypeVar

import httpx
import uvicorn
from starlette.types import ASGIApp

from domain.identity import BatchId, CampaignId, ContactId, ExecutionId, OrganizationId
from domain.telephony import CallRequest, CallSearch
from telephony.clock import Clock, utc_now
from telephony.simulator.app import create_simulator
from telephony.simulator.settings import SimulatorOptions
from telephony.simulator.webhook_client import NoAnswer

T = TypeVar("T")

CALLBACK_URL = "http://apollo.test/webhooks/call-status"
AN_INSTANT = 0.02
"""A ring or talk time long enough to be seen, in seconds."""
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Received:
    """One webhook as it arrived."""

    url: str
    headers: Mapping[str, str]
    raw_body: bytes

    @property
    def body(self) -> dict[str, object]:
        """The body, parsed."""
        parsed: dict[str, object] = json.loads(self.raw_body)
        return parsed


class Mailbox:
    """Receives webhooks; answers `answers` one after the other, then 200. None hangs up without an answer."""

    def __init__(self, *answers: int | None) -> None:
        self.tried: list[Received] = []
        self.taken: list[Received] = []
        self._answers = list(answers)
        self._changed = asyncio.Event()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        await asyncio.sleep(0)
        received = Received(url, headers, body)
        self.tried.append(received)
        answer = self._answers.pop(0) if self._answers else 200
        if answer == 200:
            self.taken.append(received)
        self._changed.set()
        if answer is None:
            raise NoAnswer
        return answer

    @property
    def statuses(self) -> Sequence[object]:
        """The reported statuses in the order of their arrival."""
        return [each.body["call_status"] for each in self.taken]

    async def holds(self, count: int) -> Sequence[Received]:
        """Return what was taken, as soon as that is `count` webhooks."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.taken) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.taken


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Return the first thing seen; what is looked at cannot say by itself when it changes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (seen := await look()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    return seen


class LedgerRows(TypedDict):
    """`GET /ledger`."""

    create_requests: list[dict[str, object]]
    rings: list[dict[str, object]]
    peak_live: int
    live: int
    webhooks: dict[str, int]


def webhooks(**counts: int) -> dict[str, int]:
    """Return the ledger's webhook counts, 0 where none is given."""
    return {**dict.fromkeys(("sent", "retried", "given_up", "lost", "doubled", "late"), 0), **counts}


@dataclass(frozen=True)
class World:
    """A running simulator, a client to talk to it, and the mailbox it writes to."""

    client: httpx.AsyncClient
    mailbox: Mailbox

    async def create(self, number: str, **fields: object) -> httpx.Response:
        """Ask for a call by the neutral contract."""
        return await self.client.post("/calls", json=a_create_body(number, **fields))

    async def placed(self, number: str, **fields: object) -> str:
        """Ask for a call that must be accepted, and return its id."""
        response = await self.create(number, **fields)
        assert response.status_code == 201, response.text
        call_sid: str = response.json()["call_sid"]
        return call_sid

    async def look_up(self, call_sid: str) -> dict[str, object]:
        """Ask where a call stands."""
        response = await self.client.get(f"/calls/{call_sid}")
        assert response.status_code == 200, response.text
        call: dict[str, object] = response.json()
        return call

    async def stands_at(self, call_sid: str, status: str) -> dict[str, object]:
        """Return the call once it reached a status."""

        async def look() -> dict[str, object] | None:
            call = await self.look_up(call_sid)
            return call if call["call_status"] == status else None

        return await eventually(look)

    async def ledger(self) -> LedgerRows:
        """Return the ledger."""
        rows: LedgerRows = (await self.client.get("/ledger")).json()
        return rows

    async def ledger_at_rest(self) -> LedgerRows:
        """Return the ledger once no call lives."""

        async def look() -> LedgerRows | None:
            rows = await self.ledger()
            return None if rows["live"] else rows

        return await eventually(look)


def settings(**changes: object) -> SimulatorOptions:
    """Return settings under which calls take no time."""
    return SimulatorOptions(**{"ring_seconds": 0.0, "talk_seconds": 0.0, **changes})


@asynccontextmanager
async def a_simulator(
    *, mailbox: Mailbox | None = None, clock: Clock = utc_now, **changes: object
) -> AsyncIterator[World]:
    """Run a simulator in this process."""
    mailbox = mailbox or Mailbox()
    app = create_simulator(settings(**changes), clock=clock, deliver=mailbox)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://simulator.test") as client,
    ):
        yield World(client, mailbox)


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an app on a free port of this machine and yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        server = _QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        async def has_started() -> bool | None:
            return server.started or None

        await eventually(has_started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def a_served_simulator(
    *, behind: Callable[[ASGIApp], ASGIApp] = lambda app: app, **changes: object
) -> AsyncIterator[tuple[str, Mailbox]]:
    """Run a simulator behind a real socket, and behind what may translate for it."""
    mailbox = Mailbox()
    async with served(behind(create_simulator(settings(**changes), deliver=mailbox))) as base_url:
        yield base_url, mailbox


def a_create_body(number: str, **fields: object) -> dict[str, object]:
    """Return a neutral create call to a number that ends in the given digits."""
    return {
        "execution_id": "exec_1",
        "batch_id": "btc_1",
        "contact_id": "con_1",
        "from": "+14155550181",
        "to": f"+141555501{number}",
        "ring_timeout_seconds": 60,
        "max_duration_seconds": 1800,
        "status_callback_url": CALLBACK_URL,
        **fields,
    }


def a_search(
    to_number: str = "+14155550199",
    execution_id: str = "exec_1",
    *,
    from_number: str = "+14155550181",
    asked_at: datetime = datetime(2026, 3, 2, 11, 59, tzinfo=UTC),
) -> CallSearch:
    """Return a search for the call of a dial that was made before everything the tests play."""
    return CallSearch(
        execution_id=ExecutionId(execution_id),
        from_number=from_number,
        to_number=to_number,
        asked_at=asked_at,
    )


def a_request(number: str = "99", execution_id: str = "exec_1") -> CallRequest:
    """Return a dial to a number that ends in the given digits."""
    return CallRequest(
        execution_id=ExecutionId(execution_id),
        organization_id=OrganizationId("org_1"),
        campaign_id=CampaignId("cmp_1"),
        batch_id=BatchId("btc_1"),
        contact_id=ContactId("con_1"),
        agent_id="agent_1",
        from_number="+14155550181",
        to_number=f"+141555501{number}",
        ring_timeout=timedelta(seconds=60),
        max_duration=timedelta(minutes=30),
        variables={"first_name": "Ada"},
        context={"offer": "A"},
    )
