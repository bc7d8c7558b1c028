"""How the simulator's webhooks travel: retried, in order, signed, and over a plain socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from telephony.signature import SIGNATURE_HEADER, verify
from telephony.simulator import webhook_sender as sender
from telephony.simulator.app import create_simulator
from telephony.simulator.webhook_client import NoAnswer, WebhookHttpClient
from tests.telephony.world import (
    AN_INSTANT,
    Mailbox,
    Received,
    a_simulator,
    eventually,
    served,
    settings,
    webhooks,
)

ORDINARY_CALL = ["ringing", "in_progress", "completed"]
SECRET = "example-webhook-secret"


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(sender, "LONGEST_PAUSE_SECONDS", 0.004)


@pytest.mark.usefixtures("_short_pauses")
@pytest.mark.parametrize("answer", [500, 502, 503, 404, 408, 429, None])
async def test_a_webhook_that_was_not_taken_is_sent_again_before_the_next(answer: int | None) -> None:
    async with a_simulator(mailbox=Mailbox(answer, answer)) as world:
        await world.placed("99")
        await world.mailbox.holds(3)
        ledger = await world.ledger()
    tried = [each.body["call_status"] for each in world.mailbox.tried]
    assert tried == ["ringing", "ringing", *ORDINARY_CALL]
    assert ledger["webhooks"] == webhooks(sent=3, retried=2)


@pytest.mark.usefixtures("_short_pauses")
async def test_a_webhook_sent_again_is_the_same_to_the_byte() -> None:
    async with a_simulator(mailbox=Mailbox(503), webhook_secret=SECRET) as world:
        await world.placed("01")
        await world.mailbox.holds(1)
    first, second = world.mailbox.tried
    assert first == second


@pytest.mark.parametrize("answer", [301, 400, 401, 403, 413, 415, 422])
async def test_a_webhook_refused_for_good_is_given_up_and_the_next_one_sent(answer: int) -> None:
    async with a_simulator(mailbox=Mailbox(answer)) as world:
        await world.placed("99")
        await world.mailbox.holds(2)
        ledger = await world.ledger()
    assert world.mailbox.statuses == ["in_progress", "completed"]
    assert ledger["webhooks"] == webhooks(sent=2, given_up=1)


@pytest.mark.usefixtures("_short_pauses")
async def test_patience_ends() -> None:
    async with a_simulator(mailbox=Mailbox(*[503] * 1000), webhook_patience_seconds=AN_INSTANT) as world:
        await world.placed("01")

        async def look() -> int | None:
            return (await world.ledger())["webhooks"]["given_up"] or None

        assert await eventually(look) == 1
    assert world.mailbox.taken == []


def test_patience_is_longer_than_a_restart_by_default() -> None:
    assert settings().webhook_patience_seconds >= 120


async def test_one_calls_silence_keeps_no_other_call_waiting() -> None:
    class HalfDeaf(Mailbox):
        """Takes nothing that concerns the first execution."""

        async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
            if json.loads(body)["execution_id"] == "exec_1":
                await asyncio.Event().wait()
            return await super().__call__(url, headers, body)

    async with a_simulator(mailbox=HalfDeaf(), concurrent_webhooks=2) as world:
        await world.placed("99", execution_id="exec_1")
        for number in range(2, 12):
            await world.placed("99", execution_id=f"exec_{number}")
        await world.mailbox.holds(30)
        ledger = await world.ledger_at_rest()
    assert len(ledger["rings"]) == 11
    for number in range(2, 12):
        mine = [each.body for each in world.mailbox.taken if each.body["execution_id"] == f"exec_{number}"]
        assert [body["call_status"] for body in mine] == ORDINARY_CALL


async def test_calls_end_on_time_while_nobody_takes_their_webhooks() -> None:
    async with a_simulator(mailbox=Mailbox(*[503] * 1000)) as world:
        await world.placed("99")
        ledger = await world.ledger_at_rest()
    assert ledger["rings"][0]["ended_at"] is not None
    assert world.mailbox.taken == []


async def test_with_a_secret_webhooks_are_signed() -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    async with a_simulator(webhook_secret=SECRET, clock=lambda: now) as world:
        await world.placed("99")
        received = await world.mailbox.holds(3)
    assert all(verify(each.headers[SIGNATURE_HEADER], each.raw_body, [SECRET], now) for each in received)


async def test_without_a_secret_webhooks_are_not_signed() -> None:
    async with a_simulator() as world:
        await world.placed("01")
        [received] = await world.mailbox.holds(1)
    assert SIGNATURE_HEADER not in received.headers


class Receiver:
    """A bare HTTP server: remembers requests and answers each with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self._answer = answer

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Receiver"]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self._answer)
                if not self._answer or b"close" in self._answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


