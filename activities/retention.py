"""Empties and forgets what was kept for as long as it is to be kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from temporalio import activity

from activities.failures import translating_failures
from activities.housekeeping import HousekeepingTerm, repeated, until_over
from domain.identity import BatchId
from domain.ports import AuditLog, Expiries, IdempotencyStore, RetentionStore

_log = structlog.get_logger()
T = TypeVar("T")

EVERY = timedelta(minutes=1)
BATCHES_AT_ONCE = 20
PAGE = 200
"""Contacts in one transaction: some tens of milliseconds."""
ENTRIES = 1000
RESTS = 3
"""How many times as long as a transaction took the next one is put off: calls can not wait, and this can."""


@dataclass(frozen=True, kw_only=True)
class RetentionParts:
    """What is kept, for how long, and by which clock; None keeps it for ever."""

    store: RetentionStore
    audit_log: AuditLog
    keys: IdempotencyStore
    batches_for: timedelta | None
    audit_log_for: timedelta | None
    clock: Callable[[], datetime]
    """The database's."""

    @property
    def expiries(self) -> Expiries:
        """The instants before which something is too old now."""
        now = self.clock()
        return Expiries(
            batches=None if self.batches_for is None else now - self.batches_for,
            audit_log=None if self.audit_log_for is None else now - self.audit_log_for,
        )


class RetentionActivities:
    """Keep nothing longer than it is to be kept."""

    def __init__(self, parts: RetentionParts) -> None:
        self._parts = parts

    @activity.defn
    @translating_failures
    async def apply_retention(self, term: HousekeepingTerm) -> None:
        """Empty batches that ended long ago, finish erasures, forget old entries and keys."""
        await until_over(repeated(self.purge_all, "apply_retention", EVERY), term)

    async def purge_all(self) -> None:
        """Do it once, for all there is now. Raises StoreUnavailable; what is left is found again."""
        await purge(self._parts)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.apply_retention,)


async def purge(parts: RetentionParts) -> None:
    """Empty and forget all that is too old now, a little at a time. Raises StoreUnavailable."""
    expiries = parts.expiries
    while await _at_ease(parts.store.finish_erasures(parts.clock(), PAGE)) == PAGE:
        pass
    while await _at_ease(parts.store.forget_hashes(parts.clock(), PAGE)) == PAGE:
        pass
    await parts.keys.forget_old()
    if expiries.batches is not None:
        await _empty_batches(parts, expiries.batches)
    if expiries.audit_log is not None:
        while await _at_ease(parts.audit_log.forget(expiries.audit_log, ENTRIES)) == ENTRIES:
            pass


async def _empty_batches(parts: RetentionParts, ended_before: datetime) -> None:
    """Empty every batch once; those of whom somebody held a contact come again in the next round."""
    tried: Sequence[BatchId] = ()
    while (found := await parts.store.outdated_batches(ended_before, BATCHES_AT_ONCE)) and found != tried:
        for batch_id in found:
            await _empty(parts, batch_id)
            _log.info("batch emptied", batch_id=batch_id)
        tried = found


async def _empty(parts: RetentionParts, batch_id: BatchId) -> None:
    position: int | None = 0
    while position is not None:
        position = await _at_ease(parts.store.empty_page(batch_id, position, PAGE, parts.clock()))


async def _at_ease(step: Awaitable[T]) -> T:
    """Take a step, then rest in proportion to what it took."""
    began_at = time.monotonic()
    done = await step
    await asyncio.sleep(RESTS * (time.monotonic() - began_at))
    return done
