"""The application of a call, asked for verbs as Jambonz asks: by call hook, or over a websocket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeGuard
from urllib.parse import urljoin
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidURI, WebSocketException
from websockets.typing import Subprotocol

from telephony.simulator.call import Hook, Verb

ANSWER_LIMIT_SECONDS = 10.0
ACK_LIMIT_SECONDS = 5.0
"""After which Jambonz gives up a websocket that does not acknowledge."""
_LONGEST_ANSWER = 65536
_SUBPROTOCOL = Subprotocol("ws.jambonz.org")

Headers = Callable[[Hook, bytes], Mapping[str, str]]
"""Return the headers of a request with a body: who sends it, and its signature."""


class Application(Protocol):
    """Decides what a call does."""

    async def ask(self, data: Mapping[str, object], action_hook: str | None = None) -> Sequence[Verb] | None:
        """Return the verbs it answers with, to the call itself or to an action hook; None without any."""


class Applications:
    """Reaches applications, those of many calls over the same connections."""

    def __init__(self, headers: Headers, connections: int) -> None:
        self._headers = headers
        self._connections = connections
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def of_call(self, call_sid: str, hook: Hook) -> AsyncIterator[Application | None]:
        """Open the application of one call; None where it cannot be reached."""
        if not hook.url.startswith(("ws:", "wss:")):
            yield _HttpApplication(self._http(), hook, self._headers)
            return
        socket = await _connected(hook, self._headers(hook, b""))
        try:
            yield None if socket is None else _SocketApplication(socket, call_sid)
        finally:
            if socket is not None:
                await socket.close()

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def _http(self) -> httpx.AsyncClient:
        """Return the client, opened with the first call that has an application: it is dear to make."""
        if self._client is None:
            limits = httpx.Limits(max_connections=self._connections, keepalive_expiry=2)
            self._client = httpx.AsyncClient(
                timeout=ANSWER_LIMIT_SECONDS, limits=limits, follow_redirects=False, trust_env=False
            )
        return self._client


class _HttpApplication:
    def __init__(self, client: httpx.AsyncClient, hook: Hook, headers: Headers) -> None:
        self._client = client
        self._hook = hook
        self._headers = headers

    async def ask(self, data: Mapping[str, object], action_hook: str | None = None) -> Sequence[Verb] | None:
        """Post what there is to tell; an action hook may be relative to the call hook."""
        body = json.dumps(data, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                answer = await self._post(urljoin(self._hook.url, action_hook or ""), body)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError):
            return None
        return _verbs_in(answer)

    async def _post(self, url: str, body: bytes) -> bytes:
        headers = self._headers(self._hook, body)
        read = b""
        async with self._client.stream("POST", url, content=body, headers=headers) as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                read += piece
                if len(read) > _LONGEST_ANSWER:
                    return b""
        return read


class _SocketApplication:
    def __init__(self, socket: ClientConnection, call_sid: str) -> None:
        self._socket = socket
        self._call_sid = call_sid

    async def ask(self, data: Mapping[str, object], action_hook: str | None = None) -> Sequence[Verb] | None:
        """Send what there is to tell, and wait for the acknowledgement that names the message."""
        kind = {"type": "session:new"} if action_hook is None else {"type": "verb:hook", "hook": action_hook}
        message_id = uuid4().hex
        message = {**kind, "msgid": message_id, "call_sid": self._call_sid, "data": data}
        try:
            async with asyncio.timeout(ACK_LIMIT_SECONDS):
                await self._socket.send(json.dumps(message))
                return await self._acknowledged(message_id)
        except (WebSocketException, TimeoutError):
            return None

    async def _acknowledged(self, message_id: str) -> Sequence[Verb] | None:
        while True:
            message = _json_in(await self._socket.recv())
            if isinstance(message, Mapping) and message.get("msgid") == message_id:
                return _verbs_of(message.get("data"))


async def _connected(hook: Hook, headers: Mapping[str, str]) -> ClientConnection | None:
    try:
        return await connect(
            hook.url,
            subprotocols=[_SUBPROTOCOL],
            additional_headers={name: headers[name] for name in headers if name == "Authorization"},
            open_timeout=ACK_LIMIT_SECONDS,
            max_size=_LONGEST_ANSWER,
            proxy=None,
        )
    except (WebSocketException, InvalidURI, OSError, TimeoutError):
        return None


def _verbs_in(text: bytes) -> Sequence[Verb] | None:
    return _verbs_of(_json_in(text))


def _json_in(text: str | bytes) -> object:
    try:
        answer: object = json.loads(text)
    except ValueError:
        return None
    return answer


def _verbs_of(answer: object) -> Sequence[Verb] | None:
    return answer if _are_verbs(answer) else None


def _are_verbs(answer: object) -> TypeGuard[list[Verb]]:
    return isinstance(answer, list) and all(isinstance(each, dict) for each in answer)
