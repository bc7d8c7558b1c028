"""A batch's counters as its workflow knows them, else as they are stored."""

import asyncio
from enum import StrEnum
from functools import partial

from api.http.dependencies import ApiDependencies
from domain.batch import TERMINAL_BATCH, Batch
from domain.counters import Counters
from domain.errors import EngineUnavailable
from domain.identity import BatchId
from observability.metrics import Telemetry

PATIENCE_SECONDS = 1.0
"""The database has nearly the same answer."""


class CounterSource(StrEnum):
    """Where counters come from; values of `X-Counters-Source`."""

    WORKFLOW = "workflow"
    DATABASE = "database"


async def live_counters(
    dependencies: ApiDependencies, telemetry: Telemetry, batch: Batch
) -> tuple[Counters, CounterSource]:
    """Return the batch's counters and their source; they always sum to its contacts.

    Clients that watch a batch at the same time share one query of its workflow. Its contacts are counted
    only where no workflow answers, or where it answers too slowly.
    """
    if batch.status not in TERMINAL_BATCH and not dependencies.live_numbers.is_late(batch.batch_id):
        question = partial(_ask_and_count, dependencies, telemetry, batch.batch_id)
        counters = await dependencies.live_numbers.ask(batch.batch_id, question)
        if counters is not None and counters.total == batch.total_contacts:
            return counters, CounterSource.WORKFLOW
    count = partial(dependencies.batches.count, batch.batch_id)
    return await dependencies.counted_batches.ask(batch.batch_id, count), CounterSource.DATABASE


async def _ask_and_count(
    dependencies: ApiDependencies, telemetry: Telemetry, batch_id: BatchId
) -> Counters | None:
    counters = await _ask_workflow(dependencies, batch_id)
    telemetry.counters_asked_for(CounterSource.DATABASE if counters is None else CounterSource.WORKFLOW)
    return counters


async def _ask_workflow(dependencies: ApiDependencies, batch_id: BatchId) -> Counters | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            tally = await dependencies.engine.tally(batch_id)
    except (EngineUnavailable, TimeoutError):
        return None
    return None if tally is None else tally.split(await dependencies.batches.count_in_progress(batch_id))
