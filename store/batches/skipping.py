"""Skips everybody of whole batches at once: an upload may hold a hundred thousand people."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import WAITING, ContactStatus, SkipReason
from domain.identity import BatchId
from store.calls.undialled import cancel_undialled
from store.database.parameters import among
from store.schema.tables import calls, contacts

CANCELLABLE = WAITING | {ContactStatus.DISPATCHED}
"""A cancel skips contacts being set up as well; an expiry lets them go on."""


async def skip_everybody(
    connection: AsyncConnection,
    batch_ids: Sequence[BatchId],
    statuses: Collection[ContactStatus],
    *,
    reason: SkipReason,
    now: datetime,
) -> None:
    """Skip the contacts in the given statuses, and cancel their attempts that were never asked for.

    Attempts that are being asked for or were placed are left to what is heard of them.
    The caller holds the batches' locks.
    """
    skipped = (
        update(contacts)
        .where(contacts.c.batch_id == among(batch_ids), contacts.c.status.in_(sorted(statuses)))
        .values(
            status=ContactStatus.SKIPPED,
            skip_reason=reason,
            next_retry_at=None,
            follow_up_at=None,
            updated_at=now,
        )
    )
    await connection.execute(skipped)
    undialled = cancel_undialled(
        now,
        calls.c.batch_id == among(batch_ids),
        contacts.c.contact_id == calls.c.contact_id,
        contacts.c.status == ContactStatus.SKIPPED,
    )
    await connection.execute(undialled)
