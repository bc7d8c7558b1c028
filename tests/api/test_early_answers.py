"""An answer given before the end of a body reaches the client, however it sends and whatever it sends."""

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from api.http import early_answers
from api.http.early_answers import EarlyAnswers
from tests.api.world import SECRET, World

Parser = Literal["auto", "httptools", "h11"]
SIX_MEGABYTES = 6 * 1024 * 1024
PIECE = b" " * 65_536
WEBHOOK = "POST /webhooks/call-status"
CAMPAIGNS = "POST /api/v1/campaigns/"
BEARER = f"Authorization: Bearer {SECRET}"


@asynccontextmanager
async def served(app: FastAPI, parser: Parser = "auto") -> AsyncIterator[int]:
    """Run the app under uvicorn on loopback; yield its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=parser,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells by a flag only
                await asyncio.sleep(0.01)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@dataclass(frozen=True)
class Client:
    """A client that looks at the answer only after it has sent everything, as most libraries do."""

    port: int = 0
    version: str = "1.1"
    is_chunked: bool = False
    closes: bool = True

    def ask(self, line: str, *headers: str, size: int = SIX_MEGABYTES) -> http.client.HTTPResponse:
        """Return the answer, read to its end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(self.head(line, headers, size))
            for piece in self._pieces(size):
                connection.sendall(piece)
            answer = http.client.HTTPResponse(connection, method=line.split()[0])
            answer.begin()
            answer.read()
            return answer

    def head(self, line: str, headers: Sequence[str], size: int) -> bytes:
        framing = "Transfer-Encoding: chunked" if self.is_chunked else f"Content-Length: {size}"
        ending = ["Connection: close"] if self.closes else []
        told = ["Host: apollo.test", "Content-Type: application/json", framing, *headers, *ending]
        return "\r\n".join([f"{line} HTTP/{self.version}", *told, "", ""]).encode()

    def _pieces(self, size: int) -> Iterator[bytes]:
        for _ in range(size // len(PIECE)):
            yield b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if self.is_chunked else PIECE
        if self.is_chunked:
            yield b"0\r\n\r\n"


SENDERS = [
    pytest.param(Client(), id="close"),
    pytest.param(Client(is_chunked=True), id="close chunked"),
    pytest.param(Client(closes=False), id="keep-alive"),
    pytest.param(Client(closes=False, is_chunked=True), id="keep-alive chunked"),
    pytest.param(Client(closes=False, version="1.0"), id="HTTP 1.0"),
]
EARLY = [
    pytest.param([CAMPAIGNS], 401, id="401"),
    pytest.param(["POST /nowhere"], 404, id="404"),
    pytest.param(["PUT /webhooks/call-status"], 405, id="405"),
    pytest.param([WEBHOOK], 413, id="413 of the webhook"),
    pytest.param([CAMPAIGNS, BEARER], 413, id="413"),
    pytest.param(["GET /api/v1/campaigns/?limit=0", BEARER], 422, id="422"),
]


@pytest.mark.process
@pytest.mark.parametrize("parser", ["httptools", "h11"])
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(("request_head", "status"), EARLY)
async def test_answer_reaches_a_client_that_sends_six_megabytes_first(
    world: World, parser: Parser, sender: Client, request_head: Sequence[str], status: int
) -> None:
    async with served(world.app, parser) as port:
        client = replace(sender, port=port)
        answers = [await asyncio.to_thread(client.ask, *request_head) for _ in range(2)]

    assert [answer.status for answer in answers] == [status] * 2
    assert {answer.will_close for answer in answers} == {sender.closes or sender.version == "1.0"}


@pytest.mark.process
async def test_answer_does_not_wait_for_the_rest_of_the_body(world: World) -> None:
    async with served(world.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(Client().head(WEBHOOK, (), SIX_MEGABYTES))
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
        for _ in range(SIX_MEGABYTES // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()

    assert head.startswith(b"HTTP/1.1 413 ")
    assert rest.endswith(b"}")


@pytest.mark.process
async def test_connection_lives_on_where_a_short_body_was_left_unread(world: World) -> None:
    async with served(world.app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        statuses = [await asyncio.to_thread(_status, connection) for _ in range(3)]
        first = connection.sock
        statuses.append(await asyncio.to_thread(_status, connection))
        assert connection.sock is first
        connection.close()

    assert statuses == [401] * 4


def _status(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/api/v1/campaigns/", body=b"x" * 10_000)
    answer = connection.getresponse()
    answer.read()
    return answer.status


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


async def _told_to(receive: Receive, *headers: tuple[bytes, bytes]) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        scope = {"type": "http", "http_version": "1.1", "headers": list(headers)}
        await EarlyAnswers(_refuse)(scope, receive, send)
    return sent


LONG, LAST = (b"content-length", b"999999999"), (b"connection", b"TE, Close")


async def test_client_that_never_ends_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_answers, "DROPPED_AT_MOST", 10 * len(PIECE))
    dropped = 0

    async def receive() -> Message:
        nonlocal dropped
        dropped += len(PIECE)
        return {"type": "http.request", "body": PIECE, "more_body": True}

    sent = await _told_to(receive, LONG, LAST)

    assert dropped == 10 * len(PIECE)
    assert [message.get("more_body", False) for message in sent[1:]] == [True, False]


@pytest.mark.parametrize("limit", ["SILENCE_SECONDS", "DROPPED_WITHIN_SECONDS"])
async def test_client_that_is_silent_or_slow_is_left_after_a_while(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_answers, limit, 0.05)

    async def receive() -> Message:
        await asyncio.sleep(0.02 if limit == "DROPPED_WITHIN_SECONDS" else 60)
        return {"type": "http.request", "body": b" ", "more_body": True}

    sent = await _told_to(receive, LONG, LAST)

    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_client_that_has_left_is_not_waited_for() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert len(await _told_to(receive, LONG, LAST)) == 3


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(b"content-length", b"0"), LAST], id="no body"),
        pytest.param([LAST], id="no body announced"),
        pytest.param([LONG], id="connection lives on"),
    ],
)
async def test_other_requests_are_answered_as_they_are(headers: list[tuple[bytes, bytes]]) -> None:
    async def receive() -> Message:
        raise AssertionError

    assert len(await _told_to(receive, *headers)) == 2
