"""An answered call asks its application what to do, as Jambonz asks, and does it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from telephony.signature import SIGNATURE_HEADER, verify
from telephony.simulator.conversation import MOST_QUESTIONS
from tests.telephony.world import CALLBACK_URL, World, a_simulator, served

pytestmark = pytest.mark.process

SECRET, SID = "hush", "a" * 36
TAG = {"attempt_id": "exec_1", "contact_id": "con_1", "brief": '{"variables":{},"context":{}}'}
HELLO: Mapping[str, object] = {"verb": "say", "text": "Hello."}
QUESTION: Mapping[str, object] = {"verb": "gather", "input": ["speech"], "actionHook": "/heard"}
GOODBYE: Mapping[str, object] = {"verb": "say", "text": "Goodbye."}
HANGUP: Mapping[str, object] = {"verb": "hangup"}
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

Verbs = Sequence[Mapping[str, object]]


@dataclass
class Agent:
    """An application that answers its call hook, and its action hook `/heard`; keeps what it was told."""

    first: object = (HELLO, QUESTION, GOODBYE)
    then: object = (GOODBYE, HANGUP)
    status: int = 200
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def app(self) -> Starlette:
        hooks = [Route(path, self._hook, methods=["POST"]) for path in ("/call", "/heard")]
        return Starlette(routes=[*hooks, WebSocketRoute("/socket", self._socket)])

    def _answer(self, place: str) -> object:
        answer = self.first if place in ("/call", "session:new") else self.then
        return list(answer) if isinstance(answer, tuple) else answer

    async def _hook(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.headers.append(request.headers)
        self.told.append((request.url.path, json.loads(self.bodies[-1])))
        return JSONResponse(self._answer(request.url.path), self.status)

    async def _socket(self, socket: WebSocket) -> None:
        self.headers.append(socket.headers)
        await socket.accept(subprotocol="ws.jambonz.org")
        try:
            while True:
                message = await socket.receive_json()
                place = message.get("hook", message["type"])
                self.told.append((place, message["data"]))
                await socket.send_json({"type": "command", "command": "mute:status"})
                ack = {"type": "ack", "msgid": message["msgid"], "data": self._answer(place)}
                await socket.send_json(ack)
        except WebSocketDisconnect:
            return


@asynccontextmanager
async def called(agent: Agent, hook: str = "/call", **changes: object) -> AsyncIterator[World]:
    """Place a call that runs an application, and yield when it is over."""
    async with served(agent.app()) as base_url:
        url = base_url + hook if hook.startswith("/call") else f"ws{base_url.removeprefix('http')}{hook}"
        options = {"talk_seconds": 30.0, "clock": lambda: NOW, "webhook_secret": SECRET} | changes
        async with a_simulator(**options) as world:  # type: ignore[arg-type]  # by name
            await place(world, call_hook={"url": url, "method": "POST"})
            await world.ledger_at_rest()
            yield world


async def place(world: World, **fields: object) -> None:
    body = {
        "from": "14155550181",
        "to": {"type": "phone", "number": "14155550199"},
        "call_status_hook": CALLBACK_URL,
        "tag": TAG,
        **fields,
    }
    answer = await world.client.post("/v1/Accounts/acc-1/Calls", json=body)
    assert answer.status_code == 201, answer.text


async def verbs_of(world: World) -> list[object]:
    [ring] = (await world.ledger())["rings"]
    verbs = ring["verbs"]
    assert isinstance(verbs, list)
    return verbs


@pytest.mark.parametrize("hook", ["/call", "/socket"])
async def test_answered_call_asks_its_application_and_does_what_it_says(hook: str) -> None:
    agent = Agent()
    async with called(agent, hook) as world:
        last = (await world.mailbox.holds(4))[-1].body
        verbs = await verbs_of(world)

    assert [place for place, _ in agent.told] == ["/call" if hook == "/call" else "session:new", "/heard"]
    assert verbs == [HELLO, QUESTION, GOODBYE, GOODBYE, HANGUP]
    assert (last["call_status"], last["call_termination_by"]) == ("completed", "jambonz")


@pytest.mark.parametrize("hook", ["/call", "/socket"])
async def test_application_is_told_of_the_call_with_its_tag_and_of_what_was_said(hook: str) -> None:
    agent = Agent()
    async with called(agent, hook, says="Yes, please.") as world:
        call_sid = (await world.mailbox.holds(1))[0].body["call_sid"]

    (_, first), (_, second) = agent.told
    assert (first["call_sid"], first["call_status"], first["customerData"]) == (call_sid, "in-progress", TAG)
    assert (second["call_sid"], second["customerData"]) == (call_sid, TAG)
    assert second["reason"] == "speechDetected"
    assert second["speech"]["alternatives"][0]["transcript"] == "Yes, please."


async def test_callee_who_says_nothing_lets_the_time_pass() -> None:
    agent = Agent()
    async with called(agent, says=""):
        pass

    _, heard = agent.told[1]
    assert (heard["reason"], "speech" in heard) == ("timeout", False)


async def test_hooks_are_signed() -> None:
    agent = Agent()
    async with called(agent):
        pass

    assert len(agent.bodies) == 2
    for headers, body in zip(agent.headers, agent.bodies, strict=True):
        assert verify(headers[SIGNATURE_HEADER], body, [SECRET], NOW)


async def test_websocket_speaks_jambonz_protocol_and_shows_the_password_of_its_address() -> None:
    agent = Agent()
    async with served(agent.app()) as base_url, a_simulator(talk_seconds=30.0) as world:
        await place(world, call_hook=f"ws://jambonz:{SECRET}@{base_url.removeprefix('http://')}/socket")
        await world.ledger_at_rest()

    [headers] = agent.headers
    assert headers["sec-websocket-protocol"] == "ws.jambonz.org"
    assert headers["authorization"] == "Basic amFtYm9uejpodXNo"


async def test_application_that_was_named_takes_the_place_of_the_call_hook() -> None:
    agent = Agent()
    async with served(agent.app()) as base_url:
        known = {SID: f"{base_url}/call"}
        async with a_simulator(talk_seconds=30.0, applications=known) as world:
            await place(world, application_sid=SID, call_hook="http://127.0.0.1:9/nobody")
            await world.ledger_at_rest()

    assert [place for place, _ in agent.told] == ["/call", "/heard"]


@pytest.mark.parametrize(
    "agent",
    [
        pytest.param(Agent(first=[]), id="no verbs"),
        pytest.param(Agent(first={"verb": "say"}), id="no list"),
        pytest.param(Agent(first=["say"]), id="no verbs in the list"),
        pytest.param(Agent(status=500), id="a defect"),
        pytest.param(Agent(first=(HANGUP, HELLO)), id="hangup first"),
    ],
)
@pytest.mark.parametrize("hook", ["/call", "/socket", "/call/nowhere"])
async def test_call_with_nothing_to_do_ends_at_once(agent: Agent, hook: str) -> None:
    if hook == "/socket" and agent.status != 200:
        agent = Agent(first=None)
    async with called(agent, hook) as world:
        last = (await world.mailbox.holds(4))[-1].body

    assert (last["call_status"], last["call_termination_by"]) == ("completed", "jambonz")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/call", "ws://127.0.0.1:9/socket", "ws://", "http://["])
async def test_call_whose_application_is_not_there_ends_at_once(url: str) -> None:
    async with a_simulator(talk_seconds=30.0) as world:
        await place(world, call_hook=url)
        last = (await world.mailbox.holds(4))[-1].body

    assert (last["call_status"], last["call_termination_by"]) == ("completed", "jambonz")


async def test_callee_who_hangs_up_is_asked_nothing_more() -> None:
    agent = Agent(first=({"verb": "pause", "length": 0.05}, QUESTION))
    async with called(agent, talk_seconds=0.01) as world:
        last = (await world.mailbox.holds(4))[-1].body
        await asyncio.sleep(0.1)  # the application's pause goes on and ends

    assert last["call_termination_by"] == "caller"
    assert "/heard" not in [place for place, _ in agent.told]


async def test_application_that_asks_for_ever_is_hung_up_on() -> None:
    agent = Agent(then=(QUESTION,))
    async with called(agent, "/socket"):
        pass

    assert len(agent.told) == 1 + MOST_QUESTIONS


async def test_call_without_an_application_talks_as_before() -> None:
    async with a_simulator() as world:
        await place(world)
        last = (await world.mailbox.holds(4))[-1].body
        assert await verbs_of(world) == []

    assert (last["call_status"], last["call_termination_by"]) == ("completed", "caller")
