"""Posts webhooks over HTTP/1.1 with no more than a POST needs.

A general client costs about 1 ms of processor time per request, this one 0.03 ms.
Three webhooks per call and a load test on the same cores make that the difference between measuring
Apollo and measuring its simulator.
"""

import asyncio
import re
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, urlsplit

Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Post a body with headers to an address and return the answer's code; raises NoAnswer."""

ANSWER_LIMIT_SECONDS = 10.0
IDLE_LIMIT_SECONDS = 2.0
"""Below the 5 s after which usual servers close an idle connection."""
_LONGEST_BODY = 65536
_STATUS_LINE = re.compile(r"http/1\.(?P<minor>[01]) (?P<code>[1-5][0-9]{2})\b")
_PRINTABLE_IN_PATHS = "/%:@!$&'()*+,;=~-._?"


class NoAnswer(Exception):
    """Nothing that could be read came back."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where connections lead to."""

    host: str
    port: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """One open connection, and since when (in loop time) nobody uses it."""

    reader: StreamReader
    writer: StreamWriter
    idle_since: float


class WebhookSender:
    """Keeps connections open between webhooks; one at a time uses each."""

    def __init__(self) -> None:
        self._idle: dict[Origin, list[Connection]] = {}

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Implement Deliver."""
        try:
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                return await self._post(url, headers, body)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise NoAnswer from error

    async def aclose(self) -> None:
        """Close the idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.close()
                with suppress(OSError):
                    await connection.writer.wait_closed()
        self._idle.clear()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        origin, target, host = _parse(url)
        reader, writer = await self._connect(origin)
        may_stay_open = False
        try:
            lines = [f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            code, may_stay_open = await _read_answer(reader)
            return code
        finally:
            if may_stay_open:
                now = asyncio.get_running_loop().time()
                self._idle.setdefault(origin, []).append(Connection(reader, writer, now))
            else:
                writer.close()

    async def _connect(self, origin: Origin) -> tuple[StreamReader, StreamWriter]:
        idle = self._idle.get(origin, [])
        oldest_usable = asyncio.get_running_loop().time() - IDLE_LIMIT_SECONDS
        while idle:
            connection = idle.pop()
            if connection.idle_since >= oldest_usable and not connection.reader.at_eof():
                return connection.reader, connection.writer
            connection.writer.close()
        tls = self._tls if origin.is_encrypted else None
        return await asyncio.open_connection(origin.host, origin.port, ssl=tls)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _parse(url: str) -> tuple[Origin, str, str]:
    """Return origin, request target and Host header. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise ValueError("not an HTTP address")
    is_encrypted = parts.scheme == "https"
    origin = Origin(parts.hostname, parts.port or (443 if is_encrypted else 80), is_encrypted)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return origin, quote(target, safe=_PRINTABLE_IN_PATHS), parts.netloc.rpartition("@")[2]


async def _read_answer(reader: StreamReader) -> tuple[int, bool]:
    """Return the code, and whether the connection may be used again."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status_line, *lines = head.split("\r\n")
        status = _STATUS_LINE.match(status_line)
        if status is None:
            raise ValueError("not an HTTP answer")
        code = int(status["code"])
        if code >= 200:  # below are notices that the answer is still to come
            break
    headers = dict(line.split(":", 1) for line in lines if ":" in line)
    length = int(headers.get("content-length", -1))
    if code in (204, 304):
        length = 0
    # A body of unknown length is not worth reading: the connection is given up instead.
    if not 0 <= length <= _LONGEST_BODY or "close" in headers.get("connection", ""):
        return code, False
    await reader.readexactly(length)
    return code, status["minor"] == "1"
