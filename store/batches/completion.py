"""Completes a batch whose last contact is done, and a campaign whose last batch is."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import TERMINAL_BATCH, UNFINISHED_BATCH, Batch, BatchStatus
from domain.campaign import CampaignStatus
from domain.identity import BatchId, CampaignId
from store.batches.kept_counts import keep_counts
from store.batches.locking import counted, locked_batch
from store.batches.moves import ended, move_batches
from store.schema.tables import batches, campaigns

_COMPLETABLE = (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)


async def finish_batch(connection: AsyncConnection, batch_id: BatchId, now: datetime) -> Batch:
    """Complete a batch if nothing is left to do; see `BatchStore.finish`. Runs within a transaction."""
    locked, _ = await locked_batch(connection, batches.c.batch_id == batch_id)
    batch = await counted(connection, locked)
    if batch.status in TERMINAL_BATCH or batch.counters.unfinished or batch.keep_open:
        return batch
    is_this = batches.c.batch_id == batch_id
    (completed,) = await move_batches(connection, ended(BatchStatus.COMPLETED), now, is_this)
    await keep_counts(connection, [batch_id])
    await complete_campaign(connection, batch.campaign_id, now)
    return replace(completed, counters=batch.counters)


async def complete_campaign(connection: AsyncConnection, campaign_id: CampaignId, now: datetime) -> None:
    """Complete a campaign if its last batch is terminal. The caller holds the campaign's lock."""
    b = batches.c
    unfinished = exists().where(b.campaign_id == campaign_id, b.status.in_(sorted(UNFINISHED_BATCH)))
    await connection.execute(
        update(campaigns)
        .where(campaigns.c.campaign_id == campaign_id, campaigns.c.status.in_(_COMPLETABLE), ~unfinished)
        .values(status=CampaignStatus.COMPLETED, updated_at=now)
    )
