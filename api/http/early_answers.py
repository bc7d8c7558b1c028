"""Lets an answer reach a client that has not yet sent all of its body.

A connection that is closed with bytes unread is reset, and a reset takes from the client what it has not read
of the answer (RFC 9112, section 9.6). So the last answer of a connection, given before the end of the body,
is sent at once, but for its end, which closes the connection: what still comes is dropped first, up to a
bound. On a connection that lives on, the server itself drops what comes before the next request.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.body import BATCH_LIMIT

DROPPED_AT_MOST = 2 * BATCH_LIMIT
DROPPED_WITHIN_SECONDS = 30
SILENCE_SECONDS = 5


class EarlyAnswers:
    """ASGI middleware; outermost, so that nothing else waits for a slow client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (_has_body(scope) and _is_last(scope)):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        await self._app(scope, exchange.receive, exchange.send)
        await exchange.finish()


class _Exchange:
    """One request with a body, and its answer."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_read = False
        self._is_withheld = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        is_end = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_end and not self._is_read:
            self._is_withheld = True
            message = {**message, "more_body": True}
        await self._send(message)

    async def finish(self) -> None:
        """Send the end of an early answer, once the client has sent its own or gone on for too long."""
        if not self._is_withheld:
            return
        try:
            async with asyncio.timeout(DROPPED_WITHIN_SECONDS):
                await self._drop()
        except TimeoutError:
            pass
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drop(self) -> None:
        dropped = 0
        while not self._is_read and dropped < DROPPED_AT_MOST:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await self.receive()
            dropped += len(message.get("body", b""))


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _is_last(scope: Scope) -> bool:
    """Return whether the server closes the connection after the answer."""
    options = [value.lower() for name, value in scope["headers"] if name == b"connection"]
    return scope["http_version"] == "1.0" or b"close" in b",".join(options).replace(b" ", b"").split(b",")
