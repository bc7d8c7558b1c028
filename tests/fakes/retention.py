"""Retention that finds nothing too old."""

from collections.abc import Callable, Sequence
from datetime import datetime

from activities.retention import RetentionParts
from domain.identity import BatchId
from domain.ports import Expiries, Outdated
from tests.fakes.audit import FakeAuditLog
from tests.fakes.idempotency import FakeIdempotencyStore
from tests.fakes.tables import Tables


class NothingOutdated:
    """Implements RetentionStore."""

    async def outdated(self, expiries: Expiries) -> Outdated:
        return Outdated()

    async def outdated_batches(self, ended_before: datetime, limit: int) -> Sequence[BatchId]:
        return ()

    async def empty_page(
        self, batch_id: BatchId, after_position: int, limit: int, now: datetime
    ) -> int | None:
        return None

    async def finish_erasures(self, now: datetime, limit: int) -> int:
        return 0

    async def forget_hashes(self, now: datetime, limit: int) -> int:
        return 0


def nothing_outdated(tables: Tables, clock: Callable[[], datetime]) -> RetentionParts:
    """Return the parts of a retention that keeps everything for ever."""
    return RetentionParts(
        store=NothingOutdated(),
        audit_log=FakeAuditLog(),
        keys=FakeIdempotencyStore(tables),
        batches_for=None,
        audit_log_for=None,
        clock=clock,
    )
