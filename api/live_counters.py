"""A batch's counters as its workflow knows them, else as they are stored."""

from enum import StrEnum

from api.parts import ApiParts
from domain.batch import TERMINAL_BATCH, Batch
from domain.counters import BatchTally, Counters
from domain.errors import EngineUnavailable


class CounterSource(StrEnum):
    """Where counters come from; values of `X-Counters-Source`."""

    WORKFLOW = "workflow"
    DATABASE = "database"


async def live_counters(parts: ApiParts, batch: Batch) -> tuple[Counters, CounterSource]:
    """Return the batch's counters and who told them; they always sum to its contacts."""
    tally = None if batch.status in TERMINAL_BATCH else await _tally(parts, batch)
    if tally is not None:
        counters = tally.split(await parts.batches.count_in_progress(batch.batch_id))
        if counters.total == batch.total_contacts:
            return counters, CounterSource.WORKFLOW
    return batch.counters, CounterSource.DATABASE


async def _tally(parts: ApiParts, batch: Batch) -> BatchTally | None:
    try:
        return await parts.engine.tally(batch.batch_id)
    except EngineUnavailable:
        return None