@asynccontextmanager
async def a_sender() -> AsyncIterator[WebhookHttpClient]:
    sender = WebhookHttpClient(connections=2)
    try:
        yield sender
    finally:
        await sender.aclose()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.process
async def test_a_webhook_on_the_wire() -> None:
    async with Receiver(OK).open() as receiver, a_sender() as send:
        code = await send(f"{receiver.url}/hook?a=1 2#rc=3", {"X-One": "1"}, b'{"a":1}')
    [request] = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    request_line, *headers = head.decode().split("\r\n")
    host = receiver.url.removeprefix("http://")
    assert code == 200
    assert request_line == "POST /hook?a=1%202 HTTP/1.1"
    assert {f"Host: {host}", "Content-Length: 7", "X-One: 1"} <= set(headers)
    assert body == b'{"a":1}'


@pytest.mark.process
@pytest.mark.parametrize(
    ("answer", "code", "connections"),
    [
        pytest.param(OK, 200, 1, id="the connection is kept"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, 1, id="nor does 204 end it"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, 1, id="100 is no answer yet"),
        pytest.param(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 503, 1, id="503"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, 2, id="asked to close"
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 2, id="HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, 1, id="sent in chunks"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 200, 2, id="too long to read"),
    ],
)
async def test_a_connection_is_used_again_where_that_is_safe(
    answer: bytes, code: int, connections: int
) -> None:
    async with Receiver(answer).open() as receiver, a_sender() as send:
        codes = [await send(receiver.url, {}, b"{}") for _ in range(2)]
    assert (codes, receiver.connections) == ([code, code], connections)


@pytest.mark.process
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="hangs up"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\nclose", id="no code"),
        pytest.param(b"nonsense\r\n\r\nclose", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nclose", id="no length"),
        pytest.param(b"HTTP/1.1 200 OK close", id="cut off"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_none(answer: bytes) -> None:
    async with Receiver(answer).open() as receiver, a_sender() as send:
        with pytest.raises(NoAnswer):
            await send(receiver.url, {}, b"{}")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "/hook", "http://", "http://127.0.0.1:99999/", "http://[x/"]
)
async def test_an_address_that_leads_nowhere_has_no_answer(url: str) -> None:
    async with a_sender() as send:
        with pytest.raises(NoAnswer):
            await send(url, {}, b"{}")


@pytest.mark.process
async def test_a_closed_port_has_no_answer() -> None:
    async with Receiver(OK).open() as receiver:
        url = receiver.url
    async with a_sender() as send:
        with pytest.raises(NoAnswer):
            await send(url, {}, b"{}")


@pytest.mark.process
async def test_a_silent_receiver_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.simulator.webhook_client.ANSWER_LIMIT_SECONDS", AN_INSTANT)
    async with Receiver(b"HTTP/1.1 200").open() as receiver, a_sender() as send:
        with pytest.raises(NoAnswer):
            await send(receiver.url, {}, b"{}")


@pytest.mark.process
async def test_an_answer_that_trickles_in_is_not_awaited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.simulator.webhook_client.ANSWER_LIMIT_SECONDS", 4 * AN_INSTANT)

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-More: to come\r\n")
            await asyncio.sleep(AN_INSTANT)

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server, a_sender() as send:
        with pytest.raises(NoAnswer):
            await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")


@pytest.mark.process
async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with Receiver(OK).open() as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        # From Python 3.12 on a server waits at its end for its connections, so the sender ends first.
        async with Receiver(moved.encode()).open() as receiver, a_sender() as send:
            code = await send(receiver.url, {}, b"{}")
    assert (code, elsewhere.requests) == (307, [])


@pytest.mark.process
async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with Receiver(OK).open() as receiver, a_sender() as send:
        assert await send(receiver.url, {}, b"{}") == 200


@pytest.mark.process
async def test_an_idle_connection_is_not_used_again_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.simulator.webhook_client.IDLE_LIMIT_SECONDS", -1)
    async with Receiver(OK).open() as receiver, a_sender() as send:
        for _ in range(2):
            await send(receiver.url, {}, b"{}")
    assert receiver.connections == 2


@pytest.mark.process
async def test_a_served_simulator_writes_to_a_real_receiver() -> None:
    async with (
        Receiver(OK).open() as receiver,
        served(create_simulator(settings())) as base_url,
        httpx.AsyncClient(base_url=base_url) as client,
    ):
        body = {"execution_id": "e", "from": "+1", "to": "+14155550199", "status_callback_url": receiver.url}
        await client.post("/calls", json=body)

        async def look() -> list[bytes] | None:
            return receiver.requests if len(receiver.requests) == 3 else None

        requests = await eventually(look)
    bodies = [Received("", {}, request.partition(b"\r\n\r\n")[2]).body for request in requests]
    assert [body["call_status"] for body in bodies] == ORDINARY_CALL
