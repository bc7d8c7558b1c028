"""Activities about a batch as a whole."""

from collections.abc import Callable
from datetime import datetime

from temporalio import activity

from activities.failures import translating_failures
from activities.messages import (
    ActedOnBatch,
    ActOnBatch,
    BeginBatch,
    ExpireBatch,
    FinishBatch,
    FinishedBatch,
)
from domain.audit import SIGNAL
from domain.batch import TERMINAL_BATCH
from domain.errors import BatchNotFound, Conflict
from domain.identity import BatchId
from domain.ports import BatchStore


class BatchActivities:
    """Read and move batches in the store."""

    def __init__(self, batches: BatchStore, clock: Callable[[], datetime]) -> None:
        self._batches = batches
        self._clock = clock

    @activity.defn
    @translating_failures
    async def begin_batch(self, request: BeginBatch) -> None:
        """Open a batch whose scheduled start has come."""
        await self._batches.begin(BatchId(request.batch_id), self._clock())

    @activity.defn
    @translating_failures
    async def act_on_batch(self, request: ActOnBatch) -> ActedOnBatch | None:
        """Pause, resume or cancel a batch; what its life cycle forbids changes nothing.

        None is what a worker of an earlier version answers.
        """
        try:
            acted = await self._batches.act(
                BatchId(request.batch_id), request.action, self._clock(), by=SIGNAL
            )
        except (Conflict, BatchNotFound) as refusal:
            return ActedOnBatch(str(refusal))
        return ActedOnBatch(f"now {acted.status}")

    @activity.defn
    @translating_failures
    async def expire_batch(self, request: ExpireBatch) -> None:
        """End a batch whose scheduled end has come."""
        await self._batches.expire(BatchId(request.batch_id), self._clock())

    @activity.defn
    @translating_failures
    async def finish_batch(self, request: FinishBatch) -> FinishedBatch:
        """Complete a batch whose contacts are all terminal."""
        batch = await self._batches.finish(BatchId(request.batch_id), self._clock())
        return FinishedBatch(is_over=batch.status in TERMINAL_BATCH)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (
            self.begin_batch,
            self.act_on_batch,
            self.expire_batch,
            self.finish_batch,
        )
