"""Reads a batch for its followers: the row, live counters, and every few seconds the diagnosis."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from api.batches.counters import live_counters
from api.batches.schemas import BatchOut
from api.diagnosis.answer import debug_answer
from api.diagnosis.reading import read_batch
from api.followers.snapshots import Snapshot
from api.http.dependencies import ApiDependencies
from domain.batch import TERMINAL_BATCH
from domain.errors import BatchNotFound, TechnicalError
from domain.identity import BatchId, OrganizationId
from observability.metrics import Telemetry

DIAGNOSED_EVERY_SECONDS = 5.0
"""A diagnosis asks every part, and may take half of it."""


@dataclass
class BatchReader:
    """One batch of one organization."""

    dependencies: ApiDependencies
    telemetry: Telemetry
    organization_id: OrganizationId
    batch_id: BatchId
    _finding: dict[str, str | None] = field(default_factory=lambda: {"diagnosis": None, "tip": None})
    _diagnosed_at: float = -DIAGNOSED_EVERY_SECONDS
    _diagnosing: asyncio.Task[None] | None = None

    async def read(self) -> Snapshot:
        """Return the batch as it stands. Raises BatchNotFound, StoreUnavailable."""
        key = (self.organization_id, self.batch_id)
        batch, campaign = await self.dependencies.watched_batches.ask(
            key, partial(self.dependencies.batches.get_uncounted, *key)
        )
        counters, _ = await live_counters(self.dependencies, self.telemetry, batch)
        is_over = batch.status in TERMINAL_BATCH
        if not is_over:
            self._look()
        shown = BatchOut.of(batch, campaign, counters).model_dump(mode="json")
        return Snapshot({**shown, **self._finding}, is_last=is_over and counters.live == 0)

    def _look(self) -> None:
        """Have the batch diagnosed beside the reads, for they go on ten times as often."""
        now = asyncio.get_running_loop().time()
        is_due = now - self._diagnosed_at >= DIAGNOSED_EVERY_SECONDS
        if is_due and (self._diagnosing is None or self._diagnosing.done()):
            self._diagnosed_at = now
            self._diagnosing = asyncio.create_task(self._diagnose())

    async def _diagnose(self) -> None:
        now = self.dependencies.clock()
        try:
            reading = await read_batch(self.dependencies, self.organization_id, self.batch_id, now)
        except (BatchNotFound, TechnicalError):
            return
        answer = debug_answer(reading, now)
        self._finding = {"diagnosis": answer.diagnosis, "tip": answer.diagnostics.tip}
