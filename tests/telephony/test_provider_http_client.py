"""What every provider's HTTP has in common: two pools, one rate, nothing twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.errors import ProviderUnavailable
from domain.telephony import Ambiguous, Unavailable
from telephony.provider_http_client import ProviderHttpClient, RateLimited
from telephony.request_rate import RequestRate
from tests.telephony.rotary_replies import answering

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
URL = "http://provider.test/calls"
AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def a_client(
    reply: Callable[[httpx.Request], httpx.Response] | None = None,
    *,
    per_second: float | None = None,
    dial_timeout: timedelta = timedelta(seconds=5),
) -> AsyncIterator[ProviderHttpClient]:
    async with ProviderHttpClient(
        {"Authorization": "Bearer key"},
        dial_timeout=dial_timeout,
        rate=RequestRate(per_second),
        transport=None if reply is None else httpx.MockTransport(reply),
        now=lambda: NOW,
    ) as http:
        yield http


@dataclass
class Wire:
    """A socket that counts its connections and requests."""

    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def a_wire(*pieces: bytes, pause: float = 0) -> AsyncIterator[Wire]:
    """Serve the same answer to every request, piece by piece."""
    wire = Wire()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                wire.requests.append(head)
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    wire.url = f"http://{host}:{port}/calls"
    async with server:
        yield wire


@pytest.mark.process
async def test_every_dial_opens_a_connection_of_its_own_and_questions_share_one() -> None:
    async with a_wire(AN_ANSWER) as wire, a_client() as http:
        for _ in range(3):
            await http.ask("GET", wire.url)
        assert wire.connections == 1
        for _ in range(3):
            await http.dial("POST", wire.url, content=b"")
        assert wire.connections == 4


@pytest.mark.process
async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with a_wire(AN_ANSWER) as wire, a_client() as http:
        assert (await http.ask("GET", wire.url)).status_code == 200


@pytest.mark.process
async def test_an_answer_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.provider_http_client.CONNECT_TIMEOUT", timedelta(seconds=0.1))
    monkeypatch.setattr("telephony.provider_http_client.REQUEST_TIMEOUT", timedelta(seconds=0.1))
    trickle = [AN_ANSWER[at : at + 1] for at in range(len(AN_ANSWER))]
    async with (
        a_wire(*trickle, pause=0.05) as wire,
        a_client(dial_timeout=timedelta(seconds=0.1)) as http,
    ):
        with pytest.raises(ProviderUnavailable):
            await http.ask("GET", wire.url)
        assert await http.dial("POST", wire.url, content=b"") == Ambiguous(
            "no answer to the dial: TimeoutError"
        )


@pytest.mark.process
async def test_who_hangs_up_in_mid_answer_may_have_dialled() -> None:
    async with a_wire(b"HTTP/1.1 201 Created\r\nContent-Length: x\r\n\r\n") as wire, a_client() as http:
        assert await http.dial("POST", wire.url, content=b"") == Ambiguous(
            "no answer to the dial: RemoteProtocolError"
        )
        assert len(wire.requests) == 1


@pytest.mark.process
async def test_nobody_at_the_address_was_not_asked() -> None:
    async with a_wire(AN_ANSWER) as wire:
        pass
    async with a_client() as http:
        assert await http.dial("POST", wire.url, content=b"") == Unavailable(
            "provider not reached: ConnectError"
        )
        with pytest.raises(ProviderUnavailable):
            await http.ask("GET", wire.url)


@pytest.mark.parametrize("url", ["calls", "http://provider.test:x/", "http://provider\x00.test/"])
async def test_what_is_no_address_was_not_asked(url: str) -> None:
    async with a_client() as http:
        assert isinstance(await http.dial("POST", url, content=b""), Unavailable)
        with pytest.raises(ProviderUnavailable):
            await http.ask("GET", url)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(status, headers={"Location": "http://elsewhere.test/"})

    async with a_client(reply) as http:
        dialled = await http.dial("POST", URL, content=b"{}")
        answered = await http.ask("GET", URL)
    assert isinstance(dialled, httpx.Response)
    assert (dialled.status_code, answered.status_code, asked) == (status, status, ["POST", "GET"])


async def test_what_is_asked_carries_the_key_and_says_what_it_is() -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async with a_client(reply) as http:
        await http.dial("POST", URL, content=b"{}", headers={"Idempotency-Key": "exec_1"})
        await http.ask("PUT", URL, content=b"{}")
        await http.ask("GET", URL, params={"to": "+1", "page": 1})
    assert {each.headers["Authorization"] for each in seen} == {"Bearer key"}
    assert [each.headers.get("Content-Type") for each in seen] == ["application/json"] * 2 + [None]
    assert [each.headers.get("Idempotency-Key") for each in seen] == ["exec_1", None, None]
    assert seen[2].url.query == b"to=%2B1&page=1"


@pytest.mark.parametrize("kind", ["dial", "question"])
async def test_whoever_is_throttled_everybody_leaves_the_provider_alone(kind: str) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(429, headers={"Retry-After": "40"})

    async with a_client(reply) as http:
        if kind == "dial":
            await http.dial("POST", URL, content=b"{}")
        else:
            with pytest.raises(RateLimited):
                await http.ask("GET", URL)
        for is_hang_up in (False, True):
            with pytest.raises(RateLimited):
                await http.ask("GET", URL, is_hang_up=is_hang_up)
        wait = await http.acquire()
    assert timedelta(seconds=39) < wait <= timedelta(seconds=40)
    assert len(asked) == 1


async def test_without_a_turn_nothing_is_asked() -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(200)

    async with a_client(reply, per_second=0.1) as http:
        assert await http.acquire() == timedelta()
        with pytest.raises(RateLimited):
            await http.ask("GET", URL)
        assert asked == []
        await http.ask("DELETE", URL, is_hang_up=True)
    assert asked == ["DELETE"]


async def test_a_dial_does_not_wait_for_a_second_turn() -> None:
    async with a_client(answering(201), per_second=0.1) as http:
        assert await http.acquire() == timedelta()
        assert isinstance(await http.dial("POST", URL, content=b"{}"), httpx.Response)


@pytest.mark.parametrize("headers", [{"X-Key": "sécret"}, {"X-Key": "secret\n"}, {"": "secret"}, {"Ké": "x"}])
async def test_a_header_http_cannot_carry_is_refused_and_not_shown(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no header can carry") as caught:
        ProviderHttpClient(headers, dial_timeout=timedelta(seconds=1), rate=RequestRate(None))
    assert "secret" not in str(caught.value)
