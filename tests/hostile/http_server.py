"""A small HTTP/1.1 server that can also misbehave: hold, cut off, reset."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""Linger for no time at all: the peer is sent a reset instead of an end."""


class Mischief(Enum):
    """What is done instead of answering properly."""

    HOLD = auto()
    """Say nothing until the asker leaves."""
    RESET = auto()
    TRUNCATE = auto()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    def json(self) -> dict[str, object]:
        """Return the body as an object."""
        read: dict[str, object] = json.loads(self.body)
        return read


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        """Return it as it travels."""
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"Content-Length: {len(self.body)}"]
        lines += [
            f"{name}: {value}" for name, value in {"Content-Type": self.content_type, **self.headers}.items()
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def json_reply(status: int, body: object, **headers: str) -> Reply:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=json.dumps(body).encode(), headers=named)


def text_reply(status: int, text: str, **headers: str) -> Reply:
    """Return an answer in plain words."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=text.encode(), content_type="text/plain; charset=utf-8", headers=named)


Handler = Callable[[Request], Awaitable[Reply | Mischief]]


async def serve(port: int, handler: Handler, stop: asyncio.Event, started: Callable[[], None]) -> None:
    """Answer on loopback until told to stop; no connection is left when it returns."""
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await _converse(reader, writer, handler)
        finally:
            writer.close()
            conversations.discard(task)

    server = await asyncio.start_server(converse, "127.0.0.1", port)
    started()
    await stop.wait()
    server.close()
    for task in conversations:
        task.cancel()
    await asyncio.gather(*conversations, return_exceptions=True)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    while (request := await _read(reader)) is not None:
        reply = await handler(request)
        match reply:
            case Reply():
                writer.write(reply.as_bytes())
                await writer.drain()
            case Mischief.HOLD:
                await reader.read()
                return
            case Mischief.TRUNCATE:
                writer.write(b'HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n{"sid":"')
                await writer.drain()
                return
            case Mischief.RESET:
                reset(writer)
                return


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection of TCP so that the peer is sent a reset."""
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection, None at its end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    address = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    return Request(method=method, path=address.path, query=query, headers=headers, body=body)
