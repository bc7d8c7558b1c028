"""Activities that end calls."""

import asyncio
from collections.abc import Callable

from temporalio import activity

from activities.failures import translating_failures
from activities.messages import HangUpSkipped
from domain.batch import MAX_CONCURRENCY_LIMIT
from domain.identity import BatchId
from domain.ports import ContactStore, TelephonyProvider

HANG_UPS_AT_ONCE = 4
"""So few that a slow provider's rate limit admits each before it gives up waiting."""


class HangUpActivities:
    """Ask the provider to end calls."""

    def __init__(self, provider: TelephonyProvider, contacts: ContactStore) -> None:
        self._provider = provider
        self._contacts = contacts

    @activity.defn
    @translating_failures
    async def hang_up_skipped(self, request: HangUpSkipped) -> None:
        """Ask the provider to end the calls of contacts that were skipped while being set up.

        Best effort: a call that goes on is followed to its end all the same.
        """
        open_calls = await self._contacts.calls_to_hang_up(BatchId(request.batch_id), MAX_CONCURRENCY_LIMIT)
        gate = asyncio.Semaphore(HANG_UPS_AT_ONCE)

        async def hang_up(provider_call_id: str) -> None:
            async with gate:
                await self._provider.hang_up(provider_call_id)

        await asyncio.gather(*(hang_up(provider_call_id) for _, provider_call_id in open_calls))

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.hang_up_skipped,)
