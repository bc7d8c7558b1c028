"""Bodies that may be large: kept on disk while they arrive, and read into memory a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, TypeVar

from anyio import to_thread
from starlette.requests import Request

from api.http.body import declared_length, limited_chunks
from api.http.middleware import HELD
from api.http.refusals import RateLimited
from domain.identity import TokenId

A = TypeVar("A")
T = TypeVar("T")

KEPT_IN_MEMORY = 1024 * 1024
"""A smaller body is an ordinary one: it needs no place, and no disk."""
BLOCK = 256 * 1024
"""Bytes handed to a thread at once; a hop to it costs some hundred microseconds."""
_RETRY_AFTER_SECONDS = 10


@dataclass
class _Mine:
    free: asyncio.Semaphore
    users: int = 0


class Places:
    """Places that requests wait for: first among those of their token, then among all."""

    def __init__(self, total: int, *, per_token: int, wait_seconds: float) -> None:
        self._all = asyncio.Semaphore(total)
        self._per_token = per_token
        self._wait_seconds = wait_seconds
        self._mine: dict[TokenId, _Mine] = {}

    async def take(self, token_id: TokenId, held: ExitStack) -> None:
        """Wait for a place and keep it until `held` is closed. Raises RateLimited after a while."""
        mine = self._mine.setdefault(token_id, _Mine(asyncio.Semaphore(self._per_token)))
        mine.users += 1
        held.callback(self._forget, token_id, mine)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await _take(mine.free, held)
                await _take(self._all, held)
        except TimeoutError:
            raise RateLimited(_RETRY_AFTER_SECONDS) from None

    def _forget(self, token_id: TokenId, mine: _Mine) -> None:
        mine.users -= 1
        if mine.users == 0:
            del self._mine[token_id]


async def _take(places: asyncio.Semaphore, held: ExitStack) -> None:
    await places.acquire()
    held.callback(places.release)


class UploadPlaces:
    """How many large uploads one process receives, and how many it works on, at once; of each token fewer."""

    def __init__(self) -> None:
        self.receiving = Places(32, per_token=4, wait_seconds=60)
        """On disk, so that slow senders hold up no other upload; bounded, since the disk is."""
        self.reading = Places(2, per_token=1, wait_seconds=120)
        """In memory: each takes a processor for seconds, and holds its contacts until they are stored."""


@contextmanager
def new_spool() -> Iterator[IO[bytes]]:
    """Open a file that goes to disk once it is large, and is gone at the end."""
    with SpooledTemporaryFile(max_size=KEPT_IN_MEMORY) as spool:
        yield spool


@dataclass
class Upload:
    """One body on its way in."""

    request: Request
    token_id: TokenId
    limit: int
    _size: int = field(default=0, init=False)
    _has_place: bool = field(default=False, init=False)
    _arriving: ExitStack = field(default_factory=ExitStack, init=False)
    """Closed when the body is read from disk, or with its answer."""

    def __post_init__(self) -> None:
        """Give the places back, whatever becomes of the request."""
        self._held.push(self._arriving)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; a large one waits, unread, for a place.

        Raises BodyTooLarge, BodyTooSlow, BodiesExhausted, RateLimited.
        """
        if declared_length(self.request) <= self.limit:
            await self._take_place(declared_length(self.request))
        async for chunk in limited_chunks(self.request, self.limit, kept_in_memory=KEPT_IN_MEMORY):
            self._size += len(chunk)
            await self._take_place(self._size)
            yield chunk

    async def spool(self, spool: IO[bytes]) -> None:
        """Write the body to a file. Raises what `chunks` does."""
        block = bytearray()
        async for chunk in self.chunks():
            block += chunk
            if len(block) >= BLOCK:
                await self._off_loop(spool.write, bytes(block))
                block.clear()
        await self._off_loop(spool.write, bytes(block))

    async def enter_memory(self) -> None:
        """Wait until a body that has arrived may be worked on, until its answer. Raises RateLimited."""
        if self._size > KEPT_IN_MEMORY:
            await self._places.reading.take(self.token_id, self._held)
            self._arriving.close()

    async def read(self, spool: IO[bytes]) -> bytes:
        spool.seek(0)
        return await self._off_loop(spool.read, -1)

    async def _off_loop(self, act: Callable[[A], T], argument: A) -> T:
        """Act in a thread where the disk may block; a small body stays in memory."""
        if self._size <= KEPT_IN_MEMORY:
            return act(argument)
        return await to_thread.run_sync(act, argument)

    async def _take_place(self, size: int) -> None:
        if size > KEPT_IN_MEMORY and not self._has_place:
            self._has_place = True
            await self._places.receiving.take(self.token_id, self._arriving)

    @property
    def _places(self) -> UploadPlaces:
        places: UploadPlaces = self.request.app.state.upload_places
        return places

    @property
    def _held(self) -> ExitStack:
        held: ExitStack = self.request.scope[HELD]
        return held
