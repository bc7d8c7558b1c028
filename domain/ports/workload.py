"""How much there is to call, for the operators of a deployment."""

from datetime import datetime
from typing import Protocol

from domain.workload import Workload


class WorkloadStore(Protocol):
    """The batches that run, all together."""

    async def read(self, now: datetime) -> Workload:
        """Return what they have to call, read at a cost that no number of contacts raises."""
