"""Completes a batch whose last contact is done, and a campaign whose last batch is."""

from datetime import datetime

from sqlalchemy import exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus
from domain.campaign import CampaignStatus
from domain.errors import BatchNotFound
from domain.identity import BatchId, CampaignId
from store.counting import counters_of
from store.mapping import batch_of
from store.tables import batches, campaigns

_COMPLETABLE = (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)

# The campaign's lock makes two last batches end one after the other; the batch's makes claims wait.
_LOCKED = (
    select(batches)
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .suffix_with(text("FOR NO KEY UPDATE OF campaigns FOR NO KEY UPDATE OF batches"))
)


async def finish_batch(connection: AsyncConnection, batch_id: BatchId, now: datetime) -> Batch:
    """Complete a batch if nothing is left to do; see `BatchStore.finish`. Runs within a transaction."""
    locked = await connection.execute(_LOCKED.where(batches.c.batch_id == batch_id))
    row = locked.mappings().one_or_none()
    if row is None:
        raise BatchNotFound
    counters = (await counters_of(connection, [batch_id]))[batch_id]
    batch = batch_of(row, counters)
    if batch.status in TERMINAL_BATCH or counters.unfinished:
        return batch
    completed = await connection.execute(
        update(batches)
        .where(batches.c.batch_id == batch_id)
        .values(status=BatchStatus.COMPLETED, paused_by=None, updated_at=now)
        .returning(batches)
    )
    await _complete_campaign(connection, batch.campaign_id, now)
    return batch_of(completed.mappings().one(), counters)


async def _complete_campaign(connection: AsyncConnection, campaign_id: CampaignId, now: datetime) -> None:
    unfinished = exists().where(batches.c.campaign_id == campaign_id, batches.c.status.not_in(TERMINAL_BATCH))
    await connection.execute(
        update(campaigns)
        .where(campaigns.c.campaign_id == campaign_id, campaigns.c.status.in_(_COMPLETABLE), ~unfinished)
        .values(status=CampaignStatus.COMPLETED, updated_at=now)
    )
