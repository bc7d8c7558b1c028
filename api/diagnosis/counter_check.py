"""Whether a batch's workflow counts as its rows do, asked twice where they seem to differ."""

import asyncio
from collections.abc import Collection, Mapping

from api.http.dependencies import ApiDependencies
from domain.contact import ContactStatus
from domain.counters import BatchTally, CounterDifference
from domain.diagnosis.counter_check import has_counted, unexplained_differences
from domain.errors import TechnicalError
from domain.identity import BatchId
from domain.ports import StatusShare

A_MOMENT_SECONDS = 0.3
"""Until both are looked at again; what is on its way arrives meanwhile."""
LOOK_SECONDS = 0.9
"""For the second look, with the moment before it."""


async def counter_differences(
    parts: ApiDependencies,
    batch_id: BatchId,
    tally: BatchTally | None,
    standings: Mapping[ContactStatus, StatusShare],
    *,
    deadline: float,
) -> Collection[CounterDifference] | None:
    """Return where workflow and rows differ at the first look, given, and a moment later; None where unknown.

    `deadline` is an instant of the running loop after which nobody waits.
    """
    if tally is None or not has_counted(tally):
        return None
    found = unexplained_differences(tally, standings, parts.clock())
    if not found:
        return found
    end = min(deadline, asyncio.get_running_loop().time() + LOOK_SECONDS)
    try:
        async with asyncio.timeout_at(end):
            await asyncio.sleep(A_MOMENT_SECONDS)
            tally = await parts.engine.tally(batch_id)
            standings = await parts.diagnostics.standings(batch_id)
    except (TimeoutError, TechnicalError):
        return None
    if tally is None:
        return None
    return found & unexplained_differences(tally, standings, parts.clock())
