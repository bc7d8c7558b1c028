"""What campaigns' caps are, and who is live under them."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.campaign import CONCURRENCY_KEY
from domain.contact import LIVE
from domain.identity import BatchId, CampaignId
from domain.ports import SlotUser
from store.counting import among
from store.engine import single_statement
from store.tables import batches, campaigns, contacts

_UNDER_WAY = (BatchStatus.IN_PROGRESS, BatchStatus.PAUSED)


class PostgresCapacityStore:
    """The caps of all campaigns; implements `CapacityStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def concurrency_limit(self, campaign_id: CampaignId) -> int | None:
        """Return the campaign's cap as it is now; None without one, and for a campaign that is gone."""
        c = campaigns.c
        cap = select(c.client_metadata[CONCURRENCY_KEY]).where(
            c.campaign_id == campaign_id, c.deleted_at.is_(None)
        )
        async with single_statement(self._engine) as connection:
            limit = await connection.scalar(cap)
        return limit if isinstance(limit, int) else None

    async def running_batches(self, campaign_id: CampaignId, limit: int) -> Sequence[BatchId]:
        """Return a campaign's batches that are under way or paused, oldest first."""
        c = batches.c
        running = (
            select(c.batch_id)
            .where(c.campaign_id == campaign_id, c.status.in_(_UNDER_WAY))
            .order_by(c.created_at, c.batch_id)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            return list((await connection.scalars(running)).all())

    async def slot_users(self, batch_ids: Sequence[BatchId]) -> Sequence[SlotUser]:
        """Return how each batch stands; one that is gone is over and has nobody live."""
        b, c = batches.c, contacts.c
        live = (
            select(func.count())
            .select_from(contacts)
            .where(c.batch_id == b.batch_id, c.status.in_(sorted(LIVE)))
            .scalar_subquery()
        )
        standing = select(b.batch_id, b.status, live).where(b.batch_id == among(batch_ids))
        async with single_statement(self._engine) as connection:
            rows = (await connection.execute(standing)).all()
        known = {
            batch_id: SlotUser(batch_id=batch_id, live=count, is_over=status in TERMINAL_BATCH)
            for batch_id, status, count in rows
        }
        return [known.get(each, SlotUser(batch_id=each, live=0, is_over=True)) for each in batch_ids]
