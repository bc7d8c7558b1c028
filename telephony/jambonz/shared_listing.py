"""Concurrent searches share one listing of the provider's calls."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from domain.errors import ProviderUnavailable

RequestListing = Callable[[], Awaitable[Sequence[object]]]


class SharedListing:
    """Requests one listing at a time; each serves all callers that waited when it was requested.

    A caller that comes during a request waits for the next listing: this one may be older than its call.
    """

    def __init__(self, request: RequestListing) -> None:
        self._request = request
        self._running: asyncio.Task[Sequence[object]] | None = None
        self._next: asyncio.Task[Sequence[object]] | None = None

    async def calls(self) -> Sequence[object]:
        """Return a listing requested after this call began. Raises ProviderUnavailable."""
        if self._next is None:
            self._next = asyncio.create_task(self._request_after(self._running))
            self._next.add_done_callback(_retrieve_error)
        listing = self._next
        # A caller that gives up must not cancel the listing of the others.
        await asyncio.wait({listing})
        if listing.cancelled():
            raise ProviderUnavailable
        try:
            return listing.result()
        except ProviderUnavailable as error:  # one for each caller, with its own traceback
            raise ProviderUnavailable from error

    async def aclose(self) -> None:
        """Cancel all requests; waiting callers get ProviderUnavailable."""
        tasks = [task for task in (self._next, self._running) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _request_after(self, earlier: asyncio.Task[Sequence[object]] | None) -> Sequence[object]:
        if earlier is not None:
            await asyncio.wait({earlier})
        self._running, self._next = self._next, None
        return await self._request()


def _retrieve_error(listing: asyncio.Task[Sequence[object]]) -> None:
    """Keep asyncio from logging a failure that no caller waits for any more."""
    if not listing.cancelled():
        listing.exception()
