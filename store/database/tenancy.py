"""Whose work is done, and how much of a pool one tenant may hold, so that nobody can stop the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from domain.errors import StoreBusy
from domain.identity import OrganizationId

_tenant: ContextVar[OrganizationId | None] = ContextVar("tenant", default=None)


def work_for(organization_id: OrganizationId | None) -> None:
    """Have what this task does from now on count for a tenant, or for nobody."""
    _tenant.set(organization_id)


@dataclass
class _Share:
    free: asyncio.Semaphore
    users: int = 0


@dataclass(frozen=True, kw_only=True)
class TenantShares:
    """Lets each tenant hold so many connections of one pool at once; work of nobody's is not counted."""

    connections_each: int
    wait_seconds: float
    _shares: dict[OrganizationId, _Share] = field(default_factory=dict)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Count as one connection of the tenant this task works for. Raises StoreBusy."""
        tenant = _tenant.get()
        if tenant is None:
            yield
            return
        share = self._shares.setdefault(tenant, _Share(asyncio.Semaphore(self.connections_each)))
        share.users += 1
        try:
            await self._wait(share)
            try:
                yield
            finally:
                share.free.release()
        finally:
            share.users -= 1
            if share.users == 0:
                del self._shares[tenant]

    async def _wait(self, share: _Share) -> None:
        try:
            async with asyncio.timeout(self.wait_seconds):
                await share.free.acquire()
        except TimeoutError:
            raise StoreBusy from None
