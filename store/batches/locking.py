"""Locks a batch beneath its campaign: campaign, batch, contact, call is the order of locks in this room."""

from dataclasses import replace

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch
from domain.campaign import CampaignStatus
from domain.errors import BatchNotFound
from store.batches.counting import counters_of
from store.schema.mapping import batch_of
from store.schema.tables import batches, campaigns

# The campaign's lock makes two last batches end one after the other; the batch's makes claims wait.
_LOCKED = (
    select(batches, campaigns.c.status.label("campaign_status"))
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .suffix_with(text("FOR NO KEY UPDATE OF campaigns FOR NO KEY UPDATE OF batches"))
)


async def locked_batch(
    connection: AsyncConnection, *matching: ColumnElement[bool]
) -> tuple[Batch, CampaignStatus]:
    """Return a batch, its counters left at zero, and its campaign's status. Raises BatchNotFound."""
    row = (await connection.execute(_LOCKED.where(*matching))).mappings().one_or_none()
    if row is None:
        raise BatchNotFound
    return batch_of(row), CampaignStatus(row["campaign_status"])


async def counted(connection: AsyncConnection, batch: Batch) -> Batch:
    """Return a batch with counters from its contacts as they stand now."""
    counters = await counters_of(connection, [batch.batch_id])
    return replace(batch, counters=counters[batch.batch_id])
