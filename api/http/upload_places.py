"""How many large uploads one process receives, and how many it works on, at once; of each token fewer."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

from api.http.refusals import RateLimited
from domain.identity import TokenId

RETRY_AFTER_SECONDS = 10


@dataclass
class _Mine:
    free: asyncio.Semaphore
    users: int = 0


class Places:
    """Places that are waited for, first by a token among its own requests, then among all."""

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
            raise RateLimited(RETRY_AFTER_SECONDS) from None

    def _forget(self, token_id: TokenId, mine: _Mine) -> None:
        mine.users -= 1
        if mine.users == 0:
            del self._mine[token_id]


async def _take(places: asyncio.Semaphore, held: ExitStack) -> None:
    await places.acquire()
    held.callback(places.release)


class UploadPlaces:
    """What every large upload passes."""

    def __init__(self) -> None:
        self.receiving = Places(32, per_token=4, wait_seconds=60)
        """On disk, so that slow senders keep nobody waiting; bounded for the disk's sake."""
        self.reading = Places(2, per_token=1, wait_seconds=120)
        """In memory, a processor for seconds and up to 100,000 contacts each, until they are stored."""
