"""How a crowd runs as a process of its own, and is told when to go home.

It reads the token from its first line of input, stays until its input ends, and writes what it saw as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable
from typing import Protocol


class Crowd(Protocol):
    """Asks for a path with so many clients until told to stop, and returns what it saw."""

    def __call__(
        self, url: str, path: str, *, token: str, clients: int, until: asyncio.Event
    ) -> Awaitable[object]:
        """Start it."""


def run_crowd(crowd: Crowd) -> None:
    """Run it by the command line: URL PATH CLIENTS."""
    url, path, clients = sys.argv[1:]
    print(json.dumps(vars(asyncio.run(_until_input_ends(crowd, url, path, int(clients))))))


async def _until_input_ends(crowd: Crowd, url: str, path: str, clients: int) -> object:
    token = sys.stdin.readline().strip()
    until, loop = asyncio.Event(), asyncio.get_running_loop()
    rest = loop.run_in_executor(None, sys.stdin.read)
    rest.add_done_callback(lambda _: until.set())
    return await crowd(url, path, token=token, clients=clients, until=until)
