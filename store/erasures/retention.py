"""Empties batches that ended long ago, some contacts at a time.

It waits for nobody: rows that somebody holds are passed over, and their batch is found again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.identity import BatchId, ContactId, OrganizationId
from domain.ports import Expiries, Outdated
from store.database.engine import single_statement, transaction
from store.erasures.erasing import Eraser, WriteBody
from store.schema.base import INSTANT

SETTLED_WITHIN = timedelta(minutes=1)
"""So long a contact may wait for the settlement that empties it."""

_before = bindparam("before", type_=INSTANT)

_OUTDATED = """
    FROM batches
    WHERE erased_at IS NULL AND status IN ('completed', 'cancelled', 'expired')
        AND coalesce(ended_at, updated_at) < :before
"""
_COUNT = text(f"SELECT count(*), coalesce(sum(total_contacts), 0) {_OUTDATED}").bindparams(_before)
_COUNT_ENTRIES = text("SELECT count(*) FROM audit_log WHERE at < :before").bindparams(_before)
_FIND = text(f"SELECT batch_id {_OUTDATED} ORDER BY coalesce(ended_at, updated_at) LIMIT :limit").bindparams(
    _before
)
_OWNER = text("SELECT organization_id FROM batches WHERE batch_id = :batch")
_NEXT = text(
    """
    SELECT position, contact_id FROM contacts
    WHERE batch_id = :batch AND position > :after AND position <= :after + :limit
    ORDER BY position
    """
)
_HOLD = text(
    """
    SELECT contact_id FROM contacts WHERE contact_id = ANY(:these) AND erased_at IS NULL
    FOR NO KEY UPDATE SKIP LOCKED
    """
)
_MARK_BATCH = text(
    """
    UPDATE batches SET erased_at = :now WHERE batch_id = :batch
        AND NOT EXISTS (SELECT FROM contacts WHERE batch_id = :batch AND erased_at IS NULL)
    """
).bindparams(bindparam("now", type_=INSTANT))
_FINISH = text(
    """
    UPDATE contacts SET erased_at = erased_at WHERE contact_id = ANY(ARRAY(
        SELECT contact_id FROM contacts
        WHERE erased_at < :before AND phone_number <> '' AND NOT EXISTS (
            SELECT FROM calls WHERE calls.contact_id = contacts.contact_id
                AND call_status IN ('queued', 'ringing', 'in_progress')
        )
        ORDER BY erased_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ))
    """
).bindparams(_before)

_FORGET_HASHES = text(
    """
    UPDATE calls SET number_hash = NULL, hash_until = NULL WHERE execution_id = ANY(ARRAY(
        SELECT execution_id FROM calls WHERE hash_until < :now
        ORDER BY hash_until LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ))
    """
).bindparams(bindparam("now", type_=INSTANT))


class PostgresRetentionStore:
    """Whatever has an age; implements `RetentionStore`."""

    def __init__(self, engine: AsyncEngine, write_body: WriteBody) -> None:
        self._engine = engine
        self._write_body = write_body

    async def outdated(self, expiries: Expiries) -> Outdated:
        """Count what is no longer to be kept."""
        batches = contacts = entries = 0
        async with single_statement(self._engine) as connection:
            if expiries.batches is not None:
                found = (await connection.execute(_COUNT, {"before": expiries.batches})).one()
                batches, contacts = int(found[0]), int(found[1])
            if expiries.audit_log is not None:
                counted = await connection.execute(_COUNT_ENTRIES, {"before": expiries.audit_log})
                entries = int(counted.scalar_one())
        return Outdated(batches=batches, contacts=contacts, audit_entries=entries)

    async def outdated_batches(self, ended_before: datetime, limit: int) -> Sequence[BatchId]:
        """Return batches that ended before an instant and still tell who was called, longest over first."""
        async with single_statement(self._engine) as connection:
            found = await connection.scalars(_FIND, {"before": ended_before, "limit": limit})
            return [BatchId(each) for each in found]

    async def empty_page(
        self, batch_id: BatchId, after_position: int, limit: int, now: datetime
    ) -> int | None:
        """Empty the next contacts of a batch that is over; returns the last one's position, None at the end.

        With the last of them the batch counts as emptied, unless somebody held one.
        """
        page = {"batch": batch_id, "after": after_position, "limit": limit}
        async with transaction(self._engine) as connection:
            owner = str(await connection.scalar(_OWNER, {"batch": batch_id}))
            eraser = Eraser(organization_id=OrganizationId(owner), write_body=self._write_body)
            found = (await connection.execute(_NEXT, page)).all()
            these = [each.contact_id for each in found]
            held = (await connection.scalars(_HOLD, {"these": these})).all()
            if held:
                await eraser.empty(connection, [ContactId(each) for each in held], now)
            if len(found) == limit:
                return int(found[-1].position)
            await connection.execute(_MARK_BATCH, {"batch": batch_id, "now": now})
        return None

    async def finish_erasures(self, now: datetime, limit: int) -> int:
        """Empty erased contacts whose calls have ended, and who were not settled since; returns how many."""
        asked = {"before": now - SETTLED_WITHIN, "limit": limit}
        async with single_statement(self._engine) as connection:
            return (await connection.execute(_FINISH, asked)).rowcount

    async def forget_hashes(self, now: datetime, limit: int) -> int:
        """Forget the hashes of erased numbers whose calls nothing counts any more; returns how many."""
        async with single_statement(self._engine) as connection:
            return (await connection.execute(_FORGET_HASHES, {"now": now, "limit": limit})).rowcount
