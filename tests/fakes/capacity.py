"""Campaigns' caps in memory."""

from collections.abc import Sequence

from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.contact import LIVE
from domain.identity import BatchId, CampaignId
from domain.ports import SlotUser
from tests.fakes.tables import Tables


class FakeCapacityStore:
    """Implements CapacityStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def concurrency_limit(self, campaign_id: CampaignId) -> int | None:
        """Return the campaign's cap as it is now; None without one, and for a campaign that is gone."""
        self._tables.require_up()
        campaign = self._tables.campaigns.get(campaign_id)
        if campaign is None or campaign_id in self._tables.deleted:
            return None
        return campaign.rules.concurrency_limit

    async def running_batches(self, campaign_id: CampaignId, limit: int) -> Sequence[BatchId]:
        """Return a campaign's batches that are under way or paused, oldest first."""
        self._tables.require_up()
        running = [
            each
            for each in self._tables.batches.values()
            if each.campaign_id == campaign_id
            and each.status in (BatchStatus.IN_PROGRESS, BatchStatus.PAUSED)
        ]
        running.sort(key=lambda each: (each.created_at, each.batch_id))
        return [each.batch_id for each in running[:limit]]

    async def slot_users(self, batch_ids: Sequence[BatchId]) -> Sequence[SlotUser]:
        """Return how each batch stands; one that is gone is over and has nobody live."""
        self._tables.require_up()
        return [self._slot_user(each) for each in batch_ids]

    def _slot_user(self, batch_id: BatchId) -> SlotUser:
        batch = self._tables.batches.get(batch_id)
        if batch is None:
            return SlotUser(batch_id=batch_id, live=0, is_over=True)
        live = sum(contact.status in LIVE for contact in self._tables.contacts_of(batch_id))
        return SlotUser(batch_id=batch_id, live=live, is_over=batch.status in TERMINAL_BATCH)
