"""The way of the provider's webhooks: they may be lost, doubled, shuffled or late."""

import asyncio
import random
from contextlib import suppress
from enum import StrEnum

import httpx

from tests.hostile.http_server import Mischief, Reply, Request, serve
from tests.storms.link import Loop

_TRIES = 40
_BETWEEN_TRIES_SECONDS = 0.5
"""A webhook that was taken over is brought within twenty seconds, or counts as lost."""


class Post(StrEnum):
    """What happens to a webhook on its way."""

    PLAIN = "plain"
    LOST = "lost"
    """Thanked for, and never brought."""
    DOUBLED = "doubled"
    SHUFFLED = "shuffled"
    """Thanked for, and brought within three seconds, in any order."""
    LATE = "late"
    """Thanked for, and brought after four to eight seconds."""


_KEPT_SECONDS = {Post.SHUFFLED: (0.0, 3.0), Post.LATE: (4.0, 8.0)}
_OF_A_HOP = frozenset({"host", "content-length", "connection"})
_THANKS = Reply(status=200, body=b'{"result":"accepted"}')


class PostOffice:
    """Takes the provider's webhooks at `url` and brings them to the API."""

    def __init__(self, loop: Loop, port: int, api_url: str, seed: int = 0) -> None:
        """Open it; webhooks pass as they are."""
        self.url = f"http://127.0.0.1:{port}/webhooks/call-status"
        self.habit = Post.PLAIN
        self.lost = 0
        self._target = f"{api_url}/webhooks/call-status"
        self._loop = loop
        self._random = random.Random(seed)
        self._kept: set[asyncio.Task[None]] = set()
        loop.run(self._open(port))

    @property
    def kept(self) -> int:
        """How many webhooks are still to be brought."""
        return len(self._kept)

    def close(self) -> None:
        """Drop what is kept, and take nothing more."""
        self._loop.run(self._close())

    async def _open(self, port: int) -> None:
        self._client = httpx.AsyncClient(trust_env=False, timeout=10)
        self._stop, opened = asyncio.Event(), asyncio.Event()
        self._serving = asyncio.create_task(serve(port, self._take, self._stop, opened.set))
        await opened.wait()

    async def _close(self) -> None:
        self._stop.set()
        for task in self._kept:
            task.cancel()
        await asyncio.gather(self._serving, *self._kept, return_exceptions=True)
        await self._client.aclose()

    async def _take(self, request: Request) -> Reply | Mischief:
        match self.habit:
            case Post.LOST:
                self.lost += 1
                return _THANKS
            case Post.SHUFFLED | Post.LATE as habit:
                self._keep(request, self._random.uniform(*_KEPT_SECONDS[habit]))
                return _THANKS
            case Post.DOUBLED:
                await self._bring(request)
        return await self._bring(request)

    def _keep(self, request: Request, seconds: float) -> None:
        task = asyncio.create_task(self._bring_later(request, seconds))
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def _bring_later(self, request: Request, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for _ in range(_TRIES):
            reply = await self._bring(request)
            if isinstance(reply, Reply) and reply.status < 500:
                return
            await asyncio.sleep(_BETWEEN_TRIES_SECONDS)
        self.lost += 1

    async def _bring(self, request: Request) -> Reply | Mischief:
        """Hand a webhook over as it came, its signature too; one that nobody takes is answered by a reset."""
        passed = {name: value for name, value in request.headers.items() if name not in _OF_A_HOP}
        with suppress(httpx.HTTPError):
            answer = await self._client.post(self._target, content=request.body, headers=passed)
            return Reply(status=answer.status_code, body=answer.content)
        return Mischief.RESET
