"""A client's server that takes webhooks, on loopback: it keeps what came, and answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Post:
    """What came."""

    path: str
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[Post], Awaitable[bytes]]
"""Return what is written back, status line and all."""


def an_answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Return an answer as it travels."""
    named = {"Content-Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + body


async def thanks(_: Post) -> bytes:
    """Take every post."""
    return an_answer(204)


async def silence(_: Post) -> bytes:
    """Never answer."""
    await asyncio.Event().wait()
    return b""


@dataclass
class Receiver:
    """One server."""

    port: int
    answer: Answer = thanks
    posts: list[Post] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def counted(self) -> dict[str, int]:
        """How often each event came."""
        ids = [post.event_id for post in self.posts]
        return {each: ids.count(each) for each in ids}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one post of a connection."""
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                self.posts.append(await _read(reader))
                writer.write(await self.answer(self.posts[-1]))
                await writer.drain()
        finally:
            self.at_once -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Post:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    return Post(head[0].split(" ")[1], headers, body)


@asynccontextmanager
async def a_receiver(
    answer: Answer = thanks, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Serve until the block ends; who waits then is cut off."""
    receiver = Receiver(0, answer)
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            under_way.discard(task)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await server.wait_closed()
