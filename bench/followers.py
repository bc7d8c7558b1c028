"""A crowd that follows one path by Server-Sent Events, from one process.

`python -m bench.followers URL PATH CLIENTS` reads the token from its first line of input and follows until
its input ends, then writes what it saw as JSON. HTTP is spoken by hand, and events are counted, not read: the
crowd shares the machine with what it follows.
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.crowds import run_crowd

_OPENED_AT_ONCE = 20
_BLOCK = 65_536


@dataclass
class Followed:
    """What one crowd was told."""

    opened: int = 0
    events: int = 0
    refused: int = 0
    """Answers other than 200."""
    lost: int = 0
    """Clients whose connection broke."""


async def follow(url: str, path: str, *, token: str, clients: int, until: asyncio.Event) -> Followed:
    """Follow a path with so many clients until told to stop."""
    seen, opening = Followed(), asyncio.Semaphore(_OPENED_AT_ONCE)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    crowd = [asyncio.create_task(_follow_alone(url, request, seen, opening)) for _ in range(clients)]
    await until.wait()
    for each in crowd:
        each.cancel()
    ended = await asyncio.gather(*crowd, return_exceptions=True)
    seen.lost = sum(isinstance(each, Exception) for each in ended)
    return seen


async def _follow_alone(url: str, request: bytes, seen: Followed, opening: asyncio.Semaphore) -> None:
    address = urlsplit(url)
    async with opening:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
    try:
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            seen.refused += 1
            return
        seen.opened += 1
        while block := await reader.read(_BLOCK):
            seen.events += block.count(b"event: ")
    finally:
        writer.close()


if __name__ == "__main__":
    run_crowd(follow)
