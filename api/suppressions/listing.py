"""Opting numbers out, and notifying the workflows of the contacts that were skipped for it."""

from collections.abc import Sequence
from datetime import datetime

from api.http.dependencies import ApiDependencies
from api.http.notification import signal_each, signal_workflow
from domain.identity import ExecutionId
from domain.suppression import SkippedContact

MAX_NOTIFIED = 1000
"""Workflows of further skipped contacts find out when they wake, their batches in their next sweep."""


async def opt_out(dependencies: ApiDependencies, execution_id: ExecutionId, now: datetime) -> None:
    """Suppress the number of a call whose callee asked for it. Raises ExecutionNotFound, StoreUnavailable."""
    skipped = await dependencies.suppressions.opt_out(execution_id, now)
    await notify_skipped(dependencies, skipped)


async def notify_skipped(dependencies: ApiDependencies, skipped: Sequence[SkippedContact]) -> None:
    """Tell batches which contacts they need not wait for; a batch that misses it finds out by itself."""

    async def notify(each: SkippedContact) -> bool:
        signal = dependencies.engine.contact_skipped(each.batch_id, each.contact_id, each.was)
        return await signal_workflow(signal, batch_id=each.batch_id, contact_id=each.contact_id)

    for each in skipped:
        dependencies.live_numbers.forget(each.batch_id)
    await signal_each(skipped[:MAX_NOTIFIED], notify)
