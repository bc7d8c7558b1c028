"""A crowd that looks at one path about once a second each, from one process over keep-alive.

`python -m bench.watchers URL PATH CLIENTS` reads the token from its first line of input and looks until
its input ends, then writes what it saw as JSON. HTTP is spoken by hand: the crowd shares the machine with
what it watches.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

from bench.crowds import run_crowd

BETWEEN_LOOKS_SECONDS = (0.8, 1.2)


@dataclass
class Seen:
    """What one crowd saw: seconds each look took, and who told the counters how often."""

    seconds: list[float] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Answers other than 200."""
    lost: int = 0
    """Clients whose connection broke."""


async def watch(url: str, path: str, *, token: str, clients: int, until: asyncio.Event) -> Seen:
    """Look at a path with so many clients until told to stop."""
    seen = Seen()
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    crowd = [asyncio.create_task(_watch_alone(url, request, seen)) for _ in range(clients)]
    await until.wait()
    for each in crowd:
        each.cancel()
    ended = await asyncio.gather(*crowd, return_exceptions=True)
    seen.lost = sum(isinstance(each, Exception) for each in ended)
    return seen


async def _watch_alone(url: str, request: bytes, seen: Seen) -> None:
    await asyncio.sleep(random.uniform(0, BETWEEN_LOOKS_SECONDS[1]))
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        while True:
            began = perf_counter()
            writer.write(request)
            status, headers = await _read_answer(reader)
            seen.seconds.append(perf_counter() - began)
            if status == 200:
                seen.sources[headers["x-counters-source"]] += 1
            else:
                seen.refused += 1
            await asyncio.sleep(random.uniform(*BETWEEN_LOOKS_SECONDS))
    finally:
        writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers["content-length"]))
    return int(first.split(" ")[1]), headers


if __name__ == "__main__":
    run_crowd(watch)
