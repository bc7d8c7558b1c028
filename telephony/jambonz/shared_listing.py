"""One listing of the provider's calls for everybody who asks at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from domain.errors import ProviderUnavailable

AskForCalls = Callable[[], Awaitable[Sequence[object]]]


class SharedListing:
    """Asks for one list at a time, and gives each to all who were waiting when it was asked for.

    Who comes while a list is on its way waits for the next one: that one may be older than their call.
    """

    def __init__(self, ask: AskForCalls) -> None:
        self._ask = ask
        self._running: asyncio.Task[Sequence[object]] | None = None
        self._next: asyncio.Task[Sequence[object]] | None = None

    async def calls(self) -> Sequence[object]:
        """Return a list that was asked for after this was. Raises ProviderUnavailable."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask_after(self._running))
            self._next.add_done_callback(_look_at)
        listing = self._next
        # Who gives up waiting must not take the list away from the others.
        await asyncio.wait({listing})
        if listing.cancelled():
            raise ProviderUnavailable
        try:
            return listing.result()
        except ProviderUnavailable as error:  # its own for each who waited: they carry their way up
            raise ProviderUnavailable from error

    async def aclose(self) -> None:
        """Let everybody go who waits for a list."""
        tasks = [task for task in (self._next, self._running) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_after(self, earlier: asyncio.Task[Sequence[object]] | None) -> Sequence[object]:
        if earlier is not None:
            await asyncio.wait({earlier})
        self._running, self._next = self._next, None
        return await self._ask()


def _look_at(listing: asyncio.Task[Sequence[object]]) -> None:
    """Whoever waited may have given up: a failure that nobody sees is no news."""
    if not listing.cancelled():
        listing.exception()
